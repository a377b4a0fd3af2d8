"""What a message becomes, whom an update concerns and what a mail that comes back means: decided without a database."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.status_pages import worker
from tocsin.status_pages.model import Affected, ReportType
from tocsin.status_pages.model.notices import Bounce, Kind, Outcome, State, Verdict
from tocsin.status_pages.model.views import root_of
from tocsin.status_pages.rules import notices as rules
from tocsin.status_pages.rules import subscribing
from tocsin.status_pages.rules.addresses import report_address
from tocsin.status_pages.worker.mails import markdown
from tocsin.status_pages.worker.words import say, standing

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def affected(*words: str) -> tuple[Affected, ...]:
    return tuple(Affected(status_page_resource_id=str(number), status=word) for number, word in enumerate(words, 1))


@given(
    kind=st.sampled_from(Kind), verdict=st.sampled_from(Verdict), attempt=st.integers(1, 10_000),
    age=st.timedeltas(timedelta(0), timedelta(days=3)), asked=st.none() | st.floats(0, 1e9),
)  # fmt: skip
def test_every_message_ends_in_a_bounded_time(
    kind: Kind, verdict: Verdict, attempt: int, age: timedelta, asked: float | None
) -> None:
    outcome = Outcome(verdict=verdict, detail="", after_seconds=asked)
    change = rules.settled(kind, notice_id=7, attempt=attempt, planned_at=NOW - age, outcome=outcome, now=NOW)
    if change.due_at is None:
        assert change.state in (State.SENT, State.GIVEN_UP, State.DROPPED)
    else:
        assert change.state is State.WAITING
        assert NOW < change.due_at <= NOW - age + rules.LIFETIME[kind]
        assert change.due_at <= NOW + timedelta(seconds=rules.LONGEST_ASKED_WAIT_SECONDS)
    assert change.gone <= change.counts
    assert not (change.counts and verdict in (Verdict.OURS, Verdict.ACCEPTED, Verdict.DROPPED))


@pytest.mark.parametrize(
    ("kind", "words", "starts", "ends", "expected"),
    [
        (ReportType.MANUAL, ("degraded", "downtime"), -1, None, "downtime"),
        (ReportType.MANUAL, ("resolved", "degraded"), -1, None, "degraded"),
        (ReportType.AUTOMATIC, ("resolved",), -1, 0, "resolved"),
        (ReportType.MANUAL, (), -1, None, "update"),
        (ReportType.MANUAL, (), -2, -1, "resolved"),
        (ReportType.MAINTENANCE, ("maintenance",), 1, 2, "scheduled"),
        (ReportType.MAINTENANCE, ("maintenance",), 0, 2, "maintenance"),
        (ReportType.MAINTENANCE, ("maintenance",), -2, -1, "completed"),
        (ReportType.MAINTENANCE, ("resolved",), -1, 2, "completed"),
    ],
)
def test_how_a_report_stands_after_an_update(
    kind: ReportType, words: tuple[str, ...], starts: int, ends: int | None, expected: str
) -> None:
    end = None if ends is None else NOW + ends * HOUR
    found = rules.standing(kind, affected(*words), starts_at=NOW + starts * HOUR, ends_at=end, at=NOW)
    assert found == expected


def test_whom_it_concerns() -> None:
    assert rules.resource_ids(affected("downtime"), affected("a", "b")) == {1, 2}
    assert rules.concerned([], [])
    assert rules.concerned([], [1])
    assert rules.concerned([1, 9], [1])
    assert not rules.concerned([9], [1])
    assert not rules.concerned([9], [])


def report(status: str, action: str = "failed") -> str:
    return f"Reporting-MTA: dns; mx.example\nFinal-Recipient: rfc822; a@example.com\nAction: {action}\nStatus: {status}"


@pytest.mark.parametrize(
    ("content_type", "text", "expected"),
    [
        (
            "multipart/report; report-type=delivery-status",
            report("5.1.1"),
            Bounce(gone=True, detail="came back: 5.1.1"),
        ),
        ("Multipart/Report", report("5.2.2"), Bounce(gone=False, detail="came back: 5.2.2")),
        ("multipart/report", report("5.7.1"), Bounce(gone=False, detail="came back: 5.7.1")),
        ("multipart/report", report("4.4.1", "delayed"), None),
        ("multipart/report", report("5.1.1", "relayed"), None),
        ("text/plain", report("5.1.1"), None),
        ("multipart/report", "", None),
    ],
)
def test_what_comes_back_of_a_mail(content_type: str, text: str, expected: Bounce | None) -> None:
    assert rules.bounced(content_type, text) == expected


def test_an_address_is_masked() -> None:
    assert subscribing.masked("ann@example.com") == "a…@example.com"
    assert subscribing.masked("") == ""


class Page:
    def __init__(self, custom_domain: str | None) -> None:
        self.subdomain, self.custom_domain = "acme", custom_domain


def test_where_a_page_is() -> None:
    assert root_of(Page(None), "https://tocsin.example/") == "https://tocsin.example/status/acme"
    assert root_of(Page("status.acme.com"), "https://tocsin.example") == "https://status.acme.com"
    assert root_of(Page("status.acme.lan"), "http://tocsin.lan:8080") == "http://status.acme.lan:8080"
    assert report_address("https://status.acme.com", 7, maintenance=True) == "https://status.acme.com/maintenance/7"


LANGUAGE_FILES = sorted((Path(worker.__file__).parent / "languages").glob("*.json"))


@pytest.mark.parametrize("path", LANGUAGE_FILES, ids=lambda path: path.stem)
def test_every_language_says_everything_with_the_same_gaps(path: Path) -> None:
    english = json.loads(LANGUAGE_FILES[0].with_name("en.json").read_text("utf-8"))
    words = json.loads(path.read_text("utf-8"))
    assert words.keys() == english.keys()
    for key, text in words.items():
        gaps = {gap for gap in ("{company}", "{address}", "{place}", "{days}", "{start}", "{end}") if gap in text}
        assert gaps == {gap for gap in ("{company}", "{address}", "{place}", "{days}", "{start}", "{end}")
                        if gap in english[key]}, key  # fmt: skip
    assert path.stem in subscribing.LANGUAGES
    assert len(LANGUAGE_FILES) == len(subscribing.LANGUAGES)


def test_words_take_what_people_have_written_as_it_is() -> None:
    assert say("en", "confirm_subject", company="{days} & Co").endswith("{days} & Co")
    assert standing("tlh", "downtime") == "Outage"
    assert standing("en", "unheard-of") == "unheard-of"


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>", "![x](https://evil.example/x.png)", "[x](javascript:alert(1))",
        "[x](data:text/html,<script>)", "<img src=x onerror=alert(1)>", "[x](vbscript:x)", "<javascript:alert(1)>",
        "`<script>`", "[a]: javascript:alert(1)\n\n[a]",
    ],
)  # fmt: skip
def test_markdown_in_a_mail_is_harmless(evil: str) -> None:
    html = markdown(evil)
    for bad in ("<script", "<img", 'href="javascript', 'href="data', 'href="vbscript'):
        assert bad not in html.lower()
