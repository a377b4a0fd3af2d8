"""Joins the pages and addresses of OAuth with the network, the key and the database."""

from __future__ import annotations

from tocsin.gateway import Door
from tocsin.gateway.oauth import Authority, Documents, TokenDesk
from tocsin.gateway.signing_in import Entrance
from tocsin.kernel.net import Net
from tocsin.rest.oauth import OAuthEndpoints
from tocsin.runtime.foundation import Foundation


def authority(ground: Foundation, door: Door, net: Net, base_url: str, entrance: Entrance) -> Authority:
    """Who asks people whether a program may be let in. Its documents come from the public internet alone, whatever may
    be watched here: their addresses are strangers' words."""
    documents = Documents(net, ground.clock)
    return Authority(ground.database, door, ground.clock, ground.vault, documents, base_url, entrance)


def oauth_endpoints(ground: Foundation, base_url: str) -> OAuthEndpoints:
    """Where programs find out how to be let in, and fetch their tokens."""
    return OAuthEndpoints(TokenDesk(ground.database, ground.clock, base_url))
