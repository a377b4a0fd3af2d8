"""Setting up which jobs must call us: create, change, pause and delete heartbeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.escalation.actions import policies
from tocsin.heartbeats.actions.pinging import TOPIC, TYPE, absences
from tocsin.heartbeats.model import WHICHEVER, Heartbeat, HeartbeatStatus, Settings, Standing, Wanted
from tocsin.heartbeats.rules.judging import rearmed
from tocsin.heartbeats.rules.settings import Errors, apply, checked_name, checked_slug
from tocsin.heartbeats.store import groups as group_shelf
from tocsin.heartbeats.store import heartbeats as shelf
from tocsin.heartbeats.store import states as state_shelf
from tocsin.incidents import actions as incidents
from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import new_token
from tocsin.metadata import actions as metadata
from tocsin.registry import Bounds
from tocsin.storage import Tx, events

TOKEN_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"  # noqa: S105 - an alphabet
"""No capitals: a token is an e-mail address too, and mail servers do not keep those."""
TOKEN_LENGTH = 24
"""124 bits."""
OWNER_TYPE = "Heartbeat"
"""How metadata names a heartbeat."""
_AT_ONCE = 500
"""Heartbeats per statement when many are paused."""


def create(tx: Tx, team_id: int, given: Mapping[str, Any], *, provisioned: bool = False) -> Heartbeat:
    """Wait for a job from its first beat on. `given`: wire names and values (contract part 1, 5). Raises Invalid."""
    settings, errors = apply(Settings(), given, tx.now, new=True)
    name = checked_name(given, "", errors)
    slug = _slug(tx, given, None, team_id, errors)
    group_id = _group(tx, given, None, team_id, errors)
    policies.complain(tx, team_id, None, settings, errors)
    if errors:
        raise Invalid.of(errors)
    id = shelf.insert_heartbeat(
        tx, team_id=team_id, name=name, group_id=group_id, slug=slug, provisioned=provisioned,
        paused=bool(given.get("paused")), settings=settings,
        token=new_token(length=TOKEN_LENGTH, letters=TOKEN_LETTERS),
    )  # fmt: skip
    heartbeat = find(tx, id, None)
    _record(tx, "created", heartbeat)
    return heartbeat


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Heartbeat:
    """The heartbeat, if the caller may see it. Raises NotFound."""
    found = shelf.find(tx, id, team_ids)
    if found is None:
        raise NotFound(TYPE, id)
    return named(tx, [found])[0]


def team_of(tx: Tx, id: int) -> int | None:
    """The team that owns the heartbeat; None: there is none."""
    found = shelf.find(tx, id)
    return None if found is None else found.team_id


def list_heartbeats(
    tx: Tx,
    team_ids: tuple[int, ...] | None,
    *,
    page: int,
    per_page: int,
    wanted: Wanted = WHICHEVER,
    reach: Sequence[Bounds] | None = None,
) -> tuple[list[Heartbeat], int]:
    """One page of the heartbeats that are meant and the caller may see, and how many there are in all."""
    found, total = shelf.page(tx, team_ids=team_ids, page=page, per_page=per_page, wanted=wanted, reach=reach)
    return named(tx, found), total


def update(tx: Tx, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any], base_url: str) -> Heartbeat:
    """Change what is in `given` and nothing else. Raises NotFound, Invalid.

    A changed schedule counts from now: nobody is paged for having been late by a rule that did not hold.
    """
    old = find(tx, id, team_ids)
    settings, errors = apply(old.settings, given, tx.now, new=False)
    name = checked_name(given, old.name, errors)
    slug = _slug(tx, given, old, old.team_id, errors)
    group_id = _group(tx, given, old.heartbeat_group_id, old.team_id, errors)
    policies.complain(tx, old.team_id, old.settings, settings, errors)
    if errors:
        raise Invalid.of(errors)
    pause = given.get("paused")
    paused = old.paused_at is not None if pause is None else bool(pause)
    shelf.update_heartbeat(
        tx, id, name=name, group_id=group_id, slug=slug,
        paused_at=(old.paused_at or tx.now) if paused else None, settings=settings,
    )  # fmt: skip
    if paused is not (old.paused_at is not None):
        _turned(tx, [old], paused, base_url)
    elif not paused and settings != old.settings:
        state_shelf.save(tx, id, _rescheduled(tx, old, settings))
        tx.ring(TOPIC)
    heartbeat = find(tx, id, None)
    _record(tx, "updated", heartbeat, changed=sorted(given))
    return heartbeat


def delete(tx: Tx, id: int, team_ids: tuple[int, ...] | None, base_url: str) -> None:
    """Expect nothing any more and forget its pings; its incidents stay, resolved. Raises NotFound."""
    heartbeat = find(tx, id, team_ids)
    _close_incident(tx, id, "The heartbeat was deleted.", base_url)
    shelf.delete_heartbeat(tx, id)
    metadata.forget(tx, OWNER_TYPE, [id])
    _record(tx, "deleted", heartbeat)


def returned(tx: Tx, ids: Sequence[int]) -> None:
    """Heartbeats are back that were deleted. What was expected is expected again, counted from now: a job that calls
    no more is late one period from now, and pages."""
    if not ids:
        return
    known = {heartbeat.id: heartbeat.standing for heartbeat in shelf.by_ids(tx, ids)}
    state_shelf.begin_anew(tx, ids)
    for heartbeat in shelf.by_ids(tx, ids):
        before = known[heartbeat.id]
        if heartbeat.paused_at is None and before.status is not HeartbeatStatus.PENDING:
            standing = Standing(
                status=HeartbeatStatus.UP, last_beat_ms=before.last_beat_ms, since_ms=to_milliseconds(tx.now)
            )
            state_shelf.save(tx, heartbeat.id, rearmed(standing, heartbeat.settings, absences(tx)))
    tx.ring(TOPIC)


def set_paused(tx: Tx, ids: Sequence[int], paused: bool, base_url: str) -> None:
    """Pause or resume heartbeats; those that are so already are left alone."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), _AT_ONCE):
        some = shelf.by_ids(tx, ordered[start : start + _AT_ONCE])
        turning = [heartbeat for heartbeat in some if paused is not (heartbeat.paused_at is not None)]
        if turning:
            shelf.set_paused_at(tx, [heartbeat.id for heartbeat in turning], tx.now if paused else None)
            _turned(tx, turning, paused, base_url)


def named(tx: Tx, heartbeats: Sequence[Heartbeat]) -> list[Heartbeat]:
    """With the names of their teams."""
    names = {id: accounts.team(tx, id).name for id in {heartbeat.team_id for heartbeat in heartbeats}}
    return [msgspec.structs.replace(heartbeat, team_name=names[heartbeat.team_id]) for heartbeat in heartbeats]


def count_by_status(tx: Tx, team_ids: tuple[int, ...] | None, reach: Sequence[Bounds] | None = None) -> dict[str, int]:
    """How many of those that the caller may see there are of each status."""
    return shelf.counts(tx, team_ids, reach)


def _turned(tx: Tx, heartbeats: Sequence[Heartbeat], paused: bool, base_url: str) -> None:
    """Pausing ends what is going on; a resumed one waits for its next beat."""
    ids = [heartbeat.id for heartbeat in heartbeats]
    if paused:
        for id in sorted(incidents.open_owners(tx, TYPE, ids)):
            _close_incident(tx, id, "The heartbeat was paused.", base_url)
    state_shelf.begin_anew(tx, ids)
    name = "heartbeat.paused" if paused else "heartbeat.unpaused"
    since = tx.now if paused else None
    happened = [
        (heartbeat.team_id, heartbeat.id, _then(msgspec.structs.replace(heartbeat, paused_at=since)))
        for heartbeat in heartbeats
    ]
    events.record_all(tx, name, resource_type=TYPE, happened=happened)


def _rescheduled(tx: Tx, old: Heartbeat, settings: Settings) -> Standing:
    timing = ("period", "grace", "schedule", "schedule_timezone", "server_timezone")
    standing = old.standing
    if standing.status is not HeartbeatStatus.PENDING and any(
        getattr(settings, name) != getattr(old.settings, name) for name in timing
    ):
        standing = msgspec.structs.replace(standing, since_ms=to_milliseconds(tx.now))
    return rearmed(standing, settings, absences(tx))


def _close_incident(tx: Tx, id: int, why: str, base_url: str) -> None:
    incident = incidents.current(tx, TYPE, id, "check")
    if incident is not None:
        incidents.recover(tx, incident.id, why=why, base_url=base_url)


def _slug(tx: Tx, given: Mapping[str, Any], old: Heartbeat | None, team_id: int, errors: Errors) -> str | None:
    slug = checked_slug(given, None if old is None else old.slug, errors)
    if slug is not None and "slug" not in errors:
        taken = shelf.by_slug(tx, team_id, slug)
        if taken is not None and (old is None or taken.id != old.id):
            errors["slug"] = ["has already been taken"]
    return slug


def _group(tx: Tx, given: Mapping[str, Any], current: int | None, team_id: int, errors: Errors) -> int | None:
    if "heartbeat_group_id" not in given:
        return current
    group_id = given["heartbeat_group_id"]
    if not group_id:
        return None
    if group_shelf.find(tx, group_id, (team_id,)) is None:
        errors["resource_group"] = ["doesn't exist"]
    return int(group_id)


def _record(tx: Tx, deed: str, heartbeat: Heartbeat, **more: Any) -> None:
    events.record(
        tx, f"heartbeat.{deed}", team_id=heartbeat.team_id, resource_type=TYPE, resource_id=heartbeat.id,
        **_then(heartbeat), **more,
    )  # fmt: skip


def _then(heartbeat: Heartbeat) -> dict[str, Any]:
    """The heartbeat as it stands at this instant, for those outside who are told of it later."""
    settings = heartbeat.settings
    return {
        "heartbeat": {
            "name": heartbeat.name,
            **{name: getattr(settings, name) for name in _TOLD},
            "paused_at": heartbeat.paused_at,
            "created_at": heartbeat.created_at,
            "updated_at": heartbeat.updated_at,
        }
    }


_TOLD = ("period", "grace", "schedule", "call", "sms", "email", "push", "team_wait")
"""Settings that events show; none is a secret."""
