"""OAuth at the door: programs ask, people consent, and what they consent to is an agent in the list."""

from tocsin.agents.model.oauth import ACCESS_TOKEN_LIFETIME, Issued, Problem
from tocsin.agents.rules.authorizing import Parameters
from tocsin.agents.rules.scopes import BROAD, SCOPES
from tocsin.gateway.oauth.authority import (
    Asked,
    Authority,
    Back,
    Cannot,
    SecondAsked,
    SignedIn,
    WrongPassword,
    new_binding,
)
from tocsin.gateway.oauth.documents import Documents
from tocsin.gateway.oauth.tokens import Registered, Shown, TokenDesk
from tocsin.gateway.signing_in.trail import Whence

__all__ = [
    "ACCESS_TOKEN_LIFETIME",
    "BROAD",
    "SCOPES",
    "Asked",
    "Authority",
    "Back",
    "Cannot",
    "Documents",
    "Issued",
    "Parameters",
    "Problem",
    "Registered",
    "SecondAsked",
    "Shown",
    "SignedIn",
    "TokenDesk",
    "Whence",
    "WrongPassword",
    "new_binding",
]
