"""What the audit log says of signing in: who came in and how, who was turned away, and what they changed about it."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.gateway.audit import Entry, write
from tocsin.gateway.identity import Actor
from tocsin.kernel.errors import NotFound
from tocsin.kernel.ids import new_request_id
from tocsin.registry import Call, Operation
from tocsin.storage import Tx

SURFACE = "console"


class Whence(msgspec.Struct, frozen=True, kw_only=True):
    """From where somebody comes."""

    client_address: str | None = None
    client_name: str | None = None
    """The browser, as it calls itself."""
    request_id: str = msgspec.field(default_factory=new_request_id)
    surface: str = SURFACE


class _Nothing(msgspec.Struct):
    pass


def _never(tx: Tx, call: Call, input: _Nothing) -> None:
    raise NotImplementedError("it is written down here, and done at its own address")


def _deed(name: str, doc: str, deed: str) -> Operation:
    """What the log needs to know of something that is no operation of the API."""
    return Operation(
        name=f"sign_in.{name}", routes=(), area="team", level="full", input=_Nothing, handler=_never, doc=doc,
        deed=deed, people_only=True,
    )  # fmt: skip


SIGN_IN = _deed("begin", "Sign in.", "signed in")
SIGN_OUT = _deed("end", "Sign out.", "signed out")
PROVE = _deed("prove", "Prove once more to be the one.", "proved once more to be the one")
PASSWORD = _deed("change_password", "Change the password.", "changed the password")
FORGOTTEN = _deed("forgotten", "Ask for a new password.", "asked for a link to a new password")
SET_UP = _deed("set_up", "Set Tocsin up.", "set Tocsin up")
CODES = _deed("codes", "Set up codes of an authenticator.", "set up codes of an authenticator")
NO_CODES = _deed("remove_codes", "Remove the codes of an authenticator.", "removed the codes of an authenticator")
RECOVERY = _deed("recovery_codes", "Make new recovery codes.", "made new recovery codes")
PASSKEY = _deed("add_passkey", "Add a passkey.", "added a passkey")
NAMED = _deed("name_passkey", "Give a passkey another name.", "gave a passkey another name")
NO_PASSKEY = _deed("remove_passkey", "Remove a passkey.", "removed a passkey")
LINKED = _deed("link", "Sign in by a provider for the first time.", "is known by single sign-on from now on")
ENDED = _deed("end_sessions", "End other sessions.", "ended other sessions")


def by_person(
    tx: Tx, whence: Whence, operation: Operation, user_id: int, reason: str, *, outcome: str = "allowed",
    target: str | None = None,
) -> None:  # fmt: skip
    """Write down what somebody did who has proved to be the one: in the log of each team of theirs."""
    user = accounts.user(tx, user_id)
    team_ids: list[int | None] = [*accounts.team_ids_of(tx, user_id)]
    for team_id in team_ids or [None]:
        teams = () if team_id is None else (team_id,)
        actor = Actor(kind="person", id=user_id, name=user.name, team_ids=teams, user_id=user_id)
        _write(tx, whence, operation, actor, team_id, reason, outcome=outcome, target=target)


def by_stranger(
    tx: Tx, whence: Whence, operation: Operation, user_id: int | None, reason: str, *, outcome: str = "denied"
) -> None:
    """Write down what somebody tried, or that they were turned away.

    `user_id`: who they say to be; None = a name that nobody here has. It stands in the log of one of the person's
    teams, as short a time as all that strangers do.
    """
    name, team_id = "somebody", None
    if user_id is not None:
        try:
            name = f"somebody who says to be {accounts.user(tx, user_id).name}"
        except NotFound:
            user_id = None
        teams = [] if user_id is None else accounts.team_ids_of(tx, user_id)
        team_id = teams[0] if teams else None
    actor = Actor(kind="nobody", id=None, name=name, team_ids=())
    _write(tx, whence, operation, actor, team_id, reason, outcome=outcome)


def _write(
    tx: Tx, whence: Whence, operation: Operation, actor: Actor, team_id: int | None, reason: str, *, outcome: str,
    target: str | None = None,
) -> None:  # fmt: skip
    write(
        tx,
        Entry(
            actor=actor,
            operation=operation,
            surface=whence.surface,
            request_id=whence.request_id,
            outcome=outcome,
            reason=reason,
            target=target,
            team_id=team_id,
            team_name=None if team_id is None else accounts.team(tx, team_id).name,
            client_address=whence.client_address,
            client_name=whence.client_name,
        ),
    )
