"""Joins the pages and addresses of OAuth with the network, the key and the database."""

from __future__ import annotations

from tocsin.gateway import Door
from tocsin.gateway.oauth import Authority, Documents, TokenDesk
from tocsin.kernel.net import Net
from tocsin.rest.oauth import OAuthEndpoints
from tocsin.runtime.foundation import Foundation


def authority(ground: Foundation, door: Door, net: Net, base_url: str) -> Authority:
    """Who asks people whether a program may be let in. Its documents come from the public internet alone, whatever may
    be watched here: their addresses are strangers' words."""
    return Authority(ground.database, door, ground.clock, ground.vault, Documents(net, ground.clock), base_url)


def oauth_endpoints(ground: Foundation, base_url: str) -> OAuthEndpoints:
    """Where programs find out how to be let in, and fetch their tokens."""
    return OAuthEndpoints(TokenDesk(ground.database, ground.clock, base_url))
