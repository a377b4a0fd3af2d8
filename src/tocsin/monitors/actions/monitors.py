"""Setting up what is watched: create, change, pause and delete monitors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.escalation.actions import policies
from tocsin.incidents import actions as incidents
from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.vault import without_credentials
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import Metadata, OwnerType
from tocsin.monitors.actions import dependencies, expiry
from tocsin.monitors.model import Monitor, MonitorStatus, Settings
from tocsin.monitors.rules.expiry import Kind, host_of, registrable_domain
from tocsin.monitors.rules.flapping import flapping
from tocsin.monitors.rules.maintenance import in_maintenance
from tocsin.monitors.rules.settings import MAX_TEXT, Errors, Limits, apply, default_name
from tocsin.monitors.store import groups as group_shelf
from tocsin.monitors.store import monitors as shelf
from tocsin.monitors.store import samples as sample_shelf
from tocsin.monitors.store import states as state_shelf
from tocsin.registry import Bounds
from tocsin.storage import Tx, events

TOPIC = "monitors"
"""Rung when what is to be watched has changed."""
PAUSED = "paused"
"""The reason of the gap in which a monitor is paused."""
DELETED = "deleted"
"""The reason of the gap between a deletion and its undoing."""
_AT_ONCE = 500
"""Monitors per statement when many are paused: one by one would be slow, and pages wait behind whatever holds the
writer; one statement takes no more than 999 values on an old SQLite."""
_POLICIES = ("policy_id", "expiration_policy_id")
_NO_SETTINGS = frozenset({"paused", "pronounceable_name", "monitor_group_id"})
"""Changes that leave settings which cannot be read as they lie: the key that opens them may come back."""


def create(
    tx: Tx,
    team_id: int,
    given: Mapping[str, Any],
    limits: Limits,
    base_url: str,
    references: Mapping[str, metadata.Resolver] | None = None,
) -> Monitor:
    """Begin to watch something. `given`: wire names and values (contract part 1, 3.1). Raises Invalid.

    `references`: who looks up what its facts refer to, by type.
    """
    settings, url, errors = apply(Settings(), "", given, limits, new=True)
    name = _name(given, url, errors)
    group_id = _group(tx, given, None, team_id, errors)
    policies.complain(tx, team_id, None, settings, errors, among=_POLICIES)
    facts = _checked(tx, None, team_id, given, settings, errors, references)
    paused = bool(given.get("paused"))
    id = shelf.insert_monitor(
        tx, team_id=team_id, url=url, name=name or default_name(url, settings), group_id=group_id, paused=paused,
        domain=_domain(settings, url), settings=settings,
    )  # fmt: skip
    if paused:
        state_shelf.add_gap(tx, id, to_milliseconds(tx.now), None, PAUSED)
    if settings.depends_on:
        dependencies.put(tx, id, settings.depends_on)
    if facts:
        metadata.put(tx, team_id=team_id, owner_type=OwnerType.MONITOR, owner_id=id, facts=facts, new=True)
    monitor = find(tx, id, None)
    events.record(tx, "monitor.created", team_id=team_id, resource_type="monitor", resource_id=id, **_then(monitor))
    expiry.settings_changed(tx, None, monitor, given, base_url)
    tx.ring(TOPIC)
    return monitor


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Monitor:
    """The monitor, if the caller may see it. Raises NotFound."""
    found = shelf.find(tx, id, team_ids)
    if found is None:
        raise NotFound("monitor", id)
    return _shown(tx, [found])[0]


def team_of(tx: Tx, id: int) -> int | None:
    """The team to which a monitor belongs; None: there is no such monitor."""
    found = shelf.find(tx, id)
    return None if found is None else found.team_id


def list_monitors(
    tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int, url: str | None = None,
    name: str | None = None, group_id: int | None = None, reach: Sequence[Bounds] | None = None,
) -> tuple[list[Monitor], int]:  # fmt: skip
    """One page of the monitors that the caller may see, by id, and how many there are in all."""
    found, total = shelf.page(
        tx, team_ids=team_ids, page=page, per_page=per_page, url=url, name=name, group_id=group_id, reach=reach
    )
    return _shown(tx, found), total


def update(
    tx: Tx,
    id: int,
    team_ids: tuple[int, ...] | None,
    given: Mapping[str, Any],
    limits: Limits,
    base_url: str,
    references: Mapping[str, metadata.Resolver] | None = None,
) -> Monitor:
    """Change what is in `given` and nothing else. Raises NotFound, Invalid."""
    old = find(tx, id, team_ids)
    settings, url, errors = apply(old.settings, old.url, given, limits, new=bool(old.unreadable))
    name = _name(given, url, errors)
    group_id = _group(tx, given, old.monitor_group_id, old.team_id, errors)
    policies.complain(tx, old.team_id, old.settings, settings, errors, among=_POLICIES)
    facts = _checked(tx, id, old.team_id, given, settings, errors, references)
    pause = given.get("paused")
    paused = old.paused_at is not None if pause is None else bool(pause)
    shelf.update_monitor(
        tx, id, url=url, name=name or old.pronounceable_name, group_id=group_id,
        paused_at=(old.paused_at or tx.now) if paused else None,
        domain=_domain(settings, url),
        settings=None if old.unreadable and given.keys() <= _NO_SETTINGS else settings,
    )  # fmt: skip
    if "depends_on" in given:
        dependencies.put(tx, id, settings.depends_on)
    if facts:
        metadata.put(tx, team_id=old.team_id, owner_type=OwnerType.MONITOR, owner_id=id, facts=facts)
    if paused is not (old.paused_at is not None):
        _turned(tx, [old], paused, base_url)
    monitor = find(tx, id, None)
    events.record(tx, "monitor.updated", team_id=old.team_id, resource_type="monitor", resource_id=id,
                  changed=sorted(given), **_then(monitor))  # fmt: skip
    expiry.settings_changed(tx, old, monitor, given, base_url)
    tx.ring(TOPIC)
    return monitor


def delete(tx: Tx, id: int, team_ids: tuple[int, ...] | None, base_url: str) -> None:
    """Stop watching and forget what was measured; its incidents stay, resolved. Raises NotFound."""
    monitor = find(tx, id, team_ids)
    close_incidents(tx, monitor, "The monitor was deleted.", base_url)
    shelf.delete_monitor(tx, id, monitor.team_id)
    sample_shelf.delete_samples_of(tx, id)
    state_shelf.delete_gaps(tx, monitor_id=id)
    dependencies.forget(tx, id)
    metadata.forget(tx, OwnerType.MONITOR, [id])
    events.record(tx, "monitor.deleted", team_id=monitor.team_id, resource_type="monitor", resource_id=id,
                  **_then(monitor))  # fmt: skip
    tx.ring(TOPIC)


def returned(tx: Tx, ids: Sequence[int], since: datetime, base_url: str) -> None:
    """Monitors are back that were deleted at `since`: watched again from now on, with the first check to be done.

    What had been open about them stays resolved; when they fail, they fail anew, and page.
    """
    found = shelf.by_ids(tx, ids)
    if not found:
        return
    for monitor in found:
        shelf.count_anew(tx, monitor.team_id, 1)
        if monitor.paused_at is None:
            state_shelf.add_gap(tx, monitor.id, to_milliseconds(since), to_milliseconds(tx.now), DELETED)
    state_shelf.begin_anew(tx, ids)
    shelf.note_changes(tx, ids)
    expiry.resumed(tx, [monitor for monitor in found if monitor.paused_at is None], base_url)
    tx.ring(TOPIC)


def set_paused(tx: Tx, ids: Sequence[int], paused: bool, base_url: str) -> None:
    """Pause or resume monitors; those that are so already are left alone."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        some = shelf.by_ids(tx, ordered[start : start + _AT_ONCE])
        turning = [monitor for monitor in some if paused is not (monitor.paused_at is not None)]
        if not turning:
            continue
        shelf.set_paused_at(tx, [monitor.id for monitor in turning], tx.now if paused else None)
        _turned(tx, turning, paused, base_url)
        if not paused:
            expiry.resumed(tx, turning, base_url)
    tx.ring(TOPIC)


def close_incidents(tx: Tx, monitor: Monitor, why: str, base_url: str) -> None:
    """Whatever is open about a monitor that is watched no longer is over; a suspicion is withdrawn unheard."""
    kinds: tuple[Literal["check"] | Kind, ...] = ("check", "ssl_expiration", "domain_expiration")
    for kind in kinds:
        incident = incidents.current(tx, "monitor", monitor.id, kind)
        if incident is None:
            continue
        if incident.status == "Unconfirmed":
            incidents.withdraw(tx, incident.id)
        else:
            incidents.recover(tx, incident.id, why=why, base_url=base_url)
            if kind != "check":
                expiry.closed(tx, monitor.id, kind)


def _turned(tx: Tx, monitors: Sequence[Monitor], paused: bool, base_url: str) -> None:
    """Pausing ends what is going on; resuming begins anew, with the first check still to be done."""
    now_ms = to_milliseconds(tx.now)
    ids = [monitor.id for monitor in monitors]
    if paused:
        concerned = incidents.open_owners(tx, "monitor", ids)
        for monitor in monitors:
            if monitor.id in concerned:
                close_incidents(tx, monitor, "The monitor was paused.", base_url)
        state_shelf.add_gaps(tx, ids, now_ms, PAUSED)
    else:
        state_shelf.close_gaps(tx, ids, now_ms, PAUSED)
    state_shelf.begin_anew(tx, ids)
    name = "monitor.paused" if paused else "monitor.unpaused"
    since = tx.now if paused else None
    happened = [
        (monitor.team_id, monitor.id, _then(msgspec.structs.replace(monitor, paused_at=since))) for monitor in monitors
    ]
    events.record_all(tx, name, resource_type="monitor", happened=happened)


def _then(monitor: Monitor) -> dict[str, Any]:
    """The monitor as it stands at this instant, for those outside who are told of it later (contract part 2, 8.2)."""
    settings = monitor.settings
    return {
        "monitor": {
            "url": without_credentials(monitor.url),
            "pronounceable_name": monitor.pronounceable_name,
            **{name: getattr(settings, name) for name in _TOLD},
            "paused_at": monitor.paused_at,
            "last_checked_at": monitor.last_checked_at,
            "created_at": monitor.created_at,
            "updated_at": monitor.updated_at,
        }
    }


_TOLD = (
    "monitor_type", "required_keyword", "verify_ssl", "check_frequency", "call", "sms", "email", "team_wait",
    "http_method", "request_timeout", "recovery_period", "request_body",
)  # fmt: skip
"""Settings that webhooks about a monitor show; none is a secret."""


def _domain(settings: Settings, url: str) -> str | None:
    """A browser check may be called anything: its name is no address unless it is one."""
    named = settings.monitor_type == "playwright" and "://" not in url
    return None if named else registrable_domain(host_of(url))


def _name(given: Mapping[str, Any], url: str, errors: Errors) -> str:
    name = str(given.get("pronounceable_name") or "").strip()
    if len(name) > MAX_TEXT:
        errors["pronounceable_name"] = [f"is too long (maximum is {MAX_TEXT} characters)"]
    return name


def _group(tx: Tx, given: Mapping[str, Any], current: int | None, team_id: int, errors: Errors) -> int | None:
    if "monitor_group_id" not in given:
        return current
    group_id = given["monitor_group_id"]
    if not group_id:
        return None
    if group_shelf.find(tx, group_id, (team_id,)) is None:
        errors["resource_group"] = ["doesn't exist"]
    return int(group_id)


def _checked(
    tx: Tx,
    id: int | None,
    team_id: int,
    given: Mapping[str, Any],
    settings: Settings,
    errors: Errors,
    references: Mapping[str, metadata.Resolver] | None,
) -> Metadata:
    """What only the database can tell about what was given. Returns its facts. Raises Invalid for all that is wrong."""
    if "depends_on" in given and "depends_on" not in errors and settings.depends_on:
        dependencies.complain(tx, id, team_id, settings.depends_on, errors)
    if errors:
        raise Invalid.of(errors)
    sent = given.get("metadata") or {}
    return {key: [] for key in sent} | metadata.read_facts(tx, sent, team_id, references)


def _shown(tx: Tx, monitors: Sequence[Monitor]) -> list[Monitor]:
    """With the names of their teams, `maintenance` where the window is open, and what they still lean on."""
    names = {id: accounts.team(tx, id).name for id in {monitor.team_id for monitor in monitors}}
    now, now_ms = tx.now, to_milliseconds(tx.now)
    leaning = [monitor.id for monitor in monitors if monitor.settings.depends_on]
    leans_on = dependencies.of(tx, leaning) if leaning else {}
    return [
        msgspec.structs.replace(
            monitor,
            team_name=names[monitor.team_id],
            status=shown_status(monitor, now),
            flapping=monitor.settings.flapping_damping and flapping(monitor.standing, now_ms),
            settings=_leaning_on(monitor.settings, leans_on.get(monitor.id, ())),
        )
        for monitor in monitors
    ]


def _leaning_on(settings: Settings, ids: tuple[int, ...]) -> Settings:
    return settings if settings.depends_on == ids else msgspec.structs.replace(settings, depends_on=ids)


def shown_status(monitor: Monitor, now: datetime) -> MonitorStatus:
    """`paused` before `maintenance` before what the checks say."""
    if monitor.paused_at is not None:
        return MonitorStatus.PAUSED
    if monitor.settings.maintenance_from is not None and in_maintenance(monitor.settings, now):
        return MonitorStatus.MAINTENANCE
    return monitor.standing.status
