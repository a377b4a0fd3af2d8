"""What somebody who is signed in changes about how they sign in: password, codes, passkeys, other sessions."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Factors, Session
from tocsin.gateway.signing_in import trail
from tocsin.gateway.signing_in.entrance import Entrance
from tocsin.gateway.signing_in.passkeys import Passkeys
from tocsin.gateway.signing_in.sessions import Present
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import Invalid, Refused
from tocsin.kernel.ids import fingerprint
from tocsin.storage import Database, Tx

FRESH = timedelta(minutes=15)
"""How long ago somebody may have proved to be the one when they change how they sign in."""
JUST_PROVED = "they had just proved to be the one"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How somebody signs in, and where they are signed in now."""

    factors: Factors
    sessions: tuple[Session, ...]
    fresh: bool
    """Whether they may change it without proving once more to be the one."""
    pending_secret: str | None
    """Of an authenticator that waits for its first code; None too while they would have to prove once more who they
    are."""


class Security:
    """All of it, for one person at a time. Every change is refused unless the proof is fresh."""

    def __init__(self, database: Database, clock: Clock, entrance: Entrance, passkeys: Passkeys) -> None:
        self._database = database
        self._clock = clock
        self._entrance = entrance
        self._passkeys = passkeys

    async def standing(self, present: Present) -> Standing:
        """What the page shows."""
        return await self._database.read(_standing, present, self.is_fresh(present))

    def is_fresh(self, present: Present) -> bool:
        """Whether somebody proved to be the one a short while ago."""
        return self._clock.now() - present.session.proved <= FRESH

    def binding(self, present: Present) -> str:
        """What questions about passkeys are bound to while somebody is signed in: the session itself."""
        return fingerprint(f"{present.session.id} {present.form_key.decode()}")

    async def prove_by_password(self, present: Present, password: str, whence: Whence) -> bool:
        """Prove once more to be the one; False when the password is wrong. Raises TooMany, and Refused where a
        password alone does not let anybody in."""
        if self._entrance.sign_on_only:
            raise Refused("Only single sign-on lets people in here.")
        if not await self._entrance.knows_password(present.user_id, present.email, password, whence):
            return False
        await self.proved(present, "by the password", whence)
        return True

    async def proved(self, present: Present, how: str, whence: Whence) -> None:
        """Note that they have proved it once more."""
        await self._database.write(_proved, present, how, whence)

    async def change_password(self, present: Present, current: str, new: str, whence: Whence) -> int:
        """Another password; returns of how many other sessions it is the end. Raises Invalid and TooMany."""
        standing = await self.standing(present)
        if standing.factors.password:
            if not await self._entrance.knows_password(present.user_id, present.email, current, whence):
                raise Invalid.fields(current="is not your password")
        else:
            self._insist(present)
        hash = await self._entrance.hashed(new)
        return await self._database.write(_change_password, present, hash, whence)

    async def begin_codes(self, present: Present) -> None:
        """Make a secret for an authenticator. Raises Invalid and Refused."""
        self._insist(present)
        await self._database.write(accounts.begin_authenticator, present.user_id)

    async def confirm_codes(self, present: Present, code: str, whence: Whence) -> list[str] | None:
        """Let codes count once one of them is right; returns recovery codes when it is the first factor.

        Raises Invalid (field code), Refused and TooMany.
        """
        self._insist(present)
        self._entrance.guesses.second(present.user_id, whence.client_address)
        right, codes = await self._database.write(_confirm_codes, present, code, whence)
        if not right:
            raise Invalid.fields(code="is not right: see that the clock of your phone is")
        self._entrance.guesses.right_second(present.user_id)
        return codes

    async def remove_codes(self, present: Present, whence: Whence) -> None:
        """Let codes count no more. Raises Refused."""
        self._insist(present)
        await self._database.write(_remove_codes, present, whence)

    async def new_recovery_codes(self, present: Present, whence: Whence) -> list[str]:
        """Ten fresh ones in the place of those before. Raises Refused, and Invalid where there is no second factor."""
        self._insist(present)
        return await self._database.write(_recovery, present, whence)

    async def add_passkey(
        self, present: Present, sealed: str, answer: str, name: str, whence: Whence
    ) -> list[str] | None:
        """Keep a new passkey; returns recovery codes when it is the first factor. Raises Invalid and Refused."""
        self._insist(present)
        return await self._passkeys.add(present.user_id, self.binding(present), sealed, answer, name, whence)

    async def rename_passkey(self, present: Present, id: int, name: str, whence: Whence) -> bool:
        """Call it by another name. Raises Invalid."""
        return await self._database.write(_rename_passkey, present, id, name, whence)

    async def remove_passkey(self, present: Present, id: int, whence: Whence) -> bool:
        """Let a passkey count no more. Raises Refused."""
        self._insist(present)
        return await self._database.write(_remove_passkey, present, id, whence)

    async def end_others(self, present: Present, whence: Whence) -> int:
        """Sign out everywhere but here."""
        return await self._database.write(_end_others, present, whence)

    def _insist(self, present: Present) -> None:
        if not self.is_fresh(present):
            raise Refused("Confirm first that it is you.")


def _standing(tx: Tx, present: Present, fresh: bool) -> Standing:
    return Standing(
        factors=accounts.factors(tx, present.user_id),
        sessions=tuple(accounts.sessions_of(tx, present.user_id)),
        fresh=fresh,
        # Whoever sits down at a session that was left open must not learn what will be the second factor.
        pending_secret=accounts.pending_authenticator(tx, present.user_id) if fresh else None,
    )


def _proved(tx: Tx, present: Present, how: str, whence: Whence) -> None:
    accounts.proved_again(tx, present.session.id)
    trail.by_person(tx, whence, trail.PROVE, present.user_id, how)


def _change_password(tx: Tx, present: Present, hash: str, whence: Whence) -> int:
    ended = accounts.set_password(tx, present.user_id, hash, but=present.session.id)
    accounts.proved_again(tx, present.session.id)
    trail.by_person(tx, whence, trail.PASSWORD, present.user_id, f"{JUST_PROVED}; {ended} other session(s) ended")
    return ended


def _confirm_codes(tx: Tx, present: Present, code: str, whence: Whence) -> tuple[bool, list[str] | None]:
    first = not accounts.factors(tx, present.user_id).second
    if not accounts.confirm_authenticator(tx, present.user_id, code):
        return False, None
    trail.by_person(tx, whence, trail.CODES, present.user_id, JUST_PROVED)
    return True, accounts.new_recovery_codes(tx, present.user_id) if first else None


def _remove_codes(tx: Tx, present: Present, whence: Whence) -> None:
    if accounts.remove_authenticator(tx, present.user_id):
        trail.by_person(tx, whence, trail.NO_CODES, present.user_id, JUST_PROVED)


def _recovery(tx: Tx, present: Present, whence: Whence) -> list[str]:
    if not accounts.factors(tx, present.user_id).second:
        raise Invalid("There is no second factor that they would stand in for.")
    trail.by_person(tx, whence, trail.RECOVERY, present.user_id, JUST_PROVED)
    return accounts.new_recovery_codes(tx, present.user_id)


def _rename_passkey(tx: Tx, present: Present, id: int, name: str, whence: Whence) -> bool:
    renamed = accounts.rename_passkey(tx, present.user_id, id, name)
    if renamed:
        trail.by_person(tx, whence, trail.NAMED, present.user_id, "they are signed in")
    return renamed


def _remove_passkey(tx: Tx, present: Present, id: int, whence: Whence) -> bool:
    removed = accounts.remove_passkey(tx, present.user_id, id)
    if removed:
        trail.by_person(tx, whence, trail.NO_PASSKEY, present.user_id, JUST_PROVED)
    return removed


def _end_others(tx: Tx, present: Present, whence: Whence) -> int:
    ended = accounts.end_sessions(tx, present.user_id, but=present.session.id)
    trail.by_person(tx, whence, trail.ENDED, present.user_id, f"{ended} session(s)")
    return ended
