"""Which rules match, what fields take out, and that no message and no pattern can do harm."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.inbound.model import Field, Received, ReceivedMail, Rule, Settings
from tocsin.inbound.rules import patterns
from tocsin.inbound.rules.matching import extract, judge, matches
from tocsin.inbound.rules.reading import MailMessage, WebhookMessage, json_text

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TEXTS = st.text(max_size=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)

BODY = {
    "incident": {"status": "alert", "id": "<42-x", "title": "Shop", "description": "by: cron, description: disk,"},
    "alerts": [{"labels": {"job.name": "nightly", "instance": "db:9100"}}],
    "ok": True,
    "none": None,
    "number": 7.5,
}
XML = (
    b'<?xml version="1.0"?><a:alarm xmlns:a="urn:x"><a:name class="big one">CPU</a:name>'
    b'<state id="s"><value kind="old">OK</value><value kind="new">ALARM</value></state></a:alarm>'
)


def webhook(body: Any = BODY, **more: Any) -> WebhookMessage:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    query = (("level", "high"), ("tag", "a"))
    headers = (("x-source", "cron"), ("content-type", "application/json"))
    return WebhookMessage(Received(method="POST", query=query, headers=headers, body=content, at=NOW, **more))


def mail(subject: str = "Disk full", text: str = "host 7", sender: str = "cron@example.com") -> MailMessage:
    return MailMessage(ReceivedMail(sender=sender, recipient="t@x", subject=subject, text=text, at=NOW))


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("incident.status", "alert"),
        ("$.incident.status", "alert"),
        ("alerts.0.labels.instance", "db:9100"),
        ("alerts[0].labels.instance", "db:9100"),
        ("alerts.0.labels.job.name", "nightly"),
        ("ok", "true"),
        ("none", ""),
        ("number", "7.5"),
        ("alerts.0.labels", '{"job.name":"nightly","instance":"db:9100"}'),
        ("alerts.1.labels", None),
        ("incident.status.more", None),
        ("missing", None),
    ],
)
def test_a_dotted_key_finds_its_value(key: str, text: str | None) -> None:
    assert json_text(BODY, key) == text


@pytest.mark.slow
@given(JSON, TEXTS)
def test_no_document_and_no_key_can_harm(document: Any, key: str) -> None:
    found = json_text(document, key)
    assert found is None or isinstance(found, str)


@pytest.mark.parametrize(
    ("target", "field", "text"),
    [
        ("query_string", "level", "high"),
        ("query_string", None, "level=high&tag=a"),
        ("header", "X-Source", "cron"),
        ("header", "X-Other", None),
        ("json", "incident.title", "Shop"),
        ("xml", "value", None),
        ("subject", None, None),
    ],
)
def test_a_rule_looks_where_it_says(target: str, field: str | None, text: str | None) -> None:
    assert webhook().text(target, field) == text


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        ("name", "CPU"),
        ("alarm > name.big", "CPU"),
        ("#s value[kind=new]", "ALARM"),
        ("state value + value", "ALARM"),
        ("nothing", None),
    ],
)
def test_a_selector_finds_an_element_whatever_its_namespace(selector: str, text: str | None) -> None:
    assert patterns.complaint_about_selector(selector) is None
    assert webhook(XML).text("xml", selector) == text


@pytest.mark.parametrize("selector", ["a[", "li:nth-child(2)", "a:has(b)", "p::first-line", "", "a" * 501])
def test_a_selector_that_cannot_be_used_is_said_to_be_one(selector: str) -> None:
    assert patterns.complaint_about_selector(selector)


def test_xml_reads_no_files_and_does_not_explode() -> None:
    outside = b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a><b>&e;</b></a>'
    assert "root" not in (webhook(outside).text("xml", "b") or "")
    bomb = b"<!DOCTYPE a [<!ENTITY e0 'ha'>" + b"".join(
        b"<!ENTITY e%d '&e%d;&e%d;&e%d;&e%d;'>" % (n, n - 1, n - 1, n - 1, n - 1) for n in range(1, 15)
    )
    assert len(webhook(bomb + b"]><a><b>&e14;</b></a>").text("xml", "b") or "") < 100
    assert webhook(b"<a>" * 100_000).text("xml", "a") is None
    assert webhook(b"<a>" + b" " * patterns.MAX_XML_BYTES + b"</a>").text("xml", "a") is None


@pytest.mark.parametrize(
    ("match_type", "content", "expected"),
    [
        ("contains", "ler", True),
        ("contains", "LER", False),
        ("contains_not", "ler", False),
        ("equals", "alert", True),
        ("equals", " alert ", True),
        ("equals_not", "alert", False),
        ("matches_regex", "^al(er)?t$", True),
        ("matches_regex", "(?i)ALERT", True),
        ("matches_regex_not", "^b", True),
    ],
)
def test_a_rule_matches_what_it_says(match_type: str, content: str, expected: bool) -> None:
    rule = Rule(rule_target="json", target_field="incident.status", match_type=match_type, content=content)
    assert matches(rule, webhook()) is expected


@given(st.sampled_from(["contains", "equals", "matches_regex"]), TEXTS, TEXTS)
def test_a_rule_and_its_opposite_never_agree(kind: str, content: str, text: str) -> None:
    plain = Rule(rule_target="body", match_type=kind, content=content)
    opposite = Rule(rule_target="body", match_type=f"{kind}_not", content=content)
    assert matches(plain, mail(text=text)) is not matches(opposite, mail(text=text))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "(?:a?){30}a{30}", "(a*)*(b*)*(c*)*d"])
def test_no_pattern_can_hang_us(pattern: str) -> None:
    found = patterns.search(pattern, "a" * 500_000 + "!")
    assert found is None or len(found) <= patterns.MAX_TEXT_CHARACTERS


@pytest.mark.parametrize("pattern", ["(a", "(?=a)b", r"(a)\1", "a{2000}", "[z-a]", "(" * 1_001, "((a{100}){100}){100}"])
def test_a_pattern_that_cannot_be_used_is_said_to_be_one(pattern: str) -> None:
    assert patterns.complaint_about_pattern(pattern)


@pytest.mark.slow
@given(st.text(max_size=40), st.text(max_size=200))
def test_whatever_the_pattern_it_is_refused_or_it_can_be_searched(pattern: str, text: str) -> None:
    if patterns.complaint_about_pattern(pattern) is None:
        patterns.search(pattern, text)


@pytest.mark.parametrize(
    ("match", "piece"),
    [
        ({"match_type": "match_everything"}, "one <42-x> two"),
        ({"match_type": "match_before", "content": "<"}, "one"),
        ({"match_type": "match_before", "content_before": "<"}, "one"),
        ({"match_type": "match_after", "content": "> "}, "two"),
        ({"match_type": "match_after", "content_after": "> "}, "two"),
        ({"match_type": "match_between", "content_before": "<", "content_after": "-"}, "42"),
        ({"match_type": "match_between", "content_before": "<", "content_after": "#"}, None),
        ({"match_type": "match_regex", "content": r"<(\d+)"}, "42"),
        ({"match_type": "match_regex", "content": r"\d+"}, "42"),
        ({"match_type": "match_regex", "content": "none"}, None),
        ({"match_type": "match_before", "content": "#"}, None),
    ],
)
def test_a_field_takes_out_what_it_says(match: dict[str, str], piece: str | None) -> None:
    assert extract(Field(field_target="body", **match), mail(text="one <42-x> two")) == piece  # type: ignore[arg-type]


RULES = Settings(
    started_rule_type="any",
    started_rules=(Rule(rule_target="subject", match_type="contains", content="host"),),
    acknowledged_rule_type="all",
    acknowledged_rules=(
        Rule(rule_target="subject", match_type="contains", content="host"),
        Rule(rule_target="subject", match_type="contains", content="seen"),
    ),
    resolved_rule_type="any",
    resolved_rules=(Rule(rule_target="subject", match_type="contains", content="well"),),
    started_alert_id_field=Field(field_target="subject", match_type="match_regex", content=r"host (\d+)"),
    title_field=Field(field_target="subject", match_type="match_everything"),
    other_started_fields=(Field(name="Sender", field_target="from_email", match_type="match_everything"),),
)


@pytest.mark.parametrize(
    ("subject", "action", "alert_id"),
    [
        ("host 7 is down", "started", "7"),
        ("host 7 seen", "acknowledged", "7"),
        ("host 7 is well", "resolved", "7"),
        ("all is well", "resolved", None),
        ("hello", None, None),
        ("the host", "started", None),
    ],
)
def test_the_more_particular_rule_wins(subject: str, action: str | None, alert_id: str | None) -> None:
    judgement = judge(RULES, mail(subject), name="Mails", default_cause="x")
    assert judgement.action == action
    if subject == "all is well":
        assert judgement.alert is None
        assert "found no alert id" in judgement.words
    elif action is None:
        assert judgement.alert is None
        assert judgement.words == "No rule matched, so nothing was done."
    else:
        assert judgement.alert is not None
        assert (judgement.alert.action, judgement.alert.alert_id) == (action, alert_id)
        assert judgement.alert.title == subject
        assert judgement.matched


def test_unused_starts_with_every_message_and_ends_with_none() -> None:
    judgement = judge(Settings(), webhook(), name="Hook", default_cause="A webhook was received")
    assert judgement.alert is not None
    assert (judgement.action, judgement.alert.title, judgement.alert.cause, judgement.alert.alert_id) == (
        "started", "Hook", "A webhook was received", None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("target", "body", "said"),
    [
        ("json", b'{"state": "FAIL", ', "Rules look into its JSON, but its body cannot be read as that."),
        ("xml", b"state=FAIL", "Rules look into its XML, but its body cannot be read as that."),
        ("json", b'{"state": "fine"}', ""),
        ("json", b"null", ""),
        ("xml", b"<state>fine</state>", ""),
        ("body", b"fine", ""),
    ],
)
def test_a_body_that_rules_cannot_look_into_is_said_to_be_one(target: str, body: bytes, said: str) -> None:
    rule = Rule(rule_target=target, target_field="state", match_type="contains", content="FAIL")
    settings = Settings(started_rule_type="any", started_rules=(rule,))
    judgement = judge(settings, webhook(body), name="Hook", default_cause="x")
    assert judgement.words.removeprefix("No rule matched, so nothing was done.").strip() == said


def test_other_fields_become_facts_under_their_names() -> None:
    judgement = judge(RULES, mail("host 7 is down"), name="Mails", default_cause="x")
    assert judgement.alert is not None
    assert judgement.alert.facts == {"Sender": "cron@example.com"}
    assert judgement.fields["started_alert_id_field"] == "7"
