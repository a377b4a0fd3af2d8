"""Reports that write themselves: what goes down is told when it has lasted, and what is well again is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Spell
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.status_pages.actions.reports import add, add_update
from tocsin.status_pages.actions.standing import Known, gather, instant
from tocsin.status_pages.model import RESOLVED, Affected, Report, ReportType, Resource, State, StatusPage
from tocsin.status_pages.rules import automatic as rules
from tocsin.status_pages.rules import reporting, standing
from tocsin.status_pages.rules.automatic import Trouble
from tocsin.status_pages.store import automatic as shelf
from tocsin.status_pages.store import contents, pages
from tocsin.status_pages.store import reports as report_shelf
from tocsin.status_pages.store.automatic import Link
from tocsin.status_pages.store.tables import PUBLISHING_TOPIC
from tocsin.storage import Tx

MAX_PAGES = 1_000
"""Pages that report by themselves."""
MAX_RUNNING = 2_000
"""Incidents of open reports that are read at once."""
AT_ONCE = 200
"""Incidents of one page that are reported in one transaction."""
RETRY = timedelta(seconds=30)
"""After which a page is tried again whose reports could not be written."""


_GONE = "What this was about is not on this page any more."


class Outstanding(msgspec.Struct, frozen=True):
    """What a look has found to do."""

    arrivals: list[tuple[int, int, datetime]]
    """(page, incident, when it is to be reported) of outages that no page has noted yet."""
    stale: list[tuple[int, int]]
    """(page, report) of what may have to be told further."""


def outstanding(tx: Tx) -> Outstanding:
    """Look through what is open, changing nothing: most of what happens concerns no page."""
    stale = {
        (link.status_page_id, link.status_report_id or 0)
        for link, spell in _going_on(tx)
        if spell is None or spell.to_ms is not None
    }
    reporting_pages = _reporting_pages(tx)
    if not reporting_pages:
        return Outstanding([], sorted(stale))
    found = _troubles(tx, reporting_pages)
    known = shelf.links(tx, set(found), {incident for some in found.values() for incident in some})
    arrivals = []
    for page in reporting_pages:
        for trouble in found[page.id].values():
            link = known.get((page.id, trouble.spell.id))
            if link is None:
                due_ms = rules.due_ms(trouble.spell, _min_length_ms(page))
                arrivals.append((page.id, trouble.spell.id, max(from_milliseconds(due_ms), tx.now)))
            elif link.status_report_id is not None and _reopened(trouble, link):
                stale.add((page.id, link.status_report_id))
    return Outstanding(arrivals, sorted(stale))


def note(tx: Tx, arrivals: Sequence[tuple[int, int, datetime]]) -> None:
    """Let these outages wait for their reports; those that somebody else has noted meanwhile do so already."""
    known = shelf.links(tx, {page for page, _, _ in arrivals}, {incident for _, incident, _ in arrivals})
    shelf.add(tx, [each for each in arrivals if each[:2] not in known])
    tx.ring(PUBLISHING_TOPIC)


def due_pages(tx: Tx) -> list[int]:
    """The pages that have outages to report now."""
    return shelf.due_pages(tx, MAX_PAGES)


def report_due(tx: Tx, page_id: int) -> int:
    """Report what has lasted on a page, and what is with it, in one report; returns how many reports changed.

    What is over, or hidden by maintenance, or of no interest to the page any more, is not reported; should that change,
    it is found again.
    """
    page, links = pages.find(tx, page_id), shelf.waiting(tx, page_id, AT_ONCE)
    if page is None or not any(_due(link, tx.now) for link in links):
        return 0
    found = _troubles(tx, [page])[page.id] if page.settings.automatic_reports else {}
    told, gone = [], []
    for link in links:
        if link.incident_id in found:
            lasted = standing.long_enough(found[link.incident_id].spell, to_milliseconds(tx.now), _min_length_ms(page))
            if (_due(link, tx.now) or lasted) and shelf.claim(tx, link):
                told.append(link)
        elif _due(link, tx.now):
            gone.append(link.id)
    shelf.forget(tx, gone)
    ids = {link.incident_id: link.id for link in told}
    running = _running(tx, page_id)
    names = _names(tx, page_id)
    groups = rules.grouped(found[incident] for incident in ids)
    for some in groups:
        own = (report for report, spells in running if any(rules.together(each.spell, spells) for each in some))
        report = next(own, None)
        report_id = _open(tx, page, some, names) if report is None else _join(tx, report, some, names)
        shelf.tie(tx, [ids[trouble.spell.id] for trouble in some], report_id)
    return len(groups)


def put_off(tx: Tx, page_id: int) -> None:
    """What could not be reported is tried again: one page must not keep the others waiting."""
    shelf.put_off(tx, page_id, tx.now + RETRY)


def has_news(tx: Tx, page_id: int, report_id: int) -> bool:
    """Whether an automatic report has to tell what has become of its incidents."""
    return bool(_news(tx, page_id, report_id))


def bring_up_to_date(tx: Tx, page_id: int, report_id: int) -> None:
    """Tell in an automatic report what has become of its incidents since."""
    report = report_shelf.find(tx, page_id, report_id)
    fresh = _news(tx, page_id, report_id)
    if report is None or not fresh:
        return
    spells = incidents.spells_by_id(tx, shelf.of_report(tx, report_id))
    ends = [spell.to_ms for spell in spells.values() if spell.to_ms is not None]
    over = from_milliseconds(max(ends)) if ends else tx.now
    _tell(tx, report, fresh, _names(tx, page_id), min(over, tx.now))


# --- Below -----------------------------------------------------------------------------------------------------------


def _news(tx: Tx, page_id: int, report_id: int) -> Sequence[Affected]:
    """What the report has to add; nothing = it is up to date."""
    page, report = pages.find(tx, page_id), report_shelf.find(tx, page_id, report_id)
    if page is None or report is None or report.report_type is not ReportType.AUTOMATIC:
        return ()
    spells = incidents.spells_by_id(tx, shelf.of_report(tx, report_id))
    resources = contents.resources_of(tx, [page_id])
    known = gather(tx, [page], resources, instant(tx))
    owners = {spell.id: (spell.owner_type, spell.owner_id) for spell in spells.values()}
    about = {
        resource.id: {(course.owner_type, course.id) for course in known.courses[resource.id]} for resource in resources
    }
    said = [int(each.status_page_resource_id) for each in report.affected_resources]
    related = {id: [incident for incident, owner in owners.items() if owner in about.get(id, ())] for id in said}
    seen = rules.troubles(resources, known.courses, known.outages, known.facts, (), to_milliseconds(tx.now))
    marked = {id: trouble.marks for id, trouble in seen.items()}
    ended_ms = None if report.ends_at is None else to_milliseconds(report.ends_at)
    return rules.news(report.affected_resources, related, marked, spells, ended_ms)


def _open(tx: Tx, page: StatusPage, some: Sequence[Trouble], names: dict[int, str]) -> int:
    affected = rules.affected(some)
    called, down = _called(affected, names), _down(affected)
    report = add(
        tx, page, title=rules.title(called, down), kind=ReportType.AUTOMATIC,
        starts_at=from_milliseconds(min(trouble.spell.from_ms for trouble in some)), ends_at=None, affected=affected,
        draft=False, message=rules.found_words(called, down), published_at=tx.now, notify_subscribers=True,
    )  # fmt: skip
    return report.id


def _join(tx: Tx, report: Report, some: Sequence[Trouble], names: dict[int, str]) -> int:
    """More incidents with the same cause."""
    said = {each.status_page_resource_id: each.status for each in report.affected_resources}
    worse = [each for each in rules.affected(some) if said.get(each.status_page_resource_id) != each.status]
    if worse:
        add_update(
            tx, report, message=rules.joined_words(_called(worse, names), _down(worse)), affected=worse,
            published_at=tx.now, notify_subscribers=True,
        )  # fmt: skip
    return report.id


def _tell(tx: Tx, report: Report, fresh: Sequence[Affected], names: dict[int, str], over: datetime) -> None:
    """What is well again, and what is not any more, each in an update of its own."""
    well = [each for each in fresh if each.status == RESOLVED]
    again = [each for each in fresh if each.status != RESOLVED]
    latest = max((update.published_at for update in report.updates), default=over)
    if well:
        left = {each.status_page_resource_id for each in report.affected_resources if each.status != RESOLVED}
        all = not again and left <= {each.status_page_resource_id for each in well}
        at = min(max(over, latest), tx.now)
        called = _called(well, names)
        add_update(
            tx, report, message=rules.well_words(called, at - report.starts_at if all else None) if called else _GONE,
            affected=well, published_at=at, notify_subscribers=bool(called),
        )  # fmt: skip
    if again:
        report = report_shelf.find(tx, report.status_page_id, report.id) or report
        add_update(
            tx, report, message=rules.again_words(_called(again, names), _down(again)), affected=again,
            published_at=tx.now, notify_subscribers=True,
        )  # fmt: skip


def _reporting_pages(tx: Tx) -> list[StatusPage]:
    found = [pages.find(tx, id) for id in shelf.reporting_pages(tx, MAX_PAGES)]
    return [page for page in found if page is not None and page.settings.automatic_reports]


def _troubles(tx: Tx, several: Sequence[StatusPage]) -> dict[int, dict[int, Trouble]]:
    """By page and incident: what lasts and is shown."""
    resources = contents.resources_of(tx, [page.id for page in several])
    known: Known = gather(tx, several, resources, instant(tx))
    by_page: dict[int, list[Resource]] = {page.id: [] for page in several}
    for resource in resources:
        by_page[resource.status_page_id].append(resource)
    now_ms = to_milliseconds(tx.now)
    return {
        id: rules.troubles(mine, known.courses, known.outages, known.facts, known.said[id], now_ms)
        for id, mine in by_page.items()
    }


def _going_on(tx: Tx, page_id: int | None = None) -> Iterator[tuple[Link, Spell | None]]:
    """The incidents of open automatic reports (of one page), however many: what is down for years must not keep a
    younger report from its end. None: it is not there any more."""
    after_id = 0
    while links := shelf.running(tx, MAX_RUNNING, after_id=after_id, page_id=page_id):
        spells = incidents.spells_by_id(tx, [link.incident_id for link in links])
        yield from ((link, spells.get(link.incident_id)) for link in links)
        after_id = links[-1].id


def _running(tx: Tx, page_id: int) -> list[tuple[Report, list[Spell]]]:
    """The open automatic reports of a page with their incidents, the newest first."""
    about: dict[int, list[Spell]] = {}
    for link, spell in _going_on(tx, page_id):
        if spell is not None:
            about.setdefault(link.status_report_id or 0, []).append(spell)
    found = report_shelf.by_ids(tx, sorted(about, reverse=True)[:AT_ONCE])
    return [(report, about[report.id]) for report in reversed(found) if reporting.visible(report)]


def _names(tx: Tx, page_id: int) -> dict[int, str]:
    """The public names of a page's resources, in their order."""
    return {resource.id: resource.public_name for resource in contents.resources_of(tx, [page_id])}


def _called(affected: Iterable[Affected], names: dict[int, str]) -> list[str]:
    """The names of these resources in the order of the page, each once; what is gone has none."""
    ids = {int(each.status_page_resource_id) for each in affected}
    return list(dict.fromkeys(name for id, name in names.items() if id in ids))


def _down(affected: Iterable[Affected]) -> bool:
    return any(each.status == State.DOWNTIME.value for each in affected)


def _due(link: Link, now: datetime) -> bool:
    return link.due_at is not None and link.due_at <= now


def _min_length_ms(page: StatusPage) -> int:
    return (page.settings.min_incident_length or 0) * 1000


def _reopened(trouble: Trouble, link: Link) -> bool:
    reopened = trouble.spell.reopened_ms
    return reopened is not None and link.ends_at is not None and reopened > to_milliseconds(link.ends_at)
