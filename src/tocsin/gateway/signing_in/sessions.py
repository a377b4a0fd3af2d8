"""Signs people in to the console, and knows them again by what their browser was given."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role, Session
from tocsin.agents import actions as agents
from tocsin.gateway import rules
from tocsin.gateway.identity import Actor, Credential
from tocsin.gateway.signing_in import trail
from tocsin.gateway.signing_in.entrance import SIGN_ON, Proved
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel.clock import Clock
from tocsin.kernel.ids import fingerprint
from tocsin.registry import Operation
from tocsin.storage import Database, Tx

SURFACE = "console"
"""How the audit log names this way in."""
SEEN_EVERY = timedelta(minutes=5)
MAX_CLIENT_NAME = 200


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A team that a person is in, and as what."""

    id: int
    name: str
    role: Role


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """A person who is signed in, and the team at which they look."""

    user_id: int
    name: str
    email: str
    places: tuple[Place, ...]
    """Every team of theirs; empty when they were removed from all."""
    place: Place | None
    """The one at which they look now."""
    waiting: int
    """Questions of agents that wait for somebody of that team."""
    session: Session
    form_key: bytes
    """Signs the forms of this session: nobody else can have its browser send one."""
    credential: Credential
    actor: Actor

    def may(self, operation: Operation) -> bool:
        """Whether the door would let them do this at all: what a page offers is what a call allows."""
        return rules.decide(self.actor, operation).answer is rules.Answer.ALLOW


class Sessions:
    """Who is signed in."""

    def __init__(self, database: Database, clock: Clock, *, sign_on_only: bool = False) -> None:
        """`sign_on_only`: sessions that began otherwise than by single sign-on are none."""
        self._database = database
        self._clock = clock
        self._sign_on_only = sign_on_only

    async def begin(self, proved: Proved, whence: Whence, before: str = "") -> str:
        """Sign somebody in who has proved who they are; returns the secret for the browser.

        `before`: the secret of the session that was there until now, if any: it ends.
        """
        return await self._database.write(_begin, proved, whence, before)

    async def open(self, secret: str, client_address: str | None, client_name: str | None) -> Present | None:
        """Who comes with this secret; None when it is none of ours, or over."""
        present = await self._database.read(_present, secret, client_address, client_name)
        if present is not None and self._sign_on_only and present.session.means != SIGN_ON:
            return None
        if present is not None and self._clock.now() - present.session.last_seen_at > SEEN_EVERY:
            await self._database.write(accounts.saw_session, present.session.id, client_address)
        return present

    async def look_at(self, present: Present, team_id: int) -> bool:
        """Turn to another of their teams; False when it is none of theirs."""
        if all(place.id != team_id for place in present.places):
            return False
        await self._database.write(accounts.look_at_team, present.session.id, team_id)
        return True

    async def end(self, present: Present, whence: Whence) -> None:
        """Sign them out here."""
        await self._database.write(_end, present, whence)


def _begin(tx: Tx, proved: Proved, whence: Whence, before: str) -> str:
    old = accounts.session(tx, before) if before else None
    if old is not None:
        accounts.end_session(tx, old.user_id, old.id)
    accounts.end_links(tx, proved.user_id, accounts.SET_UP)  # whoever knows the way in need not be shown it
    trail.by_person(tx, whence, trail.SIGN_IN, proved.user_id, f"by {proved.means}")
    return accounts.start_session(
        tx, proved.user_id, means=proved.means, client_address=whence.client_address,
        client_name=None if whence.client_name is None else whence.client_name[:MAX_CLIENT_NAME],
    )  # fmt: skip


def _end(tx: Tx, present: Present, whence: Whence) -> None:
    accounts.end_session(tx, present.user_id, present.session.id)
    trail.by_person(tx, whence, trail.SIGN_OUT, present.user_id, "by themselves")


def _present(tx: Tx, secret: str, client_address: str | None, client_name: str | None) -> Present | None:
    session = accounts.session(tx, secret)
    if session is None:
        return None
    user = accounts.user(tx, session.user_id)
    places = tuple(
        Place(id=each.team_id, name=accounts.team(tx, each.team_id).name, role=each.role)
        for each in accounts.memberships_of(tx, user.id)
    )
    place = next((each for each in places if each.id == session.team_id), places[0] if places else None)
    credential = Credential(
        user_id=user.id,
        team_id=0 if place is None else place.id,
        through="console",
        client_address=client_address,
        client_name=client_name,
    )
    actor = Actor(
        kind="person",
        id=user.id,
        name=user.name,
        team_ids=() if place is None else (place.id,),
        user_id=user.id,
        through="console",
        role=None if place is None else place.role,
    )
    return Present(
        user_id=user.id,
        name=user.name,
        email=user.email,
        places=places,
        place=place,
        waiting=0 if place is None else agents.count_waiting(tx, place.id),
        session=session,
        form_key=fingerprint(f"{secret} forms").encode(),
        credential=credential,
        actor=actor,
    )
