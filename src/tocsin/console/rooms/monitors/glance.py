"""A monitor's page: how it stands and since when, how it fared, how fast it answers, what failed last."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk
from tocsin.console.drawing import Chart, Series, bars, chart, evenly
from tocsin.console.rooms.monitors import words
from tocsin.kernel.clock import from_milliseconds, to_milliseconds, to_wire
from tocsin.kernel.errors import BadRequest, Invalid, NotFound, Refused

DAYS = 90
RANGES = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
POINTS = 180
"""Of a chart: as many as can be told apart."""
SHOWN_INCIDENTS = 8
MAX_EVIDENCE = 4_000
"""Characters of a failing answer on this page; the incident has all of it."""
_SAID_ONLY_WHEN_SO: dict[str, Any] = {"degraded_reason": None, "flapping": False}
_WINDOWS = (("24h", "24 hours"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days"))


async def show(desk: Desk) -> Response:
    """Everything about one monitor on one page."""
    monitor = _SAID_ONLY_WHEN_SO | await desk.one("monitors.get", id=desk.id)
    name = desk.asked("range") if desk.asked("range") in RANGES else "24h"
    summary, incidents, measured, facts, sla = await asyncio.gather(
        desk.one("monitors.summary", id=desk.id, days=DAYS),
        _incidents(desk),
        _measured(desk, RANGES[name]),
        _facts(desk),
        _sla(desk),
    )
    upstream = [_named(desk, "monitors.get", id, "pronounceable_name") for id in monitor.get("depends_on", ())]
    policy, group, leans_on = await asyncio.gather(
        _named(desk, "policies.get", monitor["policy_id"], "name"),
        _named(desk, "monitor_groups.get", monitor["monitor_group_id"], "name"),
        asyncio.gather(*upstream),
    )  # fmt: skip
    regions = [found["region"] for found in measured["regions"]]
    region = desk.asked("region") if desk.asked("region") in regions else (regions[0] if len(regions) == 1 else "")
    failure = next((each for each in incidents if each["response_content"] or each["screenshot_url"]), None)
    return desk.page(
        "monitors/glance.html",
        monitor=monitor, summary=summary, incidents=incidents, facts=facts, sla=sla, policy=policy, group=group,
        leans_on=leans_on, told_days=_told(summary["days"]),
        days=bars([day | {"date": day["day"]} for day in summary["days"]]),
        regions=regions, region=region, range=name, ranges=RANGES,
        chart=_chart(measured, region, incidents), failure=failure, most=MAX_EVIDENCE,
        windows=[(name, summary["availability"][key]) for key, name in _WINDOWS], type_name=words.type_name,
        percent=words.percent, duration=words.duration, milliseconds=words.milliseconds,
        asked_from=desk.asked("from"), asked_to=desk.asked("to"), expiry=_expiry(desk, monitor, summary),
        week=dict(words.WEEK),
    )  # fmt: skip


def _told(days: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that stand in the table: the last seven, and all on which something was wrong; the newest first."""
    newest_first = list(reversed(days))
    return [
        *newest_first[:7],
        *(day for day in newest_first[7:] if day["status"] not in ("operational", "not_monitored")),
    ]


async def _measured(desk: Desk, length: timedelta) -> dict[str, Any]:
    """Response times in `POINTS` stretches, with where they begin and how long each is (ms)."""
    now_ms = to_milliseconds(desk.now)
    from_ms = now_ms - length // timedelta(milliseconds=1)
    since, until = (to_wire(from_milliseconds(at)) for at in (from_ms, now_ms))
    found = await desk.one(
        "monitors.response_times", id=desk.id, points=POINTS, **{"from": since, "to": until}
    )  # fmt: skip
    return {"regions": found["regions"], "from_ms": from_ms, "bucket_ms": -(-(now_ms - from_ms) // POINTS)}


def _chart(measured: dict[str, Any], region: str, incidents: Sequence[dict[str, Any]]) -> Chart | None:
    """One region: its phases, one on the other. Several: a line for each."""
    from_ms, bucket_ms = measured["from_ms"], measured["bucket_ms"]
    at_ms = [from_ms + place * bucket_ms for place in range(POINTS)]
    by_region = {
        found["region"]: {(_ms(point["at"]) - from_ms) // bucket_ms: point for point in found["response_times"]}
        for found in measured["regions"]
    }
    if not any(by_region.values()):
        return None
    times = [to_wire(from_milliseconds(at)) for at in evenly(at_ms, 5)]
    bands = _bands(incidents, from_ms, bucket_ms)
    if not region:
        series = [Series(name=name, values=_values(points, "response_time")) for name, points in by_region.items()]
        return chart(series, at_ms, label="Response time by region", times=times, bands=bands)
    points = by_region[region]
    phases = [(key, name) for key, name in words.PHASES if any(point.get(key) for point in points.values())]
    if not phases or any(phases[0][0] not in point for point in points.values()):
        series = [Series(name="Response time", values=_values(points, "response_time"))]
        return chart(series, at_ms, label="Response time", times=times, bands=bands)
    series = [Series(name=name, values=_values(points, key)) for key, name in phases]
    label = "Response time, and how much of it each phase took"
    return chart(series, at_ms, label=label, stacked=True, times=times, bands=bands)


def _values(points: dict[int, dict[str, Any]], key: str) -> list[float | None]:
    return [points[place][key] * 1000 if place in points else None for place in range(POINTS)]


def _bands(incidents: Sequence[dict[str, Any]], from_ms: int, bucket_ms: int) -> list[tuple[float, float]]:
    """When it was down, in places of the chart."""
    found = []
    for each in incidents:
        start = (_ms(each["started_at"]) - from_ms) / bucket_ms
        end = (_ms(each["resolved_at"]) - from_ms) / bucket_ms if each["resolved_at"] else POINTS - 1.0
        if end > 0:
            found.append((max(0.0, start), min(POINTS - 1.0, end)))
    return found


def _ms(at: str) -> int:
    return to_milliseconds(datetime.fromisoformat(at))


async def _incidents(desk: Desk) -> list[dict[str, Any]]:
    if not desk.may("incidents.list"):
        return []
    return list((await desk.many("incidents.list", monitor_id=desk.id, per_page=SHOWN_INCIDENTS)).items)


async def _facts(desk: Desk) -> list[tuple[str, str]]:
    if not desk.may("metadata.list"):
        return []
    found = await desk.many("metadata.list", owner_type="Monitor", owner_id=desk.id, per_page=100)
    return [(fact["key"], ", ".join(_said(value) for value in fact["values"])) for fact in found.items]


def _said(value: dict[str, Any]) -> str:
    return str(value.get("value") or value.get("name") or value.get("email") or value.get("item_id") or "")


async def _sla(desk: Desk) -> dict[str, Any] | None:
    """The figures of the range that was asked for; what makes no range is said."""
    since, until = desk.asked("from"), desk.asked("to")
    if not since and not until:
        return None
    try:
        return {"problem": ""} | await desk.one("monitors.sla", id=desk.id, **{"from": since, "to": until})
    except (BadRequest, Invalid):
        return {"problem": "These dates make no range: it must begin before it ends, and not in the future."}


async def _named(desk: Desk, operation: str, id: Any, attribute: str) -> tuple[str, str] | None:
    """(id, what it is called) of something that a monitor names; None: nothing, or not to be seen."""
    if not id or not desk.may(operation):
        return None
    try:
        found = await desk.one(operation, id=id)
    except (NotFound, Refused):
        return None
    return str(id), found[attribute] or f"{id}"


def _expiry(desk: Desk, monitor: dict[str, Any], summary: dict[str, Any]) -> list[tuple[str, str, str, int]]:
    """(what, whose, when, days left) of what will expire."""
    found = []
    for what, whose, at in (
        ("Certificate", monitor["url"], summary["certificate_expires_at"]),
        ("Domain", summary["domain"] or "", summary["domain_expires_at"]),
    ):
        if at:
            found.append((what, whose, at, (datetime.fromisoformat(at) - desk.now).days))
    return found


async def pause(desk: Desk) -> Response:
    """No checks from now on; what is open about it ends."""
    await desk.call("monitors.update", id=desk.id, paused=True)
    return desk.go(f"/monitors/{desk.id}", "Paused. Nothing is checked until you resume it.")


async def resume(desk: Desk) -> Response:
    """Checks again."""
    await desk.call("monitors.update", id=desk.id, paused=False)
    return desk.go(f"/monitors/{desk.id}", "Resumed. The first check runs within a second or two.")


async def delete(desk: Desk) -> Response:
    """Into the trash."""
    await desk.call("monitors.delete", id=desk.id)
    return desk.go("/monitors", "Monitor deleted. It can be had back from the trash for 30 days.")
