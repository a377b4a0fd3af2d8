"""Signs people in to the console, and knows them again by what their browser was given."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role, Session
from tocsin.agents import actions as agents
from tocsin.gateway import rules
from tocsin.gateway.identity import Actor, Credential
from tocsin.gateway.oauth.counting import Turnstile
from tocsin.kernel.clock import Clock
from tocsin.kernel.ids import fingerprint
from tocsin.registry import Operation
from tocsin.storage import Database, Tx

SURFACE = "console"
"""How the audit log names this way in."""
ATTEMPTS_SECONDS = 900
ATTEMPTS_PER_ACCOUNT = 10
"""Wrong passwords in one such window."""
ATTEMPTS_PER_ADDRESS = 30
ATTEMPTS_IN_ALL = 2_000
PASSWORDS_AT_ONCE = 2
"""Each takes 64 MiB and a core, on purpose."""
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

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._accounts = Turnstile(
            clock, window_seconds=ATTEMPTS_SECONDS, each=ATTEMPTS_PER_ACCOUNT, in_all=ATTEMPTS_IN_ALL
        )
        self._addresses = Turnstile(
            clock, window_seconds=ATTEMPTS_SECONDS, each=ATTEMPTS_PER_ADDRESS, in_all=ATTEMPTS_IN_ALL
        )
        self._hashing = asyncio.Semaphore(PASSWORDS_AT_ONCE)

    async def by_password(
        self, email: str, password: str, client_address: str | None, client_name: str | None
    ) -> str | None:
        """Sign somebody in; returns the secret for the browser, or None when it was not the right one.

        Raises TooMany for whoever keeps guessing.
        """
        account = f"account {email.strip().lower()[:254]}"
        self._addresses.admit_from(client_address)
        self._accounts.admit(account)
        async with self._hashing:
            user_id = await self._database.read(_recognised, email, password)
        if user_id is None:
            return None
        self._accounts.forgive(account)
        name = None if client_name is None else client_name[:MAX_CLIENT_NAME]
        return await self._database.write(_begin, user_id, "password", client_address, name)

    async def open(self, secret: str, client_address: str | None, client_name: str | None) -> Present | None:
        """Who comes with this secret; None when it is none of ours, or over."""
        present = await self._database.read(_present, secret, client_address, client_name)
        if present is not None and self._clock.now() - present.session.last_seen_at > SEEN_EVERY:
            await self._database.write(accounts.saw_session, present.session.id, client_address)
        return present

    async def look_at(self, present: Present, team_id: int) -> bool:
        """Turn to another of their teams; False when it is none of theirs."""
        if all(place.id != team_id for place in present.places):
            return False
        await self._database.write(accounts.look_at_team, present.session.id, team_id)
        return True

    async def end(self, present: Present) -> None:
        """Sign them out here."""
        await self._database.write(accounts.end_session, present.user_id, present.session.id)


def _recognised(tx: Tx, email: str, password: str) -> int | None:
    user = accounts.user_by_email(tx, email)
    # Asked of nobody too, which takes as long: else the time would tell who has an account here.
    right = accounts.password_matches(tx, 0 if user is None else user.id, password)
    return user.id if right and user is not None else None


def _begin(tx: Tx, user_id: int, means: str, client_address: str | None, client_name: str | None) -> str:
    return accounts.start_session(tx, user_id, means=means, client_address=client_address, client_name=client_name)


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
