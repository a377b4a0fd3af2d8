"""Passkeys (WebAuthn): a key in somebody's device signs what we have just asked, for this address alone."""

from __future__ import annotations

import base64
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Passkey
from tocsin.gateway.signing_in import trail
from tocsin.gateway.signing_in.entrance import PASSKEY, WITH_PASSKEY, Entrance, Proved
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.kernel.errors import Invalid
from tocsin.storage import Database, Tx

if TYPE_CHECKING:
    from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
    from webauthn.registration.verify_registration_response import VerifiedRegistration

# The library is loaded when the first passkey is used: it brings readers of certificates that nothing else here needs.

CHALLENGE_MS = 5 * 60_000
"""How long a question may be answered."""
MAX_USED = 10_000
"""Questions that were answered and are remembered, so that none is answered twice."""
LOOPBACK = ("127.0.0.1", "::1")
MAX_ANSWER = 32 * 1024
"""Characters of what a browser sends: they are some two thousand."""
SIGN_IN, SECOND, AGAIN, ADD = "sign in", "second factor", "again", "add"
"""What a question is for; an answer to one is none to another."""
_MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What else the library raises for answers that are none."""
REFUSED = "This passkey was not accepted. Try again, or use another way."


class _Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked, of whom and for what: sealed, nobody but us can make one."""

    challenge: str
    purpose: str
    binding: str
    user_id: int | None
    at_ms: int


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a page hands to the browser, and what comes back with the answer."""

    options: str
    """JSON for `navigator.credentials`."""
    sealed: str


class Passkeys:
    """Asks for passkeys and checks what they sign."""

    def __init__(self, database: Database, clock: Clock, entrance: Entrance, base_url: str) -> None:
        parts = urlsplit(base_url)
        host = (parts.hostname or "localhost").lower()
        self._database = database
        self._clock = clock
        self._entrance = entrance
        self.host = "localhost" if host in LOOPBACK else host
        """For which address a passkey is good (the relying party's id): always a name, never a number."""
        default = {"https": 443, "http": 80}.get(parts.scheme)
        port = "" if parts.port in (None, default) else f":{parts.port}"
        self.origin = f"{parts.scheme}://{self.host}{port}"
        self._used: OrderedDict[str, int] = OrderedDict()

    @property
    def possible(self) -> bool:
        """Whether browsers do it at all for our address: only with encryption or on this machine, never at a number."""
        local = self.host == "localhost" or self.host.endswith(".localhost")
        number = self.host.replace(".", "").isdigit() or ":" in self.host
        return not number and (self.origin.startswith("https://") or local)

    def works_at(self, host: str) -> bool:
        """Whether they do it on a page that was opened at this host: at localhost, but not at 127.0.0.1."""
        return self.possible and host.lower() == self.host

    # --- asking -------------------------------------------------------------------------------------------------------

    async def ask(self, purpose: str, binding: str, user_id: int | None = None) -> Question:
        """The question to sign in with; of one person's passkeys, or of whichever the device offers."""
        from webauthn import generate_authentication_options, options_to_json
        from webauthn.helpers.structs import UserVerificationRequirement

        challenge = secrets.token_bytes(32)
        known = () if user_id is None else await self._database.read(_passkeys, user_id)
        # A passkey alone must be a second factor by itself: the device asks for a finger or a number.
        verify = UserVerificationRequirement.REQUIRED if purpose != SECOND else UserVerificationRequirement.PREFERRED
        options = generate_authentication_options(
            rp_id=self.host, challenge=challenge, allow_credentials=_descriptors(known), user_verification=verify
        )
        sealed = await self._seal(challenge, purpose, binding, user_id)
        return Question(options=options_to_json(options), sealed=sealed)

    async def ask_to_add(self, user_id: int, email: str, name: str, binding: str) -> Question:
        """The question that makes a new passkey."""
        from webauthn import generate_registration_options, options_to_json
        from webauthn.helpers.structs import (
            AuthenticatorSelectionCriteria,
            ResidentKeyRequirement,
            UserVerificationRequirement,
        )

        challenge = secrets.token_bytes(32)
        known = await self._database.read(_passkeys, user_id)
        options = generate_registration_options(
            rp_id=self.host,
            rp_name="Tocsin",
            user_id=await self._database.read(_handle, user_id),
            user_name=email,
            user_display_name=name,
            challenge=challenge,
            exclude_credentials=_descriptors(known),
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
            ),
        )
        sealed = await self._seal(challenge, ADD, binding, user_id)
        return Question(options=options_to_json(options), sealed=sealed)

    # --- checking -----------------------------------------------------------------------------------------------------

    async def add(
        self, user_id: int, binding: str, sealed: str, answer: str, name: str, whence: Whence
    ) -> list[str] | None:
        """Keep a new passkey; returns recovery codes when it is the first factor, else None. Raises Invalid."""
        challenge = await self._opened(sealed, ADD, binding, user_id)
        found = self._registered(challenge, answer)
        self._use(challenge)
        return await self._database.write(_add, whence, user_id, found, _transports(answer), name)

    async def signs_in(self, binding: str, sealed: str, answer: str, whence: Whence) -> Proved:
        """Somebody signs in by a passkey alone. Raises Invalid, and TooMany."""
        self._entrance.guesses.any(whence.client_address)
        if self._entrance.sign_on_only:
            raise Invalid("Only single sign-on lets people in here.")
        challenge = await self._opened(sealed, SIGN_IN, binding, None)
        return Proved(user_id=await self._check(challenge, answer, whence), means=PASSKEY)

    async def is_second(self, form: str, binding: str, sealed: str, answer: str, whence: Whence) -> Proved:
        """The passkey of somebody whose password was right (`form`: see Halfway.sealed). Raises Invalid, TooMany."""
        halfway = await self._entrance.halfway(form, binding)
        if halfway is None:
            raise Invalid("That took too long, or began in another browser. Start again.")
        self._entrance.guesses.second(halfway.user_id, whence.client_address)
        challenge = await self._opened(sealed, SECOND, binding, halfway.user_id)
        user_id = await self._check(challenge, answer, whence)
        self._entrance.guesses.right_second(user_id)
        return Proved(user_id=user_id, means=WITH_PASSKEY)

    async def proves_again(self, user_id: int, binding: str, sealed: str, answer: str, whence: Whence) -> None:
        """Somebody who is signed in shows a passkey of theirs. Raises Invalid, TooMany."""
        self._entrance.guesses.second(user_id, whence.client_address)
        challenge = await self._opened(sealed, AGAIN, binding, user_id)
        await self._check(challenge, answer, whence)
        self._entrance.guesses.right_second(user_id)

    async def _check(self, challenge: _Challenge, answer: str, whence: Whence) -> int:
        """Whose passkey signed this. Raises Invalid."""
        known = await self._database.read(accounts.passkey, _credential_id(answer))
        mine = known is not None and challenge.user_id in (None, known.user_id)
        handle = _handle_of(answer)
        if known is not None and handle is not None and handle != await self._database.read(_handle, known.user_id):
            mine = False
        if known is None or not mine:
            await self._refuse(whence, challenge.user_id)
        try:
            found = self._authenticated(challenge, known, answer)
        except Invalid:
            await self._refuse(whence, known.user_id)
        self._use(challenge)
        if not await self._database.write(accounts.passkey_used, known, found.new_sign_count):
            await self._refuse(whence, known.user_id)
        return known.user_id

    async def _refuse(self, whence: Whence, user_id: int | None) -> NoReturn:
        await self._database.write(trail.by_stranger, whence, trail.SIGN_IN, user_id, "the passkey was not accepted")
        raise Invalid(REFUSED)

    def _registered(self, challenge: _Challenge, answer: str) -> VerifiedRegistration:
        from webauthn import verify_registration_response
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            return verify_registration_response(
                credential=_json(answer),
                expected_challenge=_bytes(challenge.challenge),
                expected_rp_id=self.host,
                expected_origin=self.origin,
            )
        except (WebAuthnException, *_MALFORMED) as error:
            raise Invalid(REFUSED) from error

    def _authenticated(self, challenge: _Challenge, known: Passkey, answer: str) -> VerifiedAuthentication:
        from webauthn import verify_authentication_response
        from webauthn.helpers.exceptions import WebAuthnException

        try:
            return verify_authentication_response(
                credential=_json(answer),
                expected_challenge=_bytes(challenge.challenge),
                expected_rp_id=self.host,
                expected_origin=self.origin,
                credential_public_key=_bytes(known.public_key),
                credential_current_sign_count=known.sign_count,
                require_user_verification=challenge.purpose != SECOND,
            )
        except (WebAuthnException, *_MALFORMED) as error:
            raise Invalid(REFUSED) from error

    # --- questions ----------------------------------------------------------------------------------------------------

    async def _seal(self, challenge: bytes, purpose: str, binding: str, user_id: int | None) -> str:
        words = _Challenge(
            challenge=_text(challenge), purpose=purpose, binding=binding, user_id=user_id, at_ms=self._now_ms()
        )
        return await self._database.read(_sealed, msgspec.json.encode(words).decode())

    async def _opened(self, sealed: str, purpose: str, binding: str, user_id: int | None) -> _Challenge:
        words = await self._database.read(_unsealed, sealed)
        if words is not None and words.purpose == purpose and words.binding == binding and binding:
            fresh = 0 <= self._now_ms() - words.at_ms <= CHALLENGE_MS
            if fresh and words.user_id == user_id and words.challenge not in self._used:
                return words
        raise Invalid("That took too long, or began in another browser. Try again.")

    def _use(self, challenge: _Challenge) -> None:
        if challenge.challenge in self._used:  # another request was quicker
            raise Invalid(REFUSED)
        self._used[challenge.challenge] = challenge.at_ms
        while self._used and (
            len(self._used) > MAX_USED or next(iter(self._used.values())) < self._now_ms() - 2 * CHALLENGE_MS
        ):
            self._used.popitem(last=False)

    def _now_ms(self) -> int:
        return to_milliseconds(self._clock.now())


def _add(
    tx: Tx, whence: Whence, user_id: int, found: VerifiedRegistration, transports: list[str], name: str
) -> list[str] | None:
    first = not accounts.factors(tx, user_id).second
    kept = accounts.add_passkey(
        tx, user_id, credential_id=_text(found.credential_id), public_key=_text(found.credential_public_key),
        sign_count=found.sign_count, transports=transports, name=name,
    )  # fmt: skip
    trail.by_person(tx, whence, trail.PASSKEY, user_id, f"they had just proved to be the one; it is called {kept.name}")
    return accounts.new_recovery_codes(tx, user_id) if first else None


def _passkeys(tx: Tx, user_id: int) -> tuple[Passkey, ...]:
    return accounts.factors(tx, user_id).passkeys


def _handle(tx: Tx, user_id: int) -> bytes:
    """What a device keeps a person under: it must not tell who they are (WebAuthn, 14.6.1)."""
    return bytes.fromhex(tx.vault.evidence("passkey handle", str(user_id).encode()))


def _sealed(tx: Tx, text: str) -> str:
    return tx.vault.seal(text)


def _unsealed(tx: Tx, sealed: str) -> _Challenge | None:
    try:
        return msgspec.json.decode(tx.vault.open(sealed), type=_Challenge)
    except (ValueError, msgspec.MsgspecError):
        return None


def _descriptors(known: tuple[Passkey, ...]) -> list[Any]:
    from webauthn.helpers.structs import AuthenticatorTransport, PublicKeyCredentialDescriptor

    ways = {each.value: each for each in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=_bytes(each.credential_id), transports=[ways[way] for way in each.transports if way in ways] or None
        )
        for each in known
    ]


def _json(answer: str) -> dict[str, Any]:
    if len(answer) > MAX_ANSWER:
        raise Invalid(REFUSED)
    try:
        return msgspec.json.decode(answer, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise Invalid(REFUSED) from error


def _credential_id(answer: str) -> str:
    found = _json(answer).get("rawId")
    return found.rstrip("=") if isinstance(found, str) else ""


def _handle_of(answer: str) -> bytes | None:
    said = _json(answer).get("response")
    found = said.get("userHandle") if isinstance(said, dict) else None
    if not isinstance(found, str) or not found:
        return None
    try:
        return _bytes(found)
    except ValueError:
        return b""


def _transports(answer: str) -> list[str]:
    said = _json(answer).get("response")
    found = said.get("transports") if isinstance(said, dict) else None
    return [each[:20] for each in found[:8] if isinstance(each, str)] if isinstance(found, list) else []


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
