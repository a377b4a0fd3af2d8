"""New passwords by mail, and the address with which the first person sets Tocsin up."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import AccessLink, Role, User
from tocsin.gateway.counting import Turnstile
from tocsin.gateway.signing_in import trail
from tocsin.gateway.signing_in.entrance import SET_UP, Entrance, Proved
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import NotFound, TocsinError, TooMany
from tocsin.notify import actions as notify
from tocsin.notify.model import Kind, Notice
from tocsin.storage import Database, Tx

log = structlog.get_logger()

ASKED_PER_ADDRESS = 10
"""Links that one address asks for in an hour, whoever they are for."""
ASKED_IN_ALL = 500
ASKED_SECONDS = 3_600
MAILED = "a link was mailed to the address of the account"
MAX_UNDER_WAY = 50
"""Mails that are being written down; the answer never waits for them."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What a link opens, for the page behind it."""

    email: str
    name: str
    team: str


class Links:
    """Makes such links, and does what they are good for."""

    def __init__(self, database: Database, clock: Clock, entrance: Entrance, base_url: str) -> None:
        self._database = database
        self._entrance = entrance
        self._base_url = base_url
        self._asked = Turnstile(clock, window_seconds=ASKED_SECONDS, each=ASKED_PER_ADDRESS, in_all=ASKED_IN_ALL)
        self._mailing: set[asyncio.Task[None]] = set()

    def forgot(self, email: str, whence: Whence) -> None:
        """Mail a link to whoever has that address; nobody learns whether somebody does. Raises TooMany."""
        self._asked.admit_from(whence.client_address)
        if len(self._mailing) >= MAX_UNDER_WAY:
            raise TooMany("Too many attempts. Please try again later.", retry_after_seconds=60)
        if self._entrance.sign_on_only:
            return
        # Not waited for: the time that it takes would tell.
        task = asyncio.create_task(self._mail(email, whence))
        self._mailing.add(task)
        task.add_done_callback(self._mailing.discard)

    async def settle(self) -> None:
        """Wait for the mails that are being written down."""
        if self._mailing:
            await asyncio.wait(self._mailing)

    async def _mail(self, email: str, whence: Whence) -> None:
        try:
            await self._database.write(_mail_link, email, self._base_url, whence)
        except TocsinError:
            log.exception("the mail with a link to a new password could not be written down")

    async def open_forgotten(self, secret: str) -> Opened | None:
        """Whose new password a link is for; None when it opens nothing."""
        return await self._database.read(_opened, secret, accounts.NEW_PASSWORD)

    async def choose(self, secret: str, password: str, whence: Whence) -> bool:
        """Give whoever has the link a new password; False when it opens nothing. Raises Invalid (field password)."""
        if await self.open_forgotten(secret) is None:
            return False
        hash = await self._entrance.hashed(password)
        return await self._database.write(_choose, secret, hash, whence)

    async def open_set_up(self, secret: str) -> Opened | None:
        """What the first administrator's link sets up; None when it opens nothing."""
        return await self._database.read(_opened, secret, accounts.SET_UP)

    async def set_up(
        self, secret: str, *, name: str, email: str, password: str, team_name: str, whence: Whence
    ) -> Proved | None:
        """Make the first administrator who somebody says to be; None when the link opens nothing.

        Raises Invalid (fields name, email, password, team_name).
        """
        if await self.open_set_up(secret) is None:
            return None
        hash = await self._entrance.hashed(password)
        user_id = await self._database.write(
            _set_up, secret, name=name, email=email, hash=hash, team_name=team_name, whence=whence
        )
        return None if user_id is None else Proved(user_id=user_id, means=SET_UP)


def _who(tx: Tx, secret: str, purpose: str) -> tuple[AccessLink, User] | None:
    link = accounts.open_link(tx, secret, purpose)
    if link is None:
        return None
    try:
        return link, accounts.user(tx, link.user_id)
    except NotFound:
        return None


def _opened(tx: Tx, secret: str, purpose: str) -> Opened | None:
    found = _who(tx, secret, purpose)
    if found is None:
        return None
    teams = accounts.team_ids_of(tx, found[1].id)
    team = accounts.team(tx, teams[0]).name if teams else ""
    return Opened(email=found[1].email, name=found[1].name, team=team)


def _mail_link(tx: Tx, email: str, base_url: str, whence: Whence) -> None:
    user = accounts.user_by_email(tx, email) if len(email) <= 320 else None
    teams = [] if user is None else accounts.team_ids_of(tx, user.id)
    if user is None or not teams or accounts.mailed_enough(tx, user.id, accounts.NEW_PASSWORD):
        return
    secret = accounts.make_link(tx, user.id, accounts.NEW_PASSWORD)
    trail.by_stranger(tx, whence, trail.FORGOTTEN, user.id, MAILED, outcome="allowed")
    notice = Notice(
        kind=Kind.NOTICE,
        incident_id=0,
        team_id=teams[0],
        subject="[Tocsin] Choose a new password",
        headline="Choose a new password",
        cause="Somebody, you we hope, asked for a new password of your account here. The link is yours alone, good for "
        "an hour and for one time. If it was not you, you need do nothing: your password stays as it is.",
        url=f"{base_url}/forgotten/{{secret}}",
        link_text="Choose a new password",
        secret=tx.vault.seal(secret),
        thread_key=f"new-password-{user.id}-{int(tx.now.timestamp())}",
    )
    notify.queue(tx, notice, user_id=user.id, channel="email", address=user.email, planned_at=tx.now)


def _choose(tx: Tx, secret: str, hash: str, whence: Whence) -> bool:
    found = _who(tx, secret, accounts.NEW_PASSWORD)
    if found is None or not accounts.use_link(tx, found[0]):
        return False
    ended = accounts.set_password(tx, found[1].id, hash)
    reason = f"they came by the link that was mailed to them; {ended} session(s) ended"
    trail.by_person(tx, whence, trail.PASSWORD, found[1].id, reason)
    return True


def _set_up(tx: Tx, secret: str, *, name: str, email: str, hash: str, team_name: str, whence: Whence) -> int | None:
    found = _who(tx, secret, accounts.SET_UP)
    if found is None:
        return None
    link, user = found
    team_id = next((each.team_id for each in accounts.memberships_of(tx, user.id) if each.role is Role.ADMIN), None)
    if team_id is None or not accounts.use_link(tx, link):
        return None
    accounts.rename_person(tx, user.id, email=email, name=name)
    accounts.rename_team(tx, team_id, team_name)
    accounts.set_password(tx, user.id, hash)
    trail.by_person(tx, whence, trail.SET_UP, user.id, "they have the address that the first start printed")
    return user.id
