"""The operations on pings: ours alone, the API that we follow shows none."""

from __future__ import annotations

import msgspec

from tocsin.heartbeats import actions
from tocsin.heartbeats.model import KeptPing, PingKey
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx


class PingAttributes(msgspec.Struct):
    """What a job said, when, and from where."""

    at: str
    kind: str
    """success, fail, start or log."""
    exit_code: int | None
    run_id: str | None
    duration: float | None
    """Seconds from the start of its run; null when no start was seen."""
    overlapping: int
    """Other runs that were going on when this one started."""
    method: str
    remote_ip: str | None
    user_agent: str | None
    body_size: int
    """Bytes that came with it, as far as they were read."""
    body: str | None
    """Their beginning, as text; null when there was none or when it is no longer kept."""


class PingKeyAttributes(msgspec.Struct):
    """The key, and how a URL is made with it."""

    key: str
    url: str
    """Put the heartbeat's slug in the place of `SLUG`; with `?create=1` it is made when there is none."""
    team_name: str


class ListPings(msgspec.Struct, kw_only=True):
    id: int
    page: int = 1
    per_page: int = 50


class GetPingKey(msgspec.Struct, kw_only=True):
    """Nothing but `team_name`, from a global token."""


class ChangePingKey(msgspec.Struct, kw_only=True):
    """Nothing but `team_name`, from a global token."""


def _render(ping: KeptPing) -> PingAttributes:
    return PingAttributes(
        at=to_wire(ping.at),
        kind=ping.kind.value,
        exit_code=ping.exit_code,
        run_id=ping.run_id,
        duration=None if ping.duration_ms is None else ping.duration_ms / 1000,
        overlapping=ping.overlapping,
        method=ping.method,
        remote_ip=ping.remote_ip,
        user_agent=ping.user_agent,
        body_size=ping.body_size,
        body=None if ping.body is None else ping.body.decode("utf-8", errors="replace"),
    )


def _render_key(key: PingKey) -> PingKeyAttributes:
    base = key.base_url.rstrip("/")
    return PingKeyAttributes(key=key.key, url=f"{base}/api/v1/ping/{key.key}/SLUG", team_name=key.team_name)


HEARTBEAT_PING = Resource(type="heartbeat_ping", attributes=PingAttributes, render=_render, doc="One call of a job.")
PING_KEY = Resource(
    type="heartbeat_ping_key",
    attributes=PingKeyAttributes,
    render=_render_key,
    id_of=lambda key: key.team_id,
    doc="The key with which the jobs of a team ping by name.",
)


def _pings(tx: Tx, call: Call, input: ListPings) -> Page[KeptPing]:
    found, total = actions.pings(tx, input.id, call.team_ids, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _key(tx: Tx, call: Call, input: GetPingKey) -> PingKey:
    if call.team_ids is None or len(call.team_ids) != 1:
        raise Invalid.missing(["team_name"])
    return actions.ping_key(tx, call.team_ids[0], call.base_url)


def _change_key(tx: Tx, call: Call, input: ChangePingKey) -> PingKey:
    assert call.team_id is not None
    return actions.change_ping_key(tx, call.team_id, call.base_url)


PING_OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="heartbeats.pings", routes=(Route("GET", "/api/v2/heartbeats/{id}/pings"),), area="heartbeats",
        upstream="not_there",
        level="read", input=ListPings, handler=_pings, resource=HEARTBEAT_PING, answer="list",
        doc="List the calls of a job, the newest first, with what it said.", deed="listed a heartbeat's pings",
    ),
    Operation(
        name="heartbeat_ping_key.get", routes=(Route("GET", "/api/v2/heartbeat-ping-key"),), area="heartbeats",
        upstream="not_there",
        level="write", input=GetPingKey, handler=_key, resource=PING_KEY, scope=Scope.LIST,
        doc="Show the key with which a team's jobs ping by name.", deed="looked at the ping key",
    ),
    Operation(
        name="heartbeat_ping_key.change", routes=(Route("POST", "/api/v2/heartbeat-ping-key"),), area="heartbeats",
        upstream="not_there",
        level="full", input=ChangePingKey, handler=_change_key, resource=PING_KEY, scope=Scope.CREATE,
        event="heartbeat_ping_key.changed",
        doc="Give the team a new ping key; the old one stops working at once.", deed="changed the ping key",
    ),
)  # fmt: skip
