"""The one way to prove who one is: a password, then a second factor where there is one."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TypeVar

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.gateway.signing_in import trail
from tocsin.gateway.signing_in.guessing import Guesses
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel import passwords
from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.kernel.errors import Invalid, TooMany
from tocsin.kernel.ids import fingerprint
from tocsin.storage import Database, Tx

T = TypeVar("T")

PASSWORDS_AT_ONCE = 2
"""Each takes 64 MiB and a core, on purpose."""
MAX_PASSWORDS_WAITING = 50
HALFWAY_MS = 10 * 60_000
"""Between the password and the second factor: long enough to look for a phone."""
PASSWORD, WITH_CODE, WITH_RECOVERY = "password", "password and code", "password and recovery code"
WITH_PASSKEY, PASSKEY = "password and passkey", "passkey"
SIGN_ON, SET_UP, INVITATION = "single sign-on", "set-up link", "invitation"
"""By what somebody proved to be the one."""
WRONG = "the e-mail address or the password is wrong"


class Proved(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is who they say."""

    user_id: int
    means: str


class Halfway(msgspec.Struct, frozen=True, kw_only=True):
    """The password was right; a second factor is asked for."""

    user_id: int
    sealed: str
    """What the next form carries: it says who, and that the password was right."""
    code: bool
    """Whether they have an authenticator."""
    passkey: bool
    """Whether they have a passkey."""


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    user_id: int
    binding: str
    """Of the browser: a form that another one was given is none."""
    stamp: str
    """Of the password: with another one it begins anew."""
    at_ms: int


class Entrance:
    """Tells who somebody is. One for all surfaces, so that guesses count together."""

    def __init__(self, database: Database, clock: Clock, *, sign_on_only: bool = False) -> None:
        """`sign_on_only`: people come by single sign-on, and by nothing else."""
        self._database = database
        self._clock = clock
        self.sign_on_only = sign_on_only
        self.guesses = Guesses(clock)
        self._hashing = asyncio.Semaphore(PASSWORDS_AT_ONCE)
        self._waiting = 0

    async def by_password(self, email: str, password: str, binding: str, whence: Whence) -> Proved | Halfway | None:
        """See whether somebody knows the password; None = no. Raises TooMany for whoever keeps guessing.

        `binding`: what their browser is told apart by, between this form and the next.
        """
        self.guesses.password(email, whence.client_address)
        user_id = await self._recognised(email, password)
        if user_id is None or self.sign_on_only:
            reason = "only single sign-on lets people in" if user_id is not None else WRONG
            await self._database.write(_refused, whence, email, reason)
            return None
        self.guesses.right_password(email)
        return await self._database.read(self._after_password, user_id, binding)

    async def halfway(self, sealed: str, binding: str) -> Halfway | None:
        """Who stands between the two forms; None when it took too long, or this is another browser."""
        return await self._database.read(self._opened, sealed, binding)

    async def by_code(self, sealed: str, binding: str, code: str, whence: Whence) -> Proved | None:
        """See whether the code is the authenticator's, or a recovery code. Raises TooMany, and Invalid when it took
        too long since the password."""
        halfway = await self.halfway(sealed, binding)
        if halfway is None:
            raise Invalid("That took too long, or began in another browser. Start again.")
        self.guesses.second(halfway.user_id, whence.client_address)
        means = await self._database.write(_second, whence, halfway.user_id, code)
        if means is None:
            return None
        self.guesses.right_second(halfway.user_id)
        return Proved(user_id=halfway.user_id, means=means)

    async def knows_password(self, user_id: int, email: str, password: str, whence: Whence) -> bool:
        """Whether somebody who is signed in knows their password. Raises TooMany."""
        self.guesses.password(email, whence.client_address)
        found = await self._recognised(email, password)
        if found != user_id:
            await self._database.write(trail.by_stranger, whence, trail.PROVE, user_id, "the password is wrong")
            return False
        self.guesses.right_password(email)
        return True

    async def hashed(self, password: str) -> str:
        """What is kept of a new password, made beside transactions. Raises Invalid (field password) and TooMany."""
        return await self._costly(partial(accounts.hash_password, password))

    async def _recognised(self, email: str, password: str) -> int | None:
        known = await self._database.read(_known, email)
        user_id, hash = known if known is not None else (None, None)
        # Asked of nobody too, which takes as long: else the time would tell who has an account here.
        right = await self._costly(partial(passwords.matches, hash, password))
        return user_id if right else None

    async def _costly(self, work: partial[T]) -> T:
        if self._waiting >= MAX_PASSWORDS_WAITING:
            raise TooMany("Too many people sign in just now. Please try again.", retry_after_seconds=5)
        self._waiting += 1
        try:
            async with self._hashing:
                return await asyncio.get_running_loop().run_in_executor(None, work)
        finally:
            self._waiting -= 1

    def _after_password(self, tx: Tx, user_id: int, binding: str) -> Proved | Halfway:
        if not accounts.factors(tx, user_id).second:
            return Proved(user_id=user_id, means=PASSWORD)
        return self._sealed(tx, user_id, binding)

    def _sealed(self, tx: Tx, user_id: int, binding: str) -> Halfway:
        now_ms = to_milliseconds(self._clock.now())
        words = _Sealed(user_id=user_id, binding=binding, stamp=_stamp(tx, user_id), at_ms=now_ms)
        return _halfway(tx, user_id, tx.vault.seal(msgspec.json.encode(words).decode()))

    def _opened(self, tx: Tx, sealed: str, binding: str) -> Halfway | None:
        try:
            words = msgspec.json.decode(tx.vault.open(sealed), type=_Sealed)
        except (ValueError, msgspec.MsgspecError):
            return None
        age_ms = to_milliseconds(self._clock.now()) - words.at_ms
        good = 0 <= age_ms <= HALFWAY_MS and bool(binding) and words.binding == binding
        return _halfway(tx, words.user_id, sealed) if good and words.stamp == _stamp(tx, words.user_id) else None


def _halfway(tx: Tx, user_id: int, sealed: str) -> Halfway:
    found = accounts.factors(tx, user_id)
    return Halfway(user_id=user_id, sealed=sealed, code=found.code_since is not None, passkey=bool(found.passkeys))


def _stamp(tx: Tx, user_id: int) -> str:
    return fingerprint(accounts.password_hash(tx, user_id) or "")[:16]


def _known(tx: Tx, email: str) -> tuple[int, str | None] | None:
    user = accounts.user_by_email(tx, email)
    return None if user is None else (user.id, accounts.password_hash(tx, user.id))


def _refused(tx: Tx, whence: Whence, email: str, reason: str) -> None:
    user = accounts.user_by_email(tx, email)
    trail.by_stranger(tx, whence, trail.SIGN_IN, None if user is None else user.id, reason)


def _second(tx: Tx, whence: Whence, user_id: int, code: str) -> str | None:
    if accounts.takes_code(tx, user_id, code):
        return WITH_CODE
    if accounts.takes_recovery_code(tx, user_id, code):
        return WITH_RECOVERY
    trail.by_stranger(tx, whence, trail.SIGN_IN, user_id, "the password was right, the second factor was not")
    return None
