"""What each public page says, to readers, to search engines, to chats, and what it weighs."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta

import msgspec
import pytest
from lxml import html

from tests.status_pages import samples
from tests.status_pages.samples import DAY, HOUR, MINUTE, NOW
from tocsin.pages.drawing import (
    ANSWERS,
    GATES,
    assets,
    draw_answer,
    draw_gate,
    draw_home,
    draw_maintenance,
    draw_month,
    draw_not_found,
    draw_report,
    draw_subscribe,
)
from tocsin.pages.outputs import feed_atom, feed_rss, statuspage, widgets
from tocsin.status_pages.model import Link, State, Widget
from tocsin.status_pages.model.views import PageView, ResourceView

FRAME = samples.frame()


def tree(text: str) -> html.HtmlElement:
    return html.document_fromstring(text)


def home(view: PageView, **frame: object) -> html.HtmlElement:
    return tree(draw_home(view, samples.frame(**frame)))


def words(element: html.HtmlElement, path: str) -> list[str]:
    return [" ".join(each.text_content().split()) for each in element.xpath(path)]


@pytest.mark.parametrize(("resources", "bound"), [(20, 25_000), (100, 40_000)])
def test_a_first_visit_is_light(resources: int, bound: int) -> None:
    """A page, its style, script and icon, as they travel: a hundred resources fit into what is promised of twenty."""
    page = draw_home(samples.large(resources), FRAME)
    sent = [page.encode(), *(content for name, (content, _) in assets().items() if name in page)]
    assert len(sent) == 3
    assert sum(len(gzip.compress(each, 6)) for each in sent) < bound


@pytest.mark.parametrize(
    ("state", "each", "headline"),
    [
        (State.OPERATIONAL, State.OPERATIONAL, "All systems operational"),
        (State.DEGRADED, State.DEGRADED, "All systems are degraded"),
        (State.DOWNTIME, State.DOWNTIME, "All systems are down"),
        (State.DOWNTIME, State.OPERATIONAL, "Some systems are down"),
        (State.DEGRADED, State.OPERATIONAL, "Some systems are degraded"),
        (State.MAINTENANCE, State.OPERATIONAL, "Maintenance in progress"),
        (State.OPERATIONAL, State.NOT_MONITORED, "Nothing is being monitored yet"),
    ],
)
def test_the_banner_says_how_everything_stands(state: State, each: State, headline: str) -> None:
    resources = [samples.resource(number, f"Service {number}", status=each) for number in (1, 2)]
    drawn = home(samples.page(state=state, sections=(samples.section(1, None, *resources),)))
    assert words(drawn, "//h1") == [headline]
    assert words(drawn, "//title") == [f"Acme status · {headline}"]


@pytest.mark.parametrize("state", [State.OPERATIONAL, State.DEGRADED, State.DOWNTIME, State.MAINTENANCE])
@pytest.mark.parametrize("others", [(), (State.OPERATIONAL,), (State.NOT_MONITORED,)])
def test_people_and_programs_read_the_same_sentence(state: State, others: tuple[State, ...]) -> None:
    resources = [samples.resource(id, f"Service {id}", status=each) for id, each in enumerate((state, *others), 1)]
    view = samples.page(state=state, sections=(samples.section(1, None, *resources),))
    (said,) = words(home(view), "//h1")
    assert home(view).xpath('//meta[@property="og:description"]/@content') == [said]
    assert f"<description>{said}</description>".encode() in feed_rss.draw(view, FRAME.root)
    assert f"<subtitle>{said}</subtitle>".encode() in feed_atom.draw(view, FRAME.root)
    assert json.loads(statuspage.draw(view, FRAME.root, "status"))["status"]["description"] == said
    assert json.loads(widgets.status(view, FRAME.root))["words"] == said
    if state is State.DOWNTIME:
        assert said == ("Some systems are down" if State.OPERATIONAL in others else "All systems are down")


def test_a_report_that_names_nobody_is_news_and_no_outage() -> None:
    report = samples.report(7, "We are moving", state=State.OPERATIONAL)
    drawn = home(samples.calm(current=(report,)))
    assert drawn.xpath('//*[@id="report-7"]/@class') == ["incident news lively"]
    assert words(drawn, '//*[@id="report-7"]//*[contains(@class, "chip")]') == ["Ongoing"]
    assert words(drawn, "//h1") == ["All systems operational"]
    assert not drawn.xpath('//article//*[contains(@class, "downtime") or contains(@class, "degraded")]')


def test_an_incident_is_shown_with_its_latest_updates() -> None:
    drawn = home(samples.shop())
    report = drawn.xpath('//*[@id="report-71"]')[0]
    assert words(report, './/p[@class="update-head"]/b') == ["Degraded", "Outage", "Outage"]
    assert report.xpath(".//h3/a/@href") == ["/status/acme/incidents/71"]


def test_quiet_days_are_one_line_and_loud_ones_are_not_called_quiet() -> None:
    drawn = home(samples.shop())
    assert words(drawn, '//li[@class="day quiet"]') == [
        "Nov 27 – Nov 29: no incidents reported",
        "Nov 22 – Nov 25: no incidents reported",
        "Nov 16 – Nov 20: no incidents reported",
    ]
    assert words(drawn, '//h3[@class="day-name"]') == ["Nov 26", "Nov 21"], "maintenance has a page of its own"


def test_today_is_not_called_quiet_while_something_is_amiss_that_nobody_reported() -> None:
    down = samples.resource(1, "API", status=State.DOWNTIME, days=samples.days(d0=(State.DOWNTIME, 60)))
    drawn = home(samples.page(sections=(samples.section(1, None, down),)))
    assert words(drawn, '//li[@class="day quiet"]') == ["Nov 16 – Nov 29: no incidents reported"]
    past = samples.resource(1, "API", days=samples.days(d2=(State.DOWNTIME, 60)))
    drawn = home(samples.page(sections=(samples.section(1, None, past),)))
    assert words(drawn, '//p[@class="day quiet"]') == ["No incidents were reported in the last 15 days"]


def test_a_day_within_a_long_incident_is_not_called_quiet() -> None:
    long = samples.report(1, "Long", starts_at=NOW - 5 * DAY, ends_at=NOW - 2 * DAY, state=State.OPERATIONAL)
    drawn = home(samples.page(recent=(long,)))
    assert words(drawn, '//li[@class="day quiet"]') == [
        "Nov 29 – Nov 30: no incidents reported", "Nov 16 – Nov 24: no incidents reported"
    ]  # fmt: skip


def test_nothing_at_all_is_one_line() -> None:
    assert words(home(samples.page()), '//p[@class="day quiet"]') == ["No incidents were reported in the last 15 days"]


def test_while_something_goes_on_its_days_are_not_called_quiet() -> None:
    drawn = home(samples.page(current=(samples.ongoing(),)))
    assert words(drawn, '//li[@class="day quiet"]') == ["Nov 16 – Nov 29: no incidents reported"]
    assert "No incidents were reported in" not in words(drawn, "//main")[0]


def test_a_company_whose_name_says_status_is_not_made_to_say_it_twice() -> None:
    assert words(home(samples.page(settings={"company_name": "Acme Status"})), "//title") == [
        "Acme Status · Nothing is being monitored yet"
    ]


def test_days_are_those_of_the_page_s_calendar() -> None:
    """Half past eleven at night in Prague, and the next day in Tokyo."""
    late = NOW.replace(day=20, hour=22, minute=30)
    report = samples.report(1, "Late", starts_at=late, ends_at=late + 5 * MINUTE, state=State.OPERATIONAL)
    for zone, day in (("Europe/Prague", "Nov 20"), ("Tokyo", "Nov 21")):
        drawn = home(samples.page(recent=(report,), settings={"timezone": zone}))
        assert words(drawn, '//h3[@class="day-name"]') == [day]


def test_the_table_below_a_bar_tells_of_the_days_that_were_not_well() -> None:
    rows = home(samples.shop()).xpath('//*[@id="resource-1"]//div[starts-with(@class,"history")]//tbody/tr')
    assert [words(row, "./th|./td") for row in rows] == [
        ["Nov 21", "Down", "14 min", "Website was not reachable"],
        ["Oct 20", "Degraded", "25 min", ""],
    ]


def middles(*resources: ResourceView) -> list[str]:
    drawn = home(samples.page(sections=(samples.section(1, None, *resources),)))
    return words(drawn, '//*[contains(@class, "foot")]/span[@class="middle"]')


def test_maintenance_is_nothing_amiss() -> None:
    held = samples.resource(1, "API", days=samples.days(d3=(State.MAINTENANCE, 600), d5=(State.NOT_MONITORED, 0)))
    ill = samples.resource(2, "Web", days=samples.days(d3=(State.MAINTENANCE, 600), d4=(State.DEGRADED, 60)))
    assert middles(held, ill) == ["100% uptime", "100% uptime · 1 day with issues"]


def test_less_than_a_day_says_nothing_of_uptime() -> None:
    blind = {f"d{back}": (State.NOT_MONITORED, 0) for back in range(1, 90)}
    young = samples.resource(
        1, "API", availability=0.7276, watched_a_day=False, days=samples.days(d0=(State.DOWNTIME, 10), **blind)
    )
    never = samples.resource(2, "Web", watched_a_day=False, days=samples.days(d0=(State.NOT_MONITORED, 0), **blind))
    assert middles(young, never) == ["watched for less than a day · 1 day with issues", "Not monitored"]


def test_a_bar_of_24_hours_has_the_uptime_of_24_hours() -> None:
    hours = samples.resource(
        1, "API", widget_type=Widget.INTRADAY_HISTORY, availability=1.0, intraday=samples.slots(4),
        intraday_availability=0.98,
    )  # fmt: skip
    assert middles(hours) == ["98% uptime"]


def test_other_days_are_only_spoken_of_where_there_are_some() -> None:
    blind = {f"d{back}": (State.NOT_MONITORED, 0) for back in range(1, 90)}
    whole = samples.resource(1, "API", days=samples.days(d0=(State.DOWNTIME, 10), **blind))
    part = samples.resource(2, "Web", days=samples.days(**blind))
    drawn = home(samples.page(sections=(samples.section(1, None, whole, part),)))
    rest = '//*[@id="resource-{}"]//p[@class="rest"]'
    assert words(drawn, rest.format(1)) == []
    assert words(drawn, rest.format(2)) == ["All other days: operational."]


def test_one_or_two_response_times_are_no_chart() -> None:
    some = [msgspec.structs.replace(each, seconds=None) for each in samples.points()]
    for measured, said in ((0, "No response times were measured"), (2, "Too few response times were measured")):
        points = (*some[measured:], *samples.points()[:measured])
        chart = samples.resource(1, "API", widget_type=Widget.CHART_ONLY, response_times=points)
        drawn = home(samples.page(sections=(samples.section(1, None, chart),)))
        assert words(drawn, '//p[@class="rest"]')[0].startswith(said)
        assert not drawn.xpath('//div[@class="plot"]')


def test_a_long_page_folds_the_sections_that_are_well() -> None:
    view = samples.large(60)
    first, *rest = view.sections
    ill = msgspec.structs.replace(first.resources[0], status=State.DOWNTIME)
    first = msgspec.structs.replace(first, resources=(ill, *first.resources[1:]))
    drawn = home(msgspec.structs.replace(view, sections=(first, *rest), state=State.DOWNTIME))
    assert words(drawn, '//span[@class="tally"]') == [
        "20 systems, 1 with problems", "20 systems, all operational", "20 systems, all operational"
    ]  # fmt: skip
    assert ["open" in each.attrib for each in drawn.xpath('//details[@class="fold"]')] == [True, False, False]
    assert not home(samples.large(20)).xpath('//details[@class="fold"]')


def test_navigation_has_four_links_of_the_page_s_own_or_three_of_ours() -> None:
    assert words(home(samples.page()), "//nav//a") == ["Status", "Maintenance", "Past incidents", "Contact us"]
    links = [Link(text=f"Link {number}", href="https://x.example/") for number in range(6)]
    links[1] = Link(text="Bad", href="javascript:alert(1)")
    drawn = home(samples.page(settings={"navigation_links": tuple(links), "contact_url": None}))
    assert words(drawn, "//nav//a") == ["Link 0", "Link 2", "Link 3"]
    assert drawn.xpath('//nav//a[@aria-current="page"]') == []


def test_links_and_layouts_are_of_the_second_design_alone() -> None:
    """Contract part 2, 5.2."""
    links = (Link(text="Mine", href="https://x.example/"),)
    look = {"design": "v1", "layout": "horizontal", "theme": "dark", "navigation_links": links, "contact_url": None}
    drawn = home(samples.page(settings=look))
    assert drawn.attrib["class"] == "v1"
    assert drawn.attrib["data-theme"] == "light"
    assert words(drawn, "//nav//a") == ["Status", "Maintenance", "Past incidents"]
    assert home(samples.page(settings=look | {"design": "v2"})).attrib["class"] == "v2 horizontal"


def test_search_engines_and_chats_are_told_what_it_is() -> None:
    drawn = tree(draw_report(samples.shop(), samples.ongoing(), FRAME))
    meta = {each.get("property") or each.get("name"): each.get("content") for each in drawn.xpath("//meta[@content]")}
    assert meta["og:title"] == "Card payments fail for some customers"
    assert meta["description"].startswith("Our provider has moved traffic to a second region. Most payments succeed")
    assert meta["og:image"] == "http://127.0.0.1:8080/status/acme/og.png"
    assert "robots" not in meta
    (canonical,) = drawn.xpath('//link[@rel="canonical"]/@href')
    assert canonical == "http://127.0.0.1:8080/status/acme/incidents/71"
    assert drawn.xpath('//link[@rel="alternate"]/@href') == ["/status/acme/feed.rss", "/status/acme/feed.atom"]


def test_a_page_that_hides_from_search_engines_says_so_everywhere() -> None:
    hidden = samples.shop(settings={"hide_from_search_engines": True})
    for text in (draw_home(hidden, FRAME), draw_month(hidden, samples.month(), FRAME), draw_not_found(FRAME)):
        assert tree(text).xpath('//meta[@name="robots"]/@content')[0].startswith("noindex")


def test_what_is_not_wanted_is_not_there() -> None:
    plain = draw_home(samples.page(settings={"subscribable": False, "whitelabeled": True, "contact_url": None}), FRAME)
    for absent in ("Get updates", "Tocsin", "googletagmanager", "custom.", "Contact us", "announcement"):
        assert absent not in tree(plain).xpath("//body")[0].text_content()
        assert absent not in plain.replace("".join(tree(plain).xpath("//style/text()")), "")


def test_scripts_and_styles_of_the_page_s_own_are_linked_when_there_are_some() -> None:
    settings = {"custom_css": "a{}", "custom_javascript": "1", "google_analytics_id": "G-ABC123DEF"}
    for domain, scripts in ((None, 0), ("status.acme.example", 1)):
        drawn = home(samples.page(custom_domain=domain, settings=settings))
        assert len(drawn.xpath('//script[contains(@src, "/custom.js?v=")]')) == scripts
        assert len(drawn.xpath('//link[contains(@href, "/custom.css?v=")]')) == 1
        assert len(drawn.xpath('//script[contains(@src, "googletagmanager.com")]')) == 1
        assert set(drawn.xpath("//script/@nonce | //style/@nonce")) == {"n0nce"}
    for id in ("G-1';alert(1)", "GTM-ABC1234"):
        assert not home(samples.page(settings={"google_analytics_id": id})).xpath("//script[not(@src)]")


def test_logos_are_those_of_the_theme() -> None:
    both = {"has_logo": True, "has_dark_logo": True}
    assert home(samples.page(), **both).xpath("//picture/source/@srcset") == ["/status/acme/dark-logo"]
    assert home(samples.page(settings={"theme": "light"}), **both).xpath("//picture/*/@src") == ["/status/acme/logo"]
    assert home(samples.page(settings={"theme": "dark"}), **both).xpath("//header//img/@src") == [
        "/status/acme/dark-logo"
    ]  # fmt: skip
    assert home(samples.page(), has_logo=True).xpath("//header//img/@alt") == ["Acme"]


def test_the_tab_shows_the_state() -> None:
    assert "icon-downtime-" in home(samples.shop()).xpath('//link[@rel="icon"]/@href')[0]


def test_a_static_copy_says_how_old_it_is_and_offers_no_forms() -> None:
    for text in (
        draw_home(samples.shop(), samples.frame(snapshot_at=NOW - HOUR)),
        draw_subscribe(samples.shop(), samples.frame(snapshot_at=NOW - HOUR), {}, {}),
    ):
        drawn = tree(text)
        assert "This is a saved copy from Nov 30, 14:26 CET" in words(drawn, "//main")[0]
        assert not drawn.xpath("//form")
        assert not drawn.xpath('//a[contains(@href, "lang=")]')


def test_maintenance_is_told_before_during_and_after() -> None:
    drawn = tree(draw_maintenance(samples.shop(), samples.month(previous=None, previous_maintenance="2026-10"), FRAME))
    assert words(drawn, "//h2") == [
        "Maintenance in progress",
        "Upcoming maintenance",
        "Past maintenance: November 2026",
    ]
    assert words(drawn, '//span[starts-with(@class,"chip")]') == ["Maintenance", "Planned", "Completed"]
    assert drawn.xpath('//a[@rel="prev"]/@href') == ["/status/acme/maintenance?month=2026-10"]
    assert "No maintenance is planned." in words(tree(draw_maintenance(samples.page(), None, FRAME)), "//main")[0]


def test_a_month_has_whole_timelines_and_ways_to_its_neighbours() -> None:
    month = samples.month(previous="2026-10", following="2026-12")
    drawn = tree(draw_month(samples.shop(), month, FRAME))
    assert words(drawn, "//h1") == ["Incidents in November 2026"]
    assert len(drawn.xpath('//*[@id="report-64"]//li[starts-with(@class,"update")]')) == 3
    assert not drawn.xpath('//*[@id="report-55"]'), "maintenance is on the page of maintenance"
    alone = tree(draw_month(samples.shop(), samples.month(reports=(samples.finished_maintenance(),)), FRAME))
    assert "No incidents were reported in November 2026." in words(alone, "//main")[0]
    assert drawn.xpath("(//nav)[2]//a/@href") == [
        "/status/acme/incidents?month=2026-10", "/status/acme/incidents?month=2026-12"
    ]  # fmt: skip
    assert "?month=2026-11&lang=de" in drawn.xpath('//a[@hreflang="de"]/@href')
    empty = tree(draw_month(samples.shop(), samples.month(reports=()), FRAME))
    assert "No incidents were reported in November 2026." in words(empty, "//main")[0]


def test_a_report_tells_when_how_long_and_what_was_affected() -> None:
    drawn = tree(draw_report(samples.shop(), samples.past_incident(), FRAME))
    assert words(drawn, "//dl//dd") == ["Nov 26, 10:26 CET", "Nov 26, 12:18 CET", "1 h 52 min", "Search Resolved"]
    assert words(drawn, "//dl//dt") == ["Start", "End", "Duration", "Affected systems"]
    assert words(drawn, '//span[starts-with(@class,"chip")]') == ["Resolved"]
    automatic = tree(draw_report(samples.shop(), samples.automatic_incident(), FRAME))
    assert "Found by our monitoring" in words(automatic, "//dl")[0]


def test_a_report_without_an_update_is_drawn_too() -> None:
    drawn = tree(draw_report(samples.shop(), samples.report(1, "Bare", state=State.OPERATIONAL), FRAME))
    assert "No updates yet." in words(drawn, "//main")[0]
    assert words(drawn, '//span[starts-with(@class,"chip")]') == ["Ongoing"]


def test_years_are_told_where_they_differ() -> None:
    old = samples.report(1, "Old", starts_at=NOW - timedelta(days=400), ends_at=NOW - timedelta(days=399))
    assert "Oct 26, 2025, 15:26 CET" in draw_report(samples.shop(), old, FRAME)


def test_the_form_keeps_what_was_sent_and_says_what_was_wrong() -> None:
    form = {"kind": "webhook", "email": "ann", "address": "x", "resources": "1,4"}
    drawn = tree(draw_subscribe(samples.shop(), samples.frame(csrf="tok"), form, {"email": "Is wrong"}))
    assert drawn.xpath('//input[@name="kind"][@checked]/@value') == ["webhook"]
    assert drawn.xpath('//input[@name="resources"][@checked]/@value') == ["1", "4"]
    assert drawn.xpath('//input[@name="email"]/@value') == ["ann"]
    assert drawn.xpath('//input[@name="csrf"]/@value') == ["tok"]
    assert drawn.xpath("//input[@aria-invalid]/@aria-describedby") == ["email-hint email-wrong"]
    assert words(drawn, '//*[@role="alert"]//li/a') == [
        "The e-mail address is not valid. It should look like ann@example.com."
    ]  # fmt: skip
    assert not drawn.xpath('//input[@value="push"]')
    assert tree(draw_subscribe(samples.shop(), samples.frame(push_key="B"), {}, {})).xpath('//input[@value="push"]')


def test_what_was_wrong_is_said_in_the_reader_s_language() -> None:
    text = draw_subscribe(samples.shop(), samples.frame(language="de"), {"kind": "slack"}, {"address": "Is invalid"})
    assert "Die Adresse des Slack-Webhooks ist ungültig." in text
    assert "Is invalid" not in text


def test_a_page_without_subscribers_has_no_form() -> None:
    drawn = tree(draw_subscribe(samples.page(settings={"subscribable": False}), FRAME, {}, {}))
    assert not drawn.xpath("//form")


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_answer_is_drawn_with_and_without_its_page(kind: str) -> None:
    for view in (samples.shop(), None):
        drawn = tree(draw_answer(view, samples.frame(csrf="tok"), kind, email="ann@example.com"))
        assert len(words(drawn, "//h1")) == 1
        forms = drawn.xpath('//form[@method="post"]')
        assert len(forms) == (kind in ("confirm", "unsubscribe"))
        assert all(form.get("action") is None for form in forms), "it is sent to where the link leads"
    if kind == "check_mail":
        assert "ann@example.com" in words(drawn, "//main")[0]


@pytest.mark.parametrize("kind", GATES)
def test_a_gate_tells_nothing_of_what_is_behind_it(kind: str) -> None:
    drawn = tree(draw_gate(FRAME, "Acme", kind, "Not right." if kind == "password" else ""))
    assert len(words(drawn, "//h1")) == 1
    assert not drawn.xpath("//nav")
    assert not drawn.xpath('//link[@rel="alternate"]')
    assert drawn.xpath('//meta[@name="robots"]')
    fields = drawn.xpath('//form[@action="/status/acme/unlock"]//input[@name]/@name')
    assert fields == {"password": ["csrf", "password"], "members": ["csrf", "email"]}.get(kind, [])


@pytest.mark.parametrize("language", ["de", "fr", "es", "pt", "ja", "zh", "cs"])
def test_every_page_is_drawn_in_every_language(language: str) -> None:
    frame = samples.frame(language=language, push_key="B")
    view, month = samples.shop(), samples.month()
    pages = [
        draw_home(view, frame),
        draw_maintenance(view, month, frame),
        draw_month(view, month, frame),
        draw_report(view, samples.planned(), frame),
        draw_subscribe(view, frame, {}, {}),
        draw_not_found(frame),
    ]
    for text in pages:
        assert f'<html lang="{language}" dir="ltr"' in text
        assert "{" not in tree(text).xpath("//main")[0].text_content(), "every gap in the words is filled"


def test_the_same_view_gives_the_same_page() -> None:
    """What is unchanged is answered with its tag alone."""
    assert draw_home(samples.shop(), FRAME) == draw_home(samples.shop(), FRAME)
