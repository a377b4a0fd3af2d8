"""All that the templates may ask while one page is drawn: the page, its words, its clock, its addresses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cached_property

import msgspec
from markupsafe import Markup

from tocsin.kernel.prose import safe_address
from tocsin.kernel.zones import zone
from tocsin.pages import bars, charts, dress
from tocsin.pages.headers import analytics_id
from tocsin.pages.headline import headline, overall
from tocsin.pages.prose import line, plain, prose, safe_link
from tocsin.pages.words import Language, language, languages
from tocsin.status_pages.model import RESOLVED, Settings, State, Widget
from tocsin.status_pages.model.views import AffectedView, PageView, ReportView, ResourceView, SectionView, UpdateView

PAST_DAYS = 15
"""How far back the front page tells of incidents."""
NAVIGATION_LINKS = 4
"""Contract part 2, 5.2: the first four."""
LONG_SECTION = 10
"""A longer section is folded when it is well, once the page is long."""
LONG_PAGE = 25
"""Resources from which on a page is long."""

_GRAVITY = (State.NOT_MONITORED, State.OPERATIONAL, State.MAINTENANCE, State.DEGRADED, State.DOWNTIME)


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """How and where one page is drawn: what is not of the page itself."""

    root: str
    """The page's own absolute address without a slash at its end: `https://status.acme.com`."""
    prefix: str
    """The path before its addresses: empty or `/status/acme`."""
    language: str
    """`en`, `de`, …"""
    nonce: str
    """Fresh with every rendering; inline style and script carry it."""
    push_key: str = ""
    """With which browsers subscribe to pushes; empty where they cannot."""
    has_logo: bool = False
    """Then it is at `{prefix}/logo`."""
    has_dark_logo: bool = False
    """Then it is at `{prefix}/dark-logo`."""
    csrf: str = ""
    """Goes into every form as a hidden field."""
    snapshot_at: datetime | None = None
    """A static copy: says how old it is and has no forms."""
    preview: bool = False
    """As it would be: for its team alone, without any script, all links lead out of it."""
    logo: str = ""
    """Where the logo is, when it is not at `{prefix}/logo`."""
    dark_logo: str = ""


class Scene:
    """What a template is given as `s`."""

    def __init__(
        self,
        frame: Frame,
        view: PageView | None = None,
        *,
        company: str = "",
        path: str = "/",
        query: str = "",
        report: ReportView | None = None,
    ) -> None:
        self.frame = frame
        self.view = view
        self.settings = view.settings if view is not None else Settings(company_name=company, theme="system")
        self.language: Language = language(frame.language)
        self.say = self.language.say
        self.company = self.settings.company_name or company
        self.path = path
        self.query = f"{query}&" if query else ""
        self.report = report
        self.now: datetime = view.made_at if view is not None else datetime(1970, 1, 1, tzinfo=UTC)
        self.zone: tzinfo = zone(self.settings.timezone) or UTC

    # --- addresses

    def to(self, path: str) -> str:
        """An address below this page."""
        return self.frame.prefix + path

    @property
    def logo(self) -> str:
        return self.frame.logo or self.to("/logo")

    @property
    def dark_logo(self) -> str:
        return self.frame.dark_logo or self.to("/dark-logo")

    def asset(self, name: str) -> str:
        return f"{self.frame.prefix}/assets/{dress.asset(name)}"

    @property
    def push_worker(self) -> str:
        return f"{self.frame.prefix}/assets/{dress.PUSH_WORKER}"

    @property
    def style(self) -> Markup:
        return Markup(dress.style())  # noqa: S704  # our own file

    @property
    def days_rule(self) -> str:
        """How many days a bar has: the style makes a telephone show the last 30 of them."""
        shown = [len(each.days) for each in self.resources] if self.view is not None else []
        return f":root{{--days:{max(shown, default=0) or 1}}}"

    @property
    def home(self) -> str | None:
        """The company's own site."""
        return safe_address(self.settings.company_url)

    @property
    def contact(self) -> str | None:
        return safe_address(self.settings.contact_url)

    @property
    def navigation(self) -> list[tuple[str, str, bool]]:
        """Text, address, and whether it is where the reader is."""
        chosen = self.settings.navigation_links if self.settings.design == "v2" else ()
        links = [(link.text, link.href) for link in chosen[:NAVIGATION_LINKS]]
        if not links and self.view is not None:
            names = ("nav_status", "nav_maintenance", "nav_incidents")
            links = [(self.say(n), p) for n, p in zip(names, ("/", "/maintenance", "/incidents"), strict=True)]
        shown = [(text, safe_link(href, self.frame.prefix), href == self.path) for text, href in links]
        return [(text, href, here) for text, href, here in shown if href]

    def anchor(self, path: str, text: str) -> Markup:
        return Markup('<a href="{}">{}</a>').format(self.to(path), text)

    @property
    def tried_style(self) -> Markup:
        """The page's own style where it is in no file yet: nothing in it can end the element in which it stands."""
        return Markup((self.settings.custom_css or "").replace("</", r"<\/"))  # noqa: S704

    @property
    def custom_style(self) -> str | None:
        return self._custom("custom.css", self.settings.custom_css)

    @property
    def custom_script(self) -> str | None:
        allowed = self.path and self.view is not None and self.view.custom_domain
        return self._custom("custom.js", self.settings.custom_javascript if allowed else None)

    def _custom(self, name: str, content: str | None) -> str | None:
        if not content:
            return None
        return f"{self.frame.prefix}/{name}?v={hashlib.sha256(content.encode()).hexdigest()[:12]}"

    @property
    def analytics(self) -> str | None:
        """The id for Google Analytics, if it looks like one. None where the address is a secret link: no script but
        ours runs there."""
        return analytics_id(self.settings) if self.path else None

    @property
    def others(self) -> list[Language]:
        """The languages that a reader may choose."""
        return [language(code) for code in languages()]

    # --- words

    @property
    def theme(self) -> str:
        """`light`, `dark` or `system`; the first design knows only light."""
        return "light" if self.settings.design == "v1" else self.settings.theme

    @property
    def open(self) -> bool:
        """Whether this is a part of the page proper: anonymous readers may go on from here."""
        return self.view is not None

    @property
    def share_title(self) -> str:
        return self.report.title if self.report is not None else self.title

    @property
    def description(self) -> str:
        """One sentence for search engines and chats."""
        if self.report is not None and self.report.updates:
            return plain(self.report.updates[0].message)
        return self.headline()

    @property
    def title(self) -> str:
        if self.company.casefold().endswith("status"):
            return self.company
        return self.say("status_of", name=self.company) if self.company else self.say("status_page")

    def overall(self) -> State:
        """The page's state; that of a page on which nothing is watched is none."""
        assert self.view is not None
        return overall(self.view)

    def headline(self) -> str:
        """The page's state in words."""
        assert self.view is not None
        return self.say(headline(self.view))

    def state(self, state: State | str) -> str:
        return self.say(f"state_{state}")

    def prose(self, text: str) -> Markup:
        return prose(text)

    def line(self, text: str) -> Markup:
        return line(text)

    def percent(self, share: float) -> str:
        return self.language.percent(share)

    # --- the clock

    def date_of(self, instant: datetime) -> date:
        """The date on the page's calendar."""
        return instant.astimezone(self.zone).date()

    def day(self, day: date, style: str | None = None) -> str:
        return self.language.day(day, style or ("day" if day.year == self.date_of(self.now).year else "day_of_year"))

    def time(self, instant: datetime, kind: str = "") -> Markup:
        """An instant as readers see it; the script puts it on their own clock. `kind`: `ago` adds how long ago."""
        style = "day" if self.date_of(instant).year == self.date_of(self.now).year else "day_of_year"
        return Markup('<time datetime="{}" title="{}"{}>{}</time>').format(
            self.stamp(instant),
            self.language.moment(instant, self.zone, "long_day"),
            Markup(' data-as="{}"').format(kind) if kind else "",
            self.language.moment(instant, self.zone, style),
        )

    def clock(self, instant: datetime) -> Markup:
        """Only the time of day."""
        return Markup('<time datetime="{}" title="{}" data-as="clock">{}</time>').format(
            self.stamp(instant),
            self.language.moment(instant, self.zone, "long_day"),
            f"{instant.astimezone(self.zone):%H:%M}",
        )

    def period(self, start: datetime, end: datetime | None) -> Markup:
        """From … to …; on one day the second is a time of day."""
        if end is None:
            return self.time(start)
        same = self.date_of(start) == self.date_of(end)
        return Markup(self.language.form("period", start="{}", end="{}")).format(  # noqa: S704  # our own words
            self.time(start), self.clock(end) if same else self.time(end)
        )

    def duration(self, seconds: float) -> str:
        return self.language.duration(seconds)

    def month(self, month: str) -> str:
        return self.language.day(date.fromisoformat(f"{month}-01"), "month")

    def words(self, key: str, **values: object) -> Markup:
        """Words into which drawn pieces are put: `time` and the like stay what they are, all else is escaped."""
        count = values.get("count")
        names = {name: "{" + name + "}" for name in values if name != "count"}
        pattern = self.say(key, **names) if count is None else self.say(key, count=count, **names)
        return Markup(pattern).format(**values)  # noqa: S704  # our own words

    # --- the page

    @cached_property
    def resources(self) -> list[ResourceView]:
        assert self.view is not None
        return [each for section in self.view.sections for each in section.resources]

    def under_way(self) -> list[ReportView]:
        assert self.view is not None
        return [each for each in self.view.maintenance if each.starts_at <= self.now]

    def upcoming(self) -> list[ReportView]:
        assert self.view is not None
        return [each for each in self.view.maintenance if each.starts_at > self.now]

    def folded(self, section: SectionView) -> bool:
        """Whether this section has a lid."""
        return bool(section.name) and len(section.resources) > LONG_SECTION and len(self.resources) > LONG_PAGE

    def amiss(self, section: SectionView) -> int:
        fine = (State.OPERATIONAL, State.NOT_MONITORED)
        return sum(each.status not in fine for each in section.resources)

    def worst(self, states: Iterable[State]) -> State:
        return max(states, key=_GRAVITY.index, default=State.NOT_MONITORED)

    def past(self) -> list[tuple[str, list[ReportView]]]:
        """The last days, the latest first: each with the incidents that began on it, and runs of quiet days as one.

        Maintenance is told on a page of its own.
        """
        assert self.view is not None
        today = self.date_of(self.now)
        spans = [(first, last) for report, first, last in self.spans if not report.maintenance]
        if self._disturbed_now():
            spans.append((today, today))
        begun: dict[date, list[ReportView]] = {}
        for report in self._recent():
            begun.setdefault(self.date_of(report.starts_at), []).append(report)
        days = sorted({today - timedelta(days=back) for back in range(PAST_DAYS)} | set(begun), reverse=True)
        told: list[tuple[str, list[ReportView]]] = []
        quiet: list[date] = []
        for day in [*days, None]:
            loud = day is None or any(first <= day <= last for first, last in spans)
            if day is not None and not loud:
                quiet.append(day)
                continue
            if quiet:
                told.append((self._days(quiet[-1], quiet[0]), []))
                quiet = []
            if day in begun and day is not None:
                told.append((self.day(day), begun[day]))
        return told

    def eventful(self) -> bool:
        """Whether the last days must be told one by one."""
        assert self.view is not None
        return bool(self.view.current or self._recent()) or self._disturbed_now()

    def _recent(self) -> list[ReportView]:
        assert self.view is not None
        return [report for report in self.view.recent if not report.maintenance]

    def _disturbed_now(self) -> bool:
        """Whether something is amiss that nobody may have reported yet: today is no day to call quiet then."""
        return any(each.status in (State.DEGRADED, State.DOWNTIME) for each in self.resources)

    def _days(self, first: date, last: date) -> str:
        return (
            self.day(first)
            if first == last
            else self.language.form("period", start=self.day(first), end=self.day(last))
        )

    @cached_property
    def spans(self) -> list[tuple[ReportView, date, date]]:
        """Every report that is known here and has begun, with its first and last day on the page's calendar."""
        assert self.view is not None
        begun = [*self.view.current, *self.under_way(), *self.view.recent]
        return [
            (each, self.date_of(each.starts_at), self.date_of(min(each.ends_at or self.now, self.now)))
            for each in begun
        ]

    # --- one resource

    def bar(self, resource: ResourceView) -> Markup:
        states = tuple(each.status for each in resource.intraday or ()) if self.intraday(resource) else ()
        return bars.drawing(states or tuple(each.status for each in resource.days))

    def intraday(self, resource: ResourceView) -> bool:
        return resource.widget_type is Widget.INTRADAY_HISTORY and bool(resource.intraday)

    def runs(self, resource: ResourceView) -> list[bars.Run]:
        return bars.slot_runs(resource.intraday) if self.intraday(resource) else bars.day_runs(resource, self.spans)

    def run_days(self, resource: ResourceView, run: bars.Run) -> str:
        first, last = (date.fromisoformat(resource.days[place].day) for place in (run.first, run.last))
        return self._days(first, last)

    def run_period(self, resource: ResourceView, run: bars.Run) -> Markup:
        start, end = bars.slot_period(resource.intraday, run)
        return Markup(self.language.form("period", start="{}", end="{}")).format(  # noqa: S704  # our own words
            self.clock(start), self.clock(end)
        )

    def stamp(self, instant: datetime) -> str:
        """For the script."""
        return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def slot_seconds(self, resource: ResourceView) -> int:
        return int(bars.slot_length(resource.intraday).total_seconds())

    @property
    def has_bars(self) -> bool:
        drawn = (Widget.HISTORY, Widget.INTRADAY_HISTORY, Widget.RESPONSE_TIMES)
        return any(each.widget_type in drawn for each in self.resources)

    def sample(self, state: str) -> Markup:
        """One bar, for the legend."""
        return bars.drawing((State(state),))

    def disturbed(self, runs: Sequence[bars.Run]) -> int:
        """How many days there were on which something was amiss; planned maintenance is nothing amiss."""
        amiss = (State.DEGRADED, State.DOWNTIME)
        return sum(run.last - run.first + 1 for run in runs if run.state in amiss)

    def more_than(self, runs: Sequence[bars.Run], count: int) -> bool:
        """Whether there are places of a bar of which its table does not tell: all was well there."""
        return sum(run.last - run.first + 1 for run in runs) < count

    def uptime(self, resource: ResourceView) -> str:
        """The share for which it was up in what its bar shows; no number before that says anything."""
        intraday = self.intraday(resource)
        states = {each.status for each in (resource.intraday if intraday else resource.days)}
        if states <= {State.NOT_MONITORED}:
            return self.state(State.NOT_MONITORED)
        if not resource.watched_a_day:
            return self.say("uptime_unknown")
        share = resource.intraday_availability if intraday else resource.availability
        return self.say("uptime", percent=self.percent(share))

    def chart(self, resource: ResourceView) -> charts.Chart | None:
        return charts.chart(resource.response_times)

    def no_chart(self, resource: ResourceView) -> str:
        """Why there is none."""
        measured = any(point.seconds is not None for point in resource.response_times)
        return self.say("response_times_few" if measured else "response_times_none")

    def response_time(self, seconds: float) -> str:
        return self.language.response_time(seconds)

    # --- one report

    def over(self, report: ReportView) -> bool:
        return report.over(self.now)

    def standing(self, report: ReportView) -> tuple[str, str]:
        """The icon and the word for how a report stands."""
        if report.maintenance:
            word = "completed" if self.over(report) else "under_way" if report.starts_at <= self.now else "scheduled"
            return ("operational" if word == "completed" else "maintenance"), (
                self.state(State.MAINTENANCE) if word == "under_way" else self.say(word)
            )
        if self.over(report):
            return "operational", self.state(RESOLVED)
        if report.state in (State.DEGRADED, State.DOWNTIME):
            return str(report.state), self.say(f"update_{report.state}")
        return "news", self.say("ongoing")

    def verdict(self, update: UpdateView) -> tuple[str, str]:
        """The icon and the word for what an update says: the gravest of what it says of its resources."""
        said = {each.status for each in update.affected}
        for status in ("downtime", "degraded", "maintenance"):
            if status in said:
                return status, self.say(f"update_{status}")
        return ("operational", self.say("update_resolved")) if RESOLVED in said else ("news", self.say("update_note"))

    def names(self, affected: Sequence[AffectedView]) -> str:
        return self.language.form("list").join(each.public_name for each in affected)

    def report_path(self, report: ReportView) -> str:
        return self.to(f"/{'maintenance' if report.maintenance else 'incidents'}/{report.id}")
