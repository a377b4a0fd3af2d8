"""What can be done with the places that a team is told at: set one up, find those to be told, try one out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.metadata.model import Value
from tocsin.notify.channels import discover
from tocsin.notify.model.targets import INACTIVE, OpenTarget, Target
from tocsin.notify.rules import targets as rules
from tocsin.notify.rules.targets import Errors
from tocsin.notify.store import targets as shelf
from tocsin.storage import Tx, events

TYPE = "notification_target"
MAX_PER_TEAM = 500
"""Targets of one team; whoever has more has a loop in a script."""
MAX_NAME_CHARACTERS = 255

TITLES: Mapping[str, str] = {
    "slack": "Slack",
    "microsoft_teams": "Microsoft Teams",
    "discord": "Discord",
    "telegram": "Telegram",
    "mattermost": "Mattermost",
    "pagerduty": "PagerDuty",
    "splunk_on_call": "Splunk On-Call",
    "jira": "Jira",
    "linear": "Linear",
    "zapier": "Zapier",
    "webhook": "Webhook",
    "ntfy": "ntfy",
    "pushover": "Pushover",
    "apprise": "apprise",
}
"""What people call a kind; the name of a target that nobody named."""

WIRE_TYPES: Mapping[str, str] = {
    "slack": "slack_integration",
    "pagerduty": "pager_duty_webhook",
    "splunk_on_call": "splunk_on_call",
    "jira": "jira_integration",
}
"""What the contract calls a target of a kind that has an address of its own (part 2, 9.3)."""


def kinds() -> list[str]:
    """Every kind of place that can be set up, in the order of the alphabet."""
    return sorted(kind for kind, channel in discover().items() if hasattr(channel, "Target"))


def form(kind: str) -> type[msgspec.Struct]:
    """The settings of a target of that kind."""
    found: type[msgspec.Struct] = discover()[kind].Target  # type: ignore[attr-defined]
    return found


def shown_settings(kind: str) -> frozenset[str]:
    """The settings that answers show; every other one is a secret, unless its channel says otherwise."""
    shown: frozenset[str] = getattr(discover()[kind], "SHOWN", frozenset())
    return shown


# --- Setting up ------------------------------------------------------------------------------------------------------


def create(tx: Tx, team_id: int, kind: str, given: Mapping[str, Any], *, inside: str | None = None) -> OpenTarget:
    """Set up a place. `given`: `name`, `notify_alongside_primary_responder`, `on_call_notifications` and `settings`.

    Raises Invalid: what is wrong with the settings stands under their names, or all under `inside`.
    """
    if kind not in kinds():
        raise Invalid.values({"kind": kinds()})
    settings, errors = rules.read(form(kind), {}, given.get("settings") or {}, inside)
    name = _name(given, TITLES.get(kind, kind), errors)
    if shelf.count(tx, team_id) >= MAX_PER_TEAM:
        errors["base"] = [f"a team can have at most {MAX_PER_TEAM} notification targets: delete one first"]
    if errors:
        raise Invalid.of(errors)
    id = shelf.add(
        tx, team_id=team_id, kind=kind, name=name, settings=settings,
        alongside=_flag(given, "notify_alongside_primary_responder", True),
        on_call=_flag(given, "on_call_notifications", False),
    )  # fmt: skip
    events.record(tx, f"{TYPE}.created", team_id=team_id, resource_type=TYPE, resource_id=id, kind=kind)
    return open_target(tx, id, None)


def update(
    tx: Tx,
    id: int,
    team_ids: tuple[int, ...] | None,
    given: Mapping[str, Any],
    *,
    kind: str | None = None,
    inside: str | None = None,
) -> OpenTarget:
    """Change what is in `given` and nothing else; of the settings too. Raises NotFound, Invalid."""
    old = open_target(tx, id, team_ids, kind)
    settings, errors = rules.read(form(old.target.kind), old.settings, given.get("settings") or {}, inside)
    name = _name(given, old.target.name, errors)
    if errors:
        raise Invalid.of(errors)
    shelf.change(
        tx, id, name=name, settings=settings,
        alongside=_flag(given, "notify_alongside_primary_responder", old.target.notify_alongside_primary_responder),
        on_call=_flag(given, "on_call_notifications", old.target.on_call_notifications),
    )  # fmt: skip
    events.record(
        tx, f"{TYPE}.updated", team_id=old.team_id, resource_type=TYPE, resource_id=id, changed=sorted(given)
    )  # fmt: skip
    return open_target(tx, id, None)


def delete(tx: Tx, id: int, team_ids: tuple[int, ...] | None, kind: str | None = None) -> None:
    """Tell it nothing more. What is on its way to it is given up; a policy's step that names it says so."""
    old = open_target(tx, id, team_ids, kind)
    shelf.remove(tx, id)
    events.record(
        tx, f"{TYPE}.deleted", team_id=old.team_id, resource_type=TYPE, resource_id=id, kind=old.target.kind,
        target_name=old.target.name,
    )  # fmt: skip


def open_target(tx: Tx, id: int, team_ids: tuple[int, ...] | None, kind: str | None = None) -> OpenTarget:
    """The target with its settings, of that kind (None = any), if the caller may see it. Raises NotFound."""
    row = shelf.row_of(tx, id)
    wanted = row is not None and (team_ids is None or row.team_id in team_ids) and kind in (None, row.kind)
    if row is None or not wanted:
        raise NotFound(WIRE_TYPES.get(kind or "", TYPE), id)
    return _opened(tx, [row])[0]


def list_targets(
    tx: Tx, team_ids: tuple[int, ...] | None, kind: str | None, *, page: int, per_page: int
) -> tuple[list[OpenTarget], int]:
    """One page of the targets of a kind (None = any) that the caller may see, by id, and how many there are in all."""
    rows, total = shelf.page(tx, kind=kind, team_ids=team_ids, offset=(page - 1) * per_page, limit=per_page)
    return _opened(tx, rows), total


# --- For those who page ----------------------------------------------------------------------------------------------


def find(tx: Tx, id: int) -> Target | None:
    """The target, whoever's it is; None when there is none (any more)."""
    return shelf.find(tx, id)


def of_team(
    tx: Tx, team_id: int, kind: str | None = None, alongside: bool | None = None, on_call: bool | None = None
) -> list[Target]:
    """The targets of a team, oldest first; each filter None = whatever it is.

    `alongside`: those told together with the first responder. `on_call`: those that hear of who is on call next.
    """
    return shelf.of_team(tx, team_id, kind=kind, alongside=alongside, on_call=on_call)


def team_of(tx: Tx, id: int) -> int | None:
    """Whose target this is; None when there is none."""
    found = shelf.find(tx, id)
    return None if found is None else found.team_id


def settings_of(tx: Tx, id: int) -> dict[str, Any]:
    """A target's settings in the clear, as its channel reads them.

    Empty when the target is gone, or when they were sealed with a key that is lost: the channel then gives up and says
    what is missing.
    """
    row = shelf.row_of(tx, id)
    return {} if row is None else shelf.settings_in(tx, row.secrets)


def retire(tx: Tx, id: int) -> None:
    """The place has refused us for good (a `GiveUp` with `endpoint_gone`): say so wherever the target is shown."""
    shelf.mark(tx, id, INACTIVE)


def reference(kind: str) -> Callable[[Tx, Value, int], Value | None]:
    """Looks up what a fact means that refers to a target of this kind, by id or name (contract part 2, 7.1)."""

    def look_up(tx: Tx, given: Value, team_id: int) -> Value | None:
        for target in shelf.of_team(tx, team_id, kind=kind, alongside=None, on_call=None):
            if given.item_id in (None, target.id) and given.name in (None, target.name):
                return Value(type=given.type, item_id=target.id, name=target.name)
        return None

    return look_up


# --- Reading what was sent -------------------------------------------------------------------------------------------


def _name(given: Mapping[str, Any], current: str, errors: Errors) -> str:
    if "name" not in given:
        return current
    name = " ".join(str(given["name"] or "").split())
    if not name:
        return current
    if len(name) > MAX_NAME_CHARACTERS:
        errors["name"] = [f"is too long (maximum is {MAX_NAME_CHARACTERS} characters)"]
    return name


def _flag(given: Mapping[str, Any], name: str, current: bool) -> bool:
    value = given.get(name)
    return current if value is None else bool(value)


def _opened(tx: Tx, rows: Sequence[Row[Any]]) -> list[OpenTarget]:
    names = {id: accounts.team(tx, id).name for id in {row.team_id for row in rows}}
    return [
        OpenTarget(
            target=shelf.target_of(row),
            settings=shelf.settings_in(tx, row.secrets),
            team_name=names[row.team_id],
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in rows
    ]
