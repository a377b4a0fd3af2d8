"""How a person is reached: a table of cases, and what holds whatever they have set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.contacts.model import CHANNELS, Kind, Method, Person, QuietHours, Reach, Rule, RuleStep
from tocsin.contacts.rules import ALWAYS, reach

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""A Monday."""
NIGHT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
EVERYTHING = frozenset(channel for channels in CHANNELS.values() for channel in channels)
ALL = ("call", "sms", "email", "push")
MAIL = "ann@example.com"
PHONE = "+420777123456"


def method(id: int, kind: Kind, address: str, *, verified: bool = True, gone: bool = False) -> Method:
    return Method(
        id=id, user_id=1, kind=kind, label="", address=address, verified_at=NOON if verified else None,
        retired_at=NOON if gone else None, created_at=NOON, updated_at=NOON,
    )  # fmt: skip


def rule(*steps: tuple[str, int], urgency_id: int | None = None, method_id: int | None = None) -> Rule:
    planned = tuple(RuleStep(channel=channel, contact_method_id=method_id, after_seconds=at) for channel, at in steps)
    return Rule(id=1, user_id=1, urgency_id=urgency_id, steps=planned, created_at=NOON, updated_at=NOON)


def quiet(time_from: str = "22:00", time_to: str = "07:00", days: Sequence[str] = ("mon",)) -> QuietHours:
    return QuietHours(
        id=1, user_id=1, timezone="UTC", days=tuple(days), time_from=time_from, time_to=time_to, created_at=NOON,
        updated_at=NOON,
    )  # fmt: skip


def ann(*parts: Method | Rule | QuietHours) -> Person:
    return Person(
        user_id=1,
        name="Ann",
        email=MAIL,
        methods=tuple(each for each in parts if isinstance(each, Method)),
        rules=tuple(each for each in parts if isinstance(each, Rule)),
        quiet_hours=tuple(each for each in parts if isinstance(each, QuietHours)),
    )


PHONE_METHOD = method(1, Kind.PHONE, PHONE)
PIXEL = method(2, Kind.PUSH, "Pixel (push)")
NTFY = method(3, Kind.NTFY, "ntfy.sh/…abcd")


@pytest.mark.parametrize(
    ("person", "wanted", "told", "at", "sent"),
    [
        (ann(), ALL, {}, NOON, ["email 0"]),
        (ann(PHONE_METHOD), ALL, {}, NOON, ["call 0", "sms 0", "email 0"]),
        (ann(PHONE_METHOD, PIXEL, NTFY), ("push",), {}, NOON, ["push 0", "ntfy 0"]),
        (ann(method(1, Kind.PHONE, PHONE, verified=False)), ("call", "sms"), {}, NOON, ["email 0"]),
        (ann(method(2, Kind.PUSH, "Pixel", gone=True)), ("push",), {}, NOON, ["email 0"]),
        (ann(PHONE_METHOD), ("call",), {"available": {"email"}}, NOON, ["email 0"]),
        (ann(PHONE_METHOD), (), {}, NOON, ["email 0"]),
        # Their own rules stand in the place of what the severity says …
        (ann(PHONE_METHOD, PIXEL, rule(("push", 0), ("call", 120))), ("email",), {}, NOON, ["push 0", "call 120"]),
        (ann(PHONE_METHOD, rule(("sms", 0), urgency_id=7)), ("call",), {"urgency_id": 7}, NOON, ["sms 0"]),
        (ann(PHONE_METHOD, rule(("sms", 0), urgency_id=7)), ("call",), {"urgency_id": 8}, NOON, ["call 0"]),
        (ann(PHONE_METHOD, rule(("sms", 0), urgency_id=7)), ("call",), {}, NOON, ["call 0"]),
        # … for as long as something in them works, and then without waiting for what does not.
        (ann(PHONE_METHOD, rule(("push", 0), ("call", 120))), ("email",), {}, NOON, ["call 0"]),
        (ann(PHONE_METHOD, rule(("push", 0))), ("sms",), {}, NOON, ["sms 0"]),
        (ann(PIXEL, rule(("push", 0), method_id=9)), ("sms",), {}, NOON, ["email 0"]),
        (ann(rule(("email", 0), method_id=0)), ("sms",), {}, NOON, ["email 0"]),
        # Quiet hours leave an e-mail of what is not critical; what comes after them comes as it would.
        (ann(PHONE_METHOD, PIXEL, quiet()), ALL, {}, NIGHT, ["email 0"]),
        (ann(PHONE_METHOD, quiet()), ALL, {"critical": True}, NIGHT, ["call 0", "sms 0", "email 0"]),
        (ann(PHONE_METHOD, quiet()), ("call",), {}, NIGHT, ["email 0"]),
        (ann(PHONE_METHOD, quiet()), ("call",), {}, NOON, ["call 0"]),
        (ann(PHONE_METHOD, quiet()), ("call",), {}, NIGHT + timedelta(hours=8), ["call 0"]),
        (
            ann(PHONE_METHOD, PIXEL, quiet(), rule(("push", 0), ("call", 36_000))), (), {}, NIGHT,
            ["email 0", "call 36000"],
        ),
    ],
)  # fmt: skip
def test_who_is_reached_how(
    person: Person, wanted: Sequence[str], told: dict[str, object], at: datetime, sent: list[str]
) -> None:
    options = {"urgency_id": None, "critical": False, "available": EVERYTHING, **told}
    reached = reach(person, wanted, at=at, **options)  # type: ignore[arg-type]
    assert [f"{each.channel} {each.after_seconds}" for each in reached.messages] == sent


def test_it_says_why_it_is_only_an_email() -> None:
    told = reach(ann(), ("call", "push"), urgency_id=None, critical=False, at=NOON, available=EVERYTHING)
    assert told.remarks == (
        "Ann has no verified phone number",
        "Ann has no device for push notifications",
        "Ann gets an e-mail instead",
    )
    cannot = reach(ann(PHONE_METHOD), ("sms",), urgency_id=None, critical=False, at=NOON, available=())
    assert cannot.remarks == ("This Tocsin cannot send text messages", "Ann gets an e-mail instead")
    asleep = reach(
        ann(quiet(), PHONE_METHOD), ("sms",), urgency_id=None, critical=False, at=NIGHT, available=EVERYTHING
    )
    assert asleep.remarks == ("Ann has quiet hours until 2026-03-03 07:00 UTC: an e-mail alone",)


def test_every_address_of_a_channel_is_used_and_a_secret_stays_beside_what_is_shown() -> None:
    second = method(4, Kind.EMAIL, "ann.private@example.com")
    hidden = Method(
        id=5, user_id=1, kind=Kind.NTFY, label="", address="ntfy.sh/…wxyz", endpoint="https://ntfy.sh/secret-wxyz",
        verified_at=NOON, created_at=NOON, updated_at=NOON,
    )  # fmt: skip
    told = reach(
        ann(second, hidden), ("email", "push"), urgency_id=None, critical=False, at=NOON, available=EVERYTHING
    )  # fmt: skip
    assert told.messages == (
        Reach(channel="email", address=MAIL),
        Reach(channel="email", address="ann.private@example.com"),
        Reach(channel="ntfy", address="ntfy.sh/…wxyz", endpoint="https://ntfy.sh/secret-wxyz"),
    )


_methods = st.builds(
    method, st.integers(1, 4), st.sampled_from([*Kind]), st.sampled_from(["a", "b"]), verified=st.booleans(),
    gone=st.booleans(),
)  # fmt: skip
_steps = st.lists(st.tuples(st.sampled_from(sorted(EVERYTHING)), st.integers(0, 90_000)), min_size=1, max_size=4)
_rules = st.builds(
    lambda steps, urgency, id: rule(*steps, urgency_id=urgency, method_id=id),
    _steps,
    st.sampled_from([None, 1]),
    st.sampled_from([None, 0, 1, 2]),
)
_times = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
_quiets = st.builds(quiet, _times, _times, st.lists(st.sampled_from(["mon", "tue", "sun"]), min_size=1))
_people = st.builds(ann).flatmap(
    lambda _: st.lists(st.one_of(_methods, _rules, _quiets), max_size=8).map(lambda parts: ann(*parts))
)


@pytest.mark.slow
@given(
    person=_people,
    wanted=st.lists(st.sampled_from(ALL), unique=True),
    urgency_id=st.sampled_from([None, 1, 2]),
    minutes=st.integers(0, 10_080),
    available=st.frozensets(st.sampled_from(sorted(EVERYTHING))),
)
def test_nobody_is_ever_without_a_message_at_once_and_nothing_weakens_a_critical_alert(
    person: Person, wanted: list[str], urgency_id: int | None, minutes: int, available: frozenset[str]
) -> None:
    at = NOON + timedelta(minutes=minutes)

    def told(critical: bool, who: Person = person) -> tuple[Reach, ...]:
        return reach(who, wanted, urgency_id=urgency_id, critical=critical, at=at, available=available).messages

    for messages in (told(True), told(False)):
        assert messages[0].after_seconds == 0
        assert [each.after_seconds for each in messages] == sorted(each.after_seconds for each in messages)
        assert {each.channel for each in messages} <= available | ALWAYS
        proven = {each.address for each in person.methods if each.works} | {MAIL}
        assert {each.address for each in messages} <= proven
    awake = ann(*person.methods, *person.rules)
    assert told(True) == told(True, awake) == told(False, awake)
    asleep = [each for each in told(False) if each.channel != "email"]
    assert all(each in told(True) for each in asleep)
