"""Lively status pages to draw: a shop with a bad month, and whatever a test wants to differ."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from tocsin.pages.drawing import Frame
from tocsin.status_pages.model import DayStatus, ReportType, ResourceType, Settings, State, Widget
from tocsin.status_pages.model.views import (
    AffectedView,
    MonthView,
    PageView,
    Point,
    ReportView,
    ResourceView,
    SectionView,
    Slot,
    UpdateView,
)

NOW = datetime(2026, 11, 30, 14, 26, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
UP, SLOW, DOWN, HELD, BLIND = (
    State.OPERATIONAL,
    State.DEGRADED,
    State.DOWNTIME,
    State.MAINTENANCE,
    State.NOT_MONITORED,
)

SETTINGS = Settings(
    company_name="Acme",
    company_url="https://acme.example",
    contact_url="mailto:help@acme.example",
    timezone="Europe/Prague",
    subscribable=True,
    design="v2",
    theme="system",
    layout="vertical",
)


def frame(**changes: Any) -> Frame:
    known = Frame(
        root="http://127.0.0.1:8080/status/acme", prefix="/status/acme", language="en", nonce="n0nce", csrf="c"
    )
    return msgspec.structs.replace(known, **changes)


def days(count: int = 90, **on: tuple[State, int]) -> tuple[DayStatus, ...]:
    """`count` days up to today; `d3=(State.DOWNTIME, 600)` says how the day three days ago was."""
    today = date(2026, 11, 30)
    made = []
    for back in range(count - 1, -1, -1):
        state, seconds = on.get(f"d{back}", (UP, 0))
        durations = {
            "downtime_duration": seconds if state is DOWN else 0,
            "degraded_duration": seconds if state is SLOW else 0,
            "maintenance_duration": seconds if state is HELD else 0,
        }
        made.append(DayStatus(day=(today - timedelta(days=back)).isoformat(), status=state, **durations))
    return tuple(made)


def slots(*amiss: int, state: State = DOWN) -> tuple[Slot, ...]:
    start = NOW.replace(minute=0) - 47 * timedelta(minutes=30)
    return tuple(
        Slot(at=start + place * timedelta(minutes=30), status=state if place in amiss else UP) for place in range(48)
    )


def points(base: float = 0.12, gap: range = range(0)) -> tuple[Point, ...]:
    start = NOW.replace(minute=15) - 95 * timedelta(minutes=15)
    return tuple(
        Point(
            start + place * timedelta(minutes=15),
            None
            if place in gap
            else base
            * (1 + 0.25 * math.sin(place / 9) + 0.12 * math.sin(place * 1.7) + (1.4 if 60 <= place <= 64 else 0)),
        )
        for place in range(96)
    )


def resource(id: int, name: str, **changes: Any) -> ResourceView:
    known = ResourceView(
        id=id,
        section_id=1,
        resource_type=ResourceType.MONITOR,
        resource_id=id,
        public_name=name,
        explanation=None,
        widget_type=Widget.HISTORY,
        position=0,
        status=UP,
        availability=1.0,
        days=days(),
    )
    return msgspec.structs.replace(known, **changes)


def section(id: int, name: str | None, *resources: ResourceView) -> SectionView:
    mine = tuple(msgspec.structs.replace(each, section_id=id, position=place) for place, each in enumerate(resources))
    return SectionView(id=id, name=name, position=id, resources=mine)


def update(id: int, message: str, at: datetime, *affected: AffectedView) -> UpdateView:
    return UpdateView(id=id, message=message, published_at=at, affected=affected)


def said(id: int, name: str, status: str) -> AffectedView:
    return AffectedView(resource_id=id, public_name=name, status=status)


def report(id: int, title: str, **changes: Any) -> ReportView:
    known = ReportView(
        id=id,
        title=title,
        report_type=ReportType.MANUAL,
        starts_at=NOW - HOUR,
        ends_at=None,
        state=SLOW,
        affected=(),
        updates=(),
        created_at=NOW - HOUR,
        updated_at=NOW,
    )
    return msgspec.structs.replace(known, **changes)


def page(**changes: Any) -> PageView:
    """The page of a shop at which all is well."""
    known = PageView(
        id=1,
        team_id=1,
        subdomain="acme",
        custom_domain=None,
        published=True,
        settings=SETTINGS,
        state=UP,
        sections=(),
        current=(),
        maintenance=(),
        recent=(),
        made_at=NOW,
        created_at=NOW - 400 * DAY,
        updated_at=NOW,
    )
    settings = changes.pop("settings", None)
    if isinstance(settings, dict):
        settings = msgspec.structs.replace(SETTINGS, **settings)
    return msgspec.structs.replace(known, **changes, **({"settings": settings} if settings is not None else {}))


def ongoing() -> ReportView:
    """Payments are slow, in three updates."""
    slow, down = said(3, "Payments", "degraded"), said(3, "Payments", "downtime")
    return report(
        71,
        "Card payments fail for some customers",
        starts_at=NOW - timedelta(minutes=47),
        affected=(slow, said(5, "Webhooks", "degraded")),
        updates=(
            update(
                713,
                "Our provider has moved traffic to a second region. **Most payments succeed again**; "
                "some take up to 30 seconds. We keep watching.",
                NOW - 6 * MINUTE,
                slow,
            ),
            update(
                712,
                "We see the fault at our payment provider and have opened a case with them. Their page: "
                "https://status.payments.example/incidents/q7",
                NOW - 31 * MINUTE,
                down,
            ),
            update(711, "We are looking into failing card payments.", NOW - 47 * MINUTE, down),
        ),
    )


def past_incident() -> ReportView:
    start = NOW - 4 * DAY - 5 * HOUR
    return report(
        64,
        "Slow search",
        starts_at=start,
        ends_at=start + timedelta(hours=1, minutes=52),
        state=UP,
        affected=(said(4, "Search", "resolved"),),
        updates=(
            update(
                643,
                "Search is as fast as before. The cause was an index that had not been moved with the rest:\n\n"
                "- 11:26 the new index took over\n- 12:10 we saw the growing queue\n- 13:18 the old index was put back",
                start + timedelta(hours=1, minutes=52),
                said(4, "Search", "resolved"),
            ),
            update(642, "The old index is being put back.", start + HOUR, said(4, "Search", "degraded")),
            update(641, "Searches take several seconds.", start + 9 * MINUTE, said(4, "Search", "degraded")),
        ),
    )


def automatic_incident() -> ReportView:
    start = NOW - 9 * DAY
    return report(
        60,
        "Website was not reachable",
        report_type=ReportType.AUTOMATIC,
        starts_at=start,
        ends_at=start + 14 * MINUTE,
        state=UP,
        affected=(said(1, "Website", "resolved"),),
        updates=(
            update(602, "The website is reachable again.", start + 14 * MINUTE, said(1, "Website", "resolved")),
            update(601, "The website is not reachable.", start, said(1, "Website", "downtime")),
        ),
    )


def planned() -> ReportView:
    start = NOW + 3 * DAY
    return report(
        80,
        "Database moves to new machines",
        report_type=ReportType.MAINTENANCE,
        state=HELD,
        starts_at=start,
        ends_at=start + 2 * HOUR,
        affected=(said(2, "API", "maintenance"), said(1, "Website", "maintenance")),
        updates=(
            update(801, "For a few minutes within this window orders can be read but not placed.", NOW - 2 * DAY),
        ),
    )


def under_way() -> ReportView:
    return report(
        78,
        "Network work in Frankfurt",
        report_type=ReportType.MAINTENANCE,
        state=HELD,
        starts_at=NOW - 26 * MINUTE,
        ends_at=NOW + 2 * HOUR,
        affected=(said(6, "eu-central", "maintenance"),),
        updates=(update(781, "The work has begun; no interruption is expected.", NOW - 26 * MINUTE),),
    )


def finished_maintenance() -> ReportView:
    start = NOW - 12 * DAY
    return report(
        55,
        "Renewal of certificates",
        report_type=ReportType.MAINTENANCE,
        state=UP,
        starts_at=start,
        ends_at=start + 30 * MINUTE,
        affected=(said(2, "API", "resolved"),),
        updates=(update(551, "Done without interruption.", start + 30 * MINUTE, said(2, "API", "resolved")),),
    )


def shop(**changes: Any) -> PageView:
    """The page of a shop on a lively day: an incident, maintenance under way, a past that was not perfect."""
    website = resource(
        1,
        "Website",
        availability=0.99989,
        days=days(d9=(DOWN, 840), d41=(SLOW, 1500)),
        widget_type=Widget.RESPONSE_TIMES,
        response_times=points(),
    )
    api = resource(2, "API", availability=0.99996, days=days(d12=(HELD, 1800), d63=(DOWN, 310)))
    payments = resource(
        3, "Payments", status=SLOW, availability=0.99913, days=days(d0=(SLOW, 2820), d22=(DOWN, 3300), d23=(DOWN, 900))
    )
    search = resource(4, "Search", availability=0.9994, days=days(d4=(SLOW, 6720), d55=(SLOW, 600)))
    webhooks = resource(
        5,
        "Webhooks",
        explanation="Calls that we make to your systems about orders and refunds.",
        status=SLOW,
        availability=0.9981,
        widget_type=Widget.INTRADAY_HISTORY,
        days=days(d0=(SLOW, 2820)),
        intraday=slots(19, 20, 46, 47, state=SLOW),
    )
    central = resource(6, "eu-central", status=HELD, days=days(**{f"d{back}": (BLIND, 0) for back in range(58, 90)}))
    east = resource(7, "us-east", availability=0.9731, status=DOWN, days=days(d0=(DOWN, 1740), d1=(DOWN, 7200)))
    mail = resource(8, "E-mail", widget_type=Widget.PLAIN)
    legacy = resource(9, "Old API", widget_type=Widget.PLAIN, status=BLIND)
    known: dict[str, Any] = {
        "state": DOWN,
        "sections": (
            section(1, "Shop", website, api, payments, search),
            section(2, "Integrations", webhooks, mail, legacy),
            section(3, "Regions", central, east),
        ),
        "current": (ongoing(),),
        "maintenance": (under_way(), planned()),
        "recent": (past_incident(), automatic_incident(), finished_maintenance()),
    }
    return page(**(known | changes))


def calm(**changes: Any) -> PageView:
    """The same shop on a day on which nothing happens."""
    lively = shop()
    sections = tuple(
        msgspec.structs.replace(
            part,
            resources=tuple(
                msgspec.structs.replace(each, status=each.status if each.status is BLIND else UP)
                for each in part.resources
            ),
        )
        for part in lively.sections
    )
    known: dict[str, Any] = {"state": UP, "sections": sections, "recent": lively.recent, "maintenance": (planned(),)}
    return page(**(known | changes))


def large(resources: int = 100, history: int = 90, per_section: int = 20, **changes: Any) -> PageView:
    """Many resources, each with some bad days of its own."""
    made = [
        resource(
            number,
            f"Service {number}",
            availability=1 - (number % 7) / 3_000,
            days=days(
                history,
                **{
                    f"d{(number * 7) % history}": (DOWN, 60 * number),
                    f"d{(number * 13) % history}": (SLOW, 45 * number),
                },
            ),
        )
        for number in range(1, resources + 1)
    ]
    sections = tuple(
        section(start, f"Part {start // per_section + 1}", *made[start : start + per_section])
        for start in range(0, resources, per_section)
    )
    return page(**({"sections": sections, "settings": {"history": history}} | changes))


def month(**changes: Any) -> MonthView:
    known = MonthView(
        month="2026-11",
        reports=(ongoing(), past_incident(), automatic_incident(), finished_maintenance()),
        previous="2026-10",
        previous_maintenance=None,
        following=None,
    )
    return msgspec.structs.replace(known, **changes)
