"""Asks the person: who wants to be let in, are you who you say, and how far may it go (OAuth 2.1, RFC 9207)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Team, User
from tocsin.agents import actions as agents
from tocsin.agents.actions import oauth
from tocsin.agents.model import AREAS, SWITCHES, Agent, Level, Setting
from tocsin.agents.model.oauth import Choice, Client, ClientKind, Problem, Wish
from tocsin.agents.rules import redirects, scopes
from tocsin.agents.rules.authorizing import Parameters, one, redirect_of, wish_of
from tocsin.agents.rules.client_documents import is_document_address
from tocsin.gateway.counting import Turnstile
from tocsin.gateway.door import Door
from tocsin.gateway.oauth import rights, trail
from tocsin.gateway.oauth.documents import Documents
from tocsin.gateway.signing_in.entrance import Entrance, Halfway
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import new_token
from tocsin.kernel.vault import Vault
from tocsin.storage import Database, Tx

FORM_LASTS = timedelta(minutes=15)
"""Between one page and the next: long enough to look for a password, too short for a page left open overnight."""
FETCHES_SECONDS = 3_600
FETCHES_PER_ADDRESS = 30
FETCHES_IN_ALL = 1_000
"""Documents that strangers have us fetch within the hour."""
MAX_AGENTS_OF_ONE_NAME = 50
_NOT_ALLOWED = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
"""What an `error_description` must not hold (RFC 6749, 4.1.2.1)."""


class Back(msgspec.Struct, frozen=True, kw_only=True):
    """The person goes back to the program, with the answer in the address."""

    location: str
    place: str
    """Where that is, for people."""
    description: str = ""
    """What was wrong, in words; empty when the answer is the person's own."""
    at_once: bool = True
    """Whether the browser may be sent there by itself. Anybody can register an address: to one that no person here has
    ever let in, only a click leads, or our name would lend its good repute to any link (RFC 9700, 4.11.2)."""


class Cannot(msgspec.Struct, frozen=True, kw_only=True):
    """The person stays here: nobody can be believed to whom they could be sent."""

    message: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is in order: what the person is shown, and what their next step carries with it."""

    client_name: str
    proven_host: str | None
    """Whose document it is; None = the name is only what the program says of itself."""
    place: str
    on_this_device: bool
    """Whether the answer goes to a program on the person's own device."""
    redirect_uri: str
    cancel: str
    """The address that says no."""
    sealed: str
    again: str = ""
    """The address below ours at which the program asked: whoever signs in elsewhere here comes back to it."""


class Area(msgspec.Struct, frozen=True):
    """One line of the form: how far in an area, at most, and what is proposed."""

    name: str
    proposed: str
    choices: tuple[str, ...]


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """The person has proved to be the one: what they may choose from."""

    asked: Asked
    person: str
    email: str
    teams: tuple[tuple[int, str], ...]
    areas: tuple[Area, ...]
    switches: tuple[Area, ...]
    message: str = ""
    """What was missing in their last answer."""


class WrongPassword(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is stays open."""

    asked: Asked


class SecondAsked(msgspec.Struct, frozen=True, kw_only=True):
    """The password was right; a second factor is asked for."""

    asked: Asked
    halfway: Halfway
    wrong: bool = False
    """Whether a code was given that is none of theirs."""


class _Form(msgspec.Struct, frozen=True, kw_only=True):
    """What one page hands to the next, sealed: nobody can make or change it but us."""

    wish: Wish
    binding: str
    """Of the browser: a form that another one was given is none."""
    at_ms: int
    user_id: int | None = None


class Authority:
    """The authorization endpoint, without its pages."""

    def __init__(
        self, database: Database, door: Door, clock: Clock, vault: Vault, documents: Documents, base_url: str,
        entrance: Entrance | None = None,
    ) -> None:  # fmt: skip
        """`entrance`: the one by which people come in everywhere here, so that guesses count together."""
        self._database = database
        self._door = door
        self._clock = clock
        self._vault = vault
        self._documents = documents
        self.issuer = base_url
        self.resource = f"{base_url}/mcp"
        self.entrance = entrance or Entrance(database, clock)
        self._fetches = Turnstile(
            clock, window_seconds=FETCHES_SECONDS, each=FETCHES_PER_ADDRESS, in_all=FETCHES_IN_ALL
        )

    async def open(self, parameters: Parameters, binding: str, whence: Whence) -> Asked | Back | Cannot:
        """Look at a request for authorization. Raises TooMany."""
        client_id = one(parameters, "client_id")
        if client_id is None or len(parameters["client_id"]) > 1:
            return Cannot(message="The program did not say which one it is (client_id).")
        known = await self._database.read(oauth.find_client, client_id)
        client = await self._client(client_id, known, whence)
        if isinstance(client, str):
            return Cannot(message=client)
        redirect_uri = redirect_of(parameters, client)
        if redirect_uri is None and client.kind is not ClientKind.SERVICE:
            return Cannot(message="The program wants you to be sent to an address that it has not named before.")
        wish = wish_of(parameters, client, redirect_uri or "", self.resource)
        if isinstance(wish, Wish):
            return self._asked(wish, binding)
        if redirect_uri is None:
            return Cannot(message=wish.description)
        state = one(parameters, "state") if len(parameters.get("state", ())) == 1 else None
        mine = redirects.is_loopback(redirect_uri) or redirects.is_program(redirect_uri)
        trusted = mine or (known is not None and known.last_used_at is not None)
        return self._refusal(redirect_uri, state, wish, at_once=trusted)

    async def sign_in(
        self, sealed: str, binding: str, email: str, password: str, whence: Whence
    ) -> SignedIn | SecondAsked | WrongPassword | Cannot:
        """See whether the person is who they say. Raises TooMany."""
        form = self._opened(sealed, binding)
        if form is None:
            return _expired()
        found = await self.entrance.by_password(email, password, binding, whence)
        if found is None:
            return WrongPassword(asked=self._asked(form.wish, binding))
        if isinstance(found, Halfway):
            return SecondAsked(asked=self._asked(form.wish, binding), halfway=found)
        return await self.offer(form.wish, binding, found.user_id)

    async def second(
        self, sealed: str, binding: str, halfway: str, code: str, whence: Whence
    ) -> SignedIn | SecondAsked | Cannot:
        """See whether they have the second factor as well. Raises TooMany."""
        form = self._opened(sealed, binding)
        standing = await self.entrance.halfway(halfway, binding)
        if form is None or standing is None:
            return _expired()
        proved = await self.entrance.by_code(halfway, binding, code, whence)
        if proved is None:
            return SecondAsked(asked=self._asked(form.wish, binding), halfway=standing, wrong=True)
        return await self.offer(form.wish, binding, proved.user_id)

    def somebody_else(self, sealed: str, binding: str) -> Asked | Cannot:
        """Whoever the console knows is not the one: ask again who it is."""
        form = self._opened(sealed, binding)
        return _expired() if form is None else self._asked(form.wish, binding)

    async def signed_in(self, asked: Asked, binding: str, user_id: int) -> SignedIn | Cannot:
        """Go on with somebody whom the console knows already."""
        form = self._opened(asked.sealed, binding)
        return _expired() if form is None else await self.offer(form.wish, binding, user_id)

    async def offer(self, wish: Wish, binding: str, user_id: int, message: str = "") -> SignedIn | Cannot:
        """What a person whom a surface has recognised may choose from."""
        found = await self._database.read(self._offered, wish, binding, user_id)
        if isinstance(found, Cannot) or not message:
            return found
        return msgspec.structs.replace(found, message=message)

    async def consent(
        self, sealed: str, binding: str, chosen: Mapping[str, str], whence: Whence
    ) -> Back | SignedIn | Cannot:
        """Let the program in as far as the person said; `chosen`: `team`, and by area and switch how far."""
        form = self._opened(sealed, binding)
        if form is None or form.user_id is None:
            return _expired()
        choice = _read(chosen)
        if choice is None or choice.nothing:
            missing = "Choose at least one area in which it may read, or press Cancel."
            return await self.offer(form.wish, binding, form.user_id, missing)
        answer = await self._database.write(self._let_in, form.wish, form.user_id, choice, whence)
        if isinstance(answer, Cannot):
            return answer
        return self._back(form.wish, {"code": answer})

    async def cancel(self, sealed: str, binding: str, whence: Whence) -> Back | Cannot:
        """Send the person back with a no."""
        form = self._opened(sealed, binding)
        if form is None:
            return _expired()
        if form.user_id is not None:
            await self._database.write(_declined, whence, form.user_id, form.wish)
        return self._refused(form.wish)

    async def _client(self, client_id: str, known: Client | None, whence: Whence) -> Client | str:
        if not is_document_address(client_id):
            return known or "This program is not known here. It must register before it asks to be let in."
        if self._documents.remembered(client_id) is None:
            self._fetches.admit_from(whence.client_address)
        return await self._documents.client(client_id)

    def _asked(self, wish: Wish, binding: str, user_id: int | None = None) -> Asked:
        uri = wish.redirect_uri
        at_ms = to_milliseconds(self._clock.now())
        form = _Form(wish=wish, binding=binding, at_ms=at_ms, user_id=user_id)
        return Asked(
            client_name=wish.client.name,
            proven_host=redirects.place(wish.client.client_id) if wish.client.kind is ClientKind.DOCUMENT else None,
            place=redirects.place(uri),
            on_this_device=redirects.is_loopback(uri) or redirects.is_program(uri),
            redirect_uri=uri,
            cancel=self._refused(wish).location,
            sealed=self._vault.seal(msgspec.json.encode(form).decode()),
            again=_again(wish),
        )

    def _opened(self, sealed: str, binding: str) -> _Form | None:
        try:
            form = msgspec.json.decode(self._vault.open(sealed), type=_Form)
        except (ValueError, msgspec.MsgspecError):
            return None
        age_ms = to_milliseconds(self._clock.now()) - form.at_ms
        fresh = 0 <= age_ms <= FORM_LASTS.total_seconds() * 1_000
        return form if fresh and binding and form.binding == binding else None

    def _offered(self, tx: Tx, wish: Wish, binding: str, user_id: int) -> SignedIn | Cannot:
        user = accounts.user(tx, user_id)
        teams = [accounts.team(tx, id) for id in accounts.team_ids_of(tx, user_id)]
        if not teams:
            return Cannot(message=f"{user.email} is in no team here, so there is nothing to let a program into.")
        levels, switches = scopes.proposed(wish.scope)
        mine = rights.joined(
            rights.of_role(self._door.catalogue, each.role) for each in accounts.memberships_of(tx, user_id)
        )
        areas = [
            Area(area, min(levels.get(area, Level.OFF), mine.levels[area], key=list(Level).index), _upto(mine, area))
            for area in AREAS
            if area in mine.levels
        ]
        acts = [
            Area(act, switches.get(act, Setting.OFF), tuple(each.value for each in Setting))
            for act in SWITCHES
            if act in mine.acts
        ]
        return SignedIn(
            asked=self._asked(wish, binding, user_id),
            person=user.name,
            email=user.email,
            teams=tuple((team.id, team.name) for team in teams),
            areas=tuple(areas),
            switches=tuple(acts),
        )

    def _let_in(self, tx: Tx, wish: Wish, user_id: int, choice: Choice, whence: Whence) -> str | Cannot:
        user = accounts.user(tx, user_id)
        if not accounts.is_member(tx, choice.team_id, user_id):
            return Cannot(message="You are not in that team any more.")
        team = accounts.team(tx, choice.team_id)
        mine = rights.joined(
            rights.of_role(self._door.catalogue, each.role)
            for each in accounts.memberships_of(tx, user_id)
            if each.team_id == team.id
        )
        choice = scopes.capped(choice, mine.levels, mine.acts)
        if choice.nothing:
            return Cannot(message="You may not do any of this yourself, so you cannot let a program do it.")
        try:
            agent = _agent(tx, wish, user, team, choice)
        except Invalid as error:
            return Cannot(message=error.message)
        if agent.suspended_at is not None:
            return Cannot(message=f"The agent {agent.name} is suspended. Resume it before you let this program in.")
        scope = scopes.granted(wish.scope, choice)
        code = oauth.let_in(tx, wish, user_id, agent, scope)
        trail.by_person(
            tx,
            whence,
            trail.CONSENT,
            user_id=user_id,
            name=user.name,
            outcome="allowed",
            reason=f"{wish.client.name} may act in the team {team.name} as the agent {agent.name}",
            team_id=team.id,
            target=f"agent {agent.id}",
            arguments={
                "client_id": wish.client.client_id,
                "redirect_uri": wish.redirect_uri,
                "levels": dict(choice.levels),
                "switches": dict(choice.switches),
            },
        )
        return code

    def _refusal(self, redirect_uri: str, state: str | None, problem: Problem, *, at_once: bool) -> Back:
        said = _NOT_ALLOWED.sub("?", problem.description)
        answer = {"error": problem.code, "error_description": said, "state": state, "iss": self.issuer}
        return Back(
            location=redirects.with_parameters(redirect_uri, answer),
            place=redirects.place(redirect_uri),
            description=problem.description,
            at_once=at_once,
        )

    def _refused(self, wish: Wish) -> Back:
        return self._back(wish, {"error": "access_denied", "error_description": "The person said no."})

    def _back(self, wish: Wish, answer: Mapping[str, str]) -> Back:
        whole = {**answer, "state": wish.state, "iss": self.issuer}
        return Back(
            location=redirects.with_parameters(wish.redirect_uri, whole), place=redirects.place(wish.redirect_uri)
        )


def _again(wish: Wish) -> str:
    asked = {
        "response_type": "code",
        "client_id": wish.client.client_id,
        "redirect_uri": wish.redirect_uri if wish.redirect_uri_sent else None,
        "state": wish.state,
        "scope": " ".join(wish.scope) or None,
        "code_challenge": wish.challenge,
        "code_challenge_method": "S256",
        "resource": wish.resource,
    }
    return f"/oauth/authorize?{urlencode({name: value for name, value in asked.items() if value is not None})}"


def _agent(tx: Tx, wish: Wish, user: User, team: Team, choice: Choice) -> Agent:
    """The agent that this person and this program make together: the one that they made before, as it is now agreed;
    else a new one. One that was suspended stays as it is: letting it in again must not be a way around that."""
    granted = {"levels": dict(choice.levels), "switches": dict(choice.switches)}
    before = oauth.agent_for(tx, wish, user.id, team.id)
    if before is not None:
        agent = agents.find(tx, before, (team.id,))
        return agent if agent.suspended_at else agents.update(tx, before, (team.id,), granted, by=user.name)
    owner = f" of {user.first_name or user.name}"[:40]
    for number in range(1, MAX_AGENTS_OF_ONE_NAME + 1):
        again = "" if number == 1 else f" {number}"
        name = f"{wish.client.name[: 100 - len(owner) - len(again)]}{owner}{again}"
        given = {"name": name, "purpose": f"Let in by {user.name} as {wish.client.name}", **granted}
        try:
            return agents.create(tx, team.id, given, granted_by=user.name, owner_id=user.id)
        except Invalid as error:
            if "has already been taken" not in error.field_errors.get("name", ()):
                raise
    raise Invalid(f"There are {MAX_AGENTS_OF_ONE_NAME} agents of this name already. Remove those of no use first.")


def _read(chosen: Mapping[str, str]) -> Choice | None:
    """The form, as far as it makes sense; None when it names no team."""
    team = chosen.get("team", "")
    if not (team.isascii() and team.isdigit() and len(team) <= 18):
        return None
    levels = {area: chosen.get(f"level_{area}", "") for area in AREAS}
    switches = {act: chosen.get(f"switch_{act}", "") for act in SWITCHES}
    return Choice(
        team_id=int(team),
        levels={area: Level(level) for area, level in levels.items() if level in list(Level)},
        switches={act: Setting(setting) for act, setting in switches.items() if setting in list(Setting)},
    )


def _declined(tx: Tx, whence: Whence, user_id: int, wish: Wish) -> None:
    try:
        user = accounts.user(tx, user_id)
    except NotFound:
        return
    teams = accounts.team_ids_of(tx, user_id)
    trail.by_person(
        tx,
        whence,
        trail.CONSENT,
        user_id=user_id,
        name=user.name,
        outcome="denied",
        reason=f"{user.name} said no to {wish.client.name}",
        team_id=teams[0] if teams else None,
    )


def _upto(mine: rights.Rights, area: str) -> tuple[str, ...]:
    return tuple(level.value for level in Level if mine.levels[area].reaches(level))


def _expired() -> Cannot:
    return Cannot(
        message="This page has been open too long, or belongs to another browser. Start again in the program."
    )


def new_binding() -> str:
    """What a browser is told apart by, between one page and the next."""
    return new_token("", 32)
