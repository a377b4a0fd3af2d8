"""Single sign-on: people come back from their organisation's provider, and are let in as who they are there."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

import msgspec
import structlog

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import INVITED, Role
from tocsin.gateway.signing_in import trail
from tocsin.gateway.signing_in.entrance import SIGN_ON, Entrance, Proved
from tocsin.gateway.signing_in.provider import Claims, Provider, ProviderError
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.kernel.errors import Invalid
from tocsin.storage import Database, Tx

log = structlog.get_logger()

CALLBACK = "/sign-in/sso/callback"
LASTS_MS = 15 * 60_000
"""Between leaving for the provider and coming back."""
MAX_CODE = 4_096
NOT_SO = "Signing in did not work. Start again."


class _Journey(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered while somebody is at the provider: sealed in a cookie, so of this browser alone."""

    state: str
    nonce: str
    verifier: str
    there: str
    at_ms: int
    issuer: str
    again: int | None
    """Of a session whose person proves once more to be the one; None = somebody signs in."""


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody came back, and is who the provider says."""

    proved: Proved
    there: str
    """The address on to which they wanted."""
    again: int | None


class SignOn:
    """The way through one provider."""

    def __init__(self, database: Database, clock: Clock, entrance: Entrance, provider: Provider, base_url: str) -> None:
        self._database = database
        self._clock = clock
        self._entrance = entrance
        self._provider = provider
        self._redirect_uri = f"{base_url}{CALLBACK}"
        self.name = provider.settings.name

    async def leave(self, there: str, whence: Whence, again: int | None = None) -> tuple[str, str]:
        """(where the browser is sent, what its cookie keeps). Raises ProviderError, and TooMany."""
        self._entrance.guesses.any(whence.client_address)
        journey = _Journey(
            state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48),
            there=there, at_ms=to_milliseconds(self._clock.now()), issuer=self._provider.settings.issuer, again=again,
        )  # fmt: skip
        digest = hashlib.sha256(journey.verifier.encode()).digest()
        address = await self._provider.address(
            redirect_uri=self._redirect_uri, state=journey.state, nonce=journey.nonce,
            challenge=base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        )  # fmt: skip
        if again is not None:
            address += "&prompt=login&max_age=0"
        return address, await self._database.read(_seal, msgspec.json.encode(journey).decode())

    async def come_back(self, cookie: str, answer: dict[str, str], whence: Whence) -> Back:
        """Whoever came back. `answer`: the parameters of the address. Raises Invalid, ProviderError and TooMany."""
        self._entrance.guesses.any(whence.client_address)
        journey = await self._database.read(_open, cookie)
        age_ms = None if journey is None else to_milliseconds(self._clock.now()) - journey.at_ms
        if journey is None or age_ms is None or not 0 <= age_ms <= LASTS_MS:
            raise Invalid("That took too long, or began in another browser. Start again.")
        if not hmac.compare_digest(journey.state.encode(), answer.get("state", "").encode()):
            raise Invalid(NOT_SO)
        place = await self._provider.place()
        said_by = answer.get("iss")
        # Another provider's answer that was smuggled in here (RFC 9207).
        if journey.issuer != place.issuer or said_by not in (None, place.issuer):
            raise Invalid(NOT_SO)
        if said_by is None and place.authorization_response_iss_parameter_supported:
            raise Invalid(NOT_SO)
        code = answer.get("code", "")
        if "error" in answer or not code or len(code) > MAX_CODE:
            raise Invalid(f"{self.name} did not let you in.")
        claims = await self._provider.claims(
            code=code, redirect_uri=self._redirect_uri, verifier=journey.verifier, nonce=journey.nonce
        )
        if journey.again is not None:
            asked_ms = (claims.asked_at or 0) * 1_000
            if to_milliseconds(self._clock.now()) - asked_ms > LASTS_MS:
                raise Invalid(f"{self.name} did not ask anew who you are.")
        found = await self._database.write(self._welcome, claims, whence)
        if isinstance(found, str):
            log.warning("single sign-on refused", why=found, subject=claims.subject)
            raise Invalid(found)
        return Back(proved=Proved(user_id=found, means=SIGN_ON), there=journey.there, again=journey.again)

    def _welcome(self, tx: Tx, claims: Claims, whence: Whence) -> int | str:
        """Who that is here; a sentence when it is nobody."""
        settings = self._provider.settings
        known = accounts.known_elsewhere(tx, settings.issuer, claims.subject)
        refusal = _objection(claims, settings.domains)
        if refusal is not None:
            trail.by_stranger(tx, whence, trail.SIGN_IN, None if known is None else known.id, refusal)
            return f"{refusal[:1].upper()}{refusal[1:]}."
        if known is not None:
            return known.id
        user = accounts.user_by_email(tx, claims.email)
        if user is not None and accounts.is_linked(tx, user.id, settings.issuer):
            # Their address was given to somebody else there: it must not open what was the first one's.
            reason = "that address belongs to another account of the provider"
            trail.by_stranger(tx, whence, trail.SIGN_IN, user.id, reason)
            return "Your address belongs to somebody else here. Ask an administrator."
        if user is None and not settings.team:
            trail.by_stranger(
                tx, whence, trail.SIGN_IN, None, "nobody here has the address that the provider vouches for"
            )
            return f"Nobody here has the address {claims.email}. Ask an administrator to invite you."
        if user is None:
            user = accounts.create_user(tx, email=claims.email, name=claims.name or claims.email, password=None)
            accounts.join(tx, accounts.ensure_team(tx, settings.team).id, user.id, _role(settings.role))
        accounts.link_elsewhere(tx, user.id, settings.issuer, claims.subject)
        trail.by_person(tx, whence, trail.LINKED, user.id, f"{self.name} vouches for {claims.email}")
        return user.id


def _objection(claims: Claims, domains: tuple[str, ...]) -> str | None:
    if not claims.email:
        return "the provider does not say which address you have"
    if not claims.email_verified:
        return "the provider has not verified your address"
    domain = claims.email.rpartition("@")[2].lower()
    if domains and domain not in domains:
        return "addresses of this domain are not let in"
    return None


def _role(name: str) -> Role:
    return next((role for role in INVITED if role.value == name), Role.MEMBER)


def _seal(tx: Tx, text: str) -> str:
    return tx.vault.seal(text)


def _open(tx: Tx, sealed: str) -> _Journey | None:
    try:
        return msgspec.json.decode(tx.vault.open(sealed), type=_Journey)
    except (ValueError, msgspec.MsgspecError):
        return None


__all__ = ["CALLBACK", "Back", "Provider", "ProviderError", "SignOn"]
