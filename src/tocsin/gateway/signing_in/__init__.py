"""How people prove who they are, on every surface in the same way."""

from __future__ import annotations

from tocsin.gateway.signing_in.entrance import INVITATION, Entrance, Halfway, Proved
from tocsin.gateway.signing_in.links import Links, Opened
from tocsin.gateway.signing_in.passkeys import AGAIN, SECOND, SIGN_IN, Passkeys, Question
from tocsin.gateway.signing_in.provider import Provider, ProviderError, Settings
from tocsin.gateway.signing_in.security import Security, Standing
from tocsin.gateway.signing_in.sessions import Sessions
from tocsin.gateway.signing_in.sign_on import CALLBACK, SignOn
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel.clock import Clock
from tocsin.kernel.net import Net
from tocsin.storage import Database


class SigningIn:
    """Everything about it, put together once for one Tocsin."""

    def __init__(
        self, database: Database, clock: Clock, base_url: str, *, net: Net | None = None,
        sign_on: Settings | None = None, entrance: Entrance | None = None,
    ) -> None:  # fmt: skip
        """`sign_on`: the provider of single sign-on, asked through `net`; None = there is none."""
        only = sign_on is not None and sign_on.required
        self.entrance = entrance or Entrance(database, clock, sign_on_only=only)
        self.sessions = Sessions(database, clock, sign_on_only=only)
        self.passkeys = Passkeys(database, clock, self.entrance, base_url)
        self.links = Links(database, clock, self.entrance, base_url)
        self.security = Security(database, clock, self.entrance, self.passkeys)
        self.sign_on: SignOn | None = None
        if sign_on is not None and net is not None:
            self.sign_on = SignOn(database, clock, self.entrance, Provider(sign_on, net, clock), base_url)


__all__ = [
    "AGAIN",
    "CALLBACK",
    "INVITATION",
    "SECOND",
    "SIGN_IN",
    "Entrance",
    "Halfway",
    "Links",
    "Opened",
    "Passkeys",
    "Proved",
    "Provider",
    "ProviderError",
    "Question",
    "Security",
    "Settings",
    "SignOn",
    "SigningIn",
    "Standing",
    "Whence",
]
