"""What a ping does: it is written down, judged, and acted upon, together with all that arrived in the same moment."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.escalation.model import Paging
from tocsin.heartbeats.model import Absence, Heartbeat, HeartbeatStatus, Kind, Ping, Standing
from tocsin.heartbeats.rules.judging import ABSENCES_COUNTED, Call, Deed, Judgement, take
from tocsin.heartbeats.store import heartbeats as shelf
from tocsin.heartbeats.store import pings as ping_shelf
from tocsin.heartbeats.store import states as state_shelf
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Opening
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.kernel.text import cut
from tocsin.kernel.vault import HIDDEN
from tocsin.storage import Tx, events

TOPIC = "heartbeats"
"""Rung when a deadline may have come closer."""
TYPE = "heartbeat"
"""How incidents, events and answers name what this is about."""
MAX_KEPT_BODY_BYTES = 10_000
"""Of what comes with a ping; a failure's incident keeps all of it that was read."""
MAX_USER_AGENT = 200
"""Characters."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What a failing job said, as incidents keep it."""

    url: str
    status_code: int | None = None
    headers: list[tuple[str, str]] = []
    body: bytes = b""
    body_truncated: bool = False
    remote_ip: str | None = None
    screenshot: bytes | None = None
    trace: bytes | None = None


def record(tx: Tx, pings: Sequence[Ping], base_url: str) -> list[bool]:
    """Write down pings that arrived together, in their order, and do what follows from them.

    Returns for each whether there is such a heartbeat. Good beats of a job that is well are written in two statements,
    however many; each other heartbeat is loaded and judged.
    """
    now_ms = to_milliseconds(tx.now)
    judged = _judged(tx, pings, now_ms, base_url)
    gone = {id for id, heartbeat in judged.items() if heartbeat is None}
    rows: list[ping_shelf.Row] = []
    for place, ping in enumerate(pings):
        if ping.heartbeat_id in gone:
            continue
        found = judged.get(ping.heartbeat_id)
        row = _row(ping, now_ms, None if found is None else found.get(place))
        if ping.body:
            if any(waiting[0] == ping.heartbeat_id for waiting in rows):  # ids say which came first
                ping_shelf.add(tx, rows)
                rows = []
            ping_shelf.add_with_body(tx, row, cut(ping.body, MAX_KEPT_BODY_BYTES))
        else:
            rows.append(row)
    ping_shelf.add(tx, rows)
    return [ping.heartbeat_id not in gone for ping in pings]


def opening(heartbeat: Heartbeat, judgement: Judgement, evidence: Evidence | None, base_url: str) -> Opening:
    """What the incident is told about its beginning. The secret in the job's URL is no part of it."""
    settings = heartbeat.settings
    return Opening(
        team_id=heartbeat.team_id,
        owner_type=TYPE,
        owner_id=heartbeat.id,
        name=heartbeat.name,
        url=None,
        cause=judgement.cause,
        paging=Paging.of(settings),
        evidence=evidence,
        confirmed=True,
        kind="check",
        started_at=None if judgement.started_ms is None else from_milliseconds(judgement.started_ms),
    )


def follow(tx: Tx, heartbeat: Heartbeat, judgement: Judgement, base_url: str, evidence: Evidence | None = None) -> None:
    """Do the deed about the incident."""
    if judgement.deed is None:
        return
    current = incidents.current(tx, TYPE, heartbeat.id, "check")
    if judgement.deed is Deed.RECOVER:
        if current is not None:
            incidents.recover(tx, current.id, why="The heartbeat came.", base_url=base_url)
    elif judgement.deed is Deed.OPEN or current is None:
        incidents.open(tx, opening(heartbeat, judgement, evidence, base_url), base_url)
    else:
        incidents.goes_on(tx, current)


def absences(tx: Tx) -> list[Absence]:
    """Our own absences that still count."""
    return state_shelf.latest_absences(tx, ABSENCES_COUNTED)


def _judged(tx: Tx, pings: Sequence[Ping], now_ms: int, base_url: str) -> dict[int, dict[int, Judgement] | None]:
    """The judgements of every ping (by its place) of each heartbeat that must be looked at; None: it is not there."""
    beats: dict[int, list[int]] = {}
    special: dict[int, None] = {}
    for ping in pings:
        id = ping.heartbeat_id
        if ping.kind is not Kind.SUCCESS or ping.run_id is not None:
            special[id] = None
        beat = beats.get(id)
        if beat is None:
            beat = beats[id] = [id, 0, 0]
        beat[1] += 1
        beat[2] += bool(ping.body)
    plain = [(beat[0], beat[1], beat[2]) for id, beat in beats.items() if id not in special]
    looked_at = {*special, *ping_shelf.note_beats(tx, now_ms, plain)} if plain else set(special)
    if not looked_at:
        return {}
    found = {heartbeat.id: heartbeat for heartbeat in shelf.by_ids(tx, looked_at)}
    ours = absences(tx)
    judged: dict[int, dict[int, Judgement] | None] = {}
    for id in sorted(looked_at):
        heartbeat = found.get(id)
        if heartbeat is None:
            judged[id] = None
            continue
        ping_shelf.count(tx, id, beats[id][1], beats[id][2])
        mine = [(place, ping) for place, ping in enumerate(pings) if ping.heartbeat_id == id]
        judged[id] = _judge(tx, heartbeat, mine, now_ms, ours, base_url)
    return judged


def _judge(
    tx: Tx, heartbeat: Heartbeat, pings: list[tuple[int, Ping]], now_ms: int, ours: list[Absence], base_url: str
) -> dict[int, Judgement]:
    """A paused heartbeat's pings are kept and change nothing."""
    if heartbeat.paused_at is not None:
        return {}
    standing = heartbeat.standing
    judgements: dict[int, Judgement] = {}
    for place, ping in pings:
        call = Call(kind=ping.kind, at_ms=now_ms, exit_code=ping.exit_code, run_id=ping.run_id)
        judgement = judgements[place] = take(standing, call, heartbeat.settings, ours)
        follow(tx, heartbeat, judgement, base_url, _evidence(ping, base_url))
        standing = judgement.standing
    if standing != heartbeat.standing:
        state_shelf.save(tx, heartbeat.id, standing)
        if heartbeat.standing.status is HeartbeatStatus.PENDING is not standing.status:
            events.record(
                tx, "heartbeat.first_call", team_id=heartbeat.team_id, resource_type=TYPE, resource_id=heartbeat.id
            )
        if _sooner(standing, heartbeat.standing):
            tx.ring(TOPIC)
    return judgements


def _sooner(new: Standing, old: Standing) -> bool:
    return new.due_ms is not None and (old.due_ms is None or new.due_ms < old.due_ms)


def _evidence(ping: Ping, base_url: str) -> Evidence | None:
    if ping.kind is not Kind.FAIL:
        return None
    suffix = "fail" if ping.exit_code is None else str(ping.exit_code)
    return Evidence(
        url=f"{base_url}/api/v1/heartbeat/{HIDDEN}/{suffix}",
        headers=[] if ping.user_agent is None else [("user-agent", ping.user_agent)],
        body=ping.body,
        remote_ip=ping.remote_ip,
    )


def _row(ping: Ping, now_ms: int, judgement: Judgement | None) -> ping_shelf.Row:
    return (
        ping.heartbeat_id,
        now_ms,
        ping.kind.value,
        ping.exit_code,
        ping.run_id,
        None if judgement is None else judgement.duration_ms,
        0 if judgement is None else judgement.overlapping,
        ping.method,
        ping.remote_ip,
        ping.user_agent,
        len(ping.body),
    )
