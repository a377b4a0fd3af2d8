"""The pager tries itself out: a page that nobody needs, by the same outbox and channels as one that somebody does."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from tocsin.accounts import actions as accounts
from tocsin.kernel.clock import to_wire
from tocsin.notify.actions.planning import queue
from tocsin.notify.actions.recording import line
from tocsin.notify.model import Kind, Notice, State
from tocsin.notify.model.self_tests import SelfTest, Sink
from tocsin.notify.rules import self_tests as rules
from tocsin.notify.store import sending
from tocsin.notify.store import testing as shelf
from tocsin.storage import Tx, events

ALARM_CHANNEL = "email"
"""How the first team hears of a failure when the operator has named nobody to tell."""
MAX_TOLD = 50
"""Members of the first team that are told."""


def tend(
    tx: Tx, sinks: Sequence[Sink], alarms: Sequence[Sink], every: timedelta, with_receipts: Collection[str]
) -> list[SelfTest]:
    """Do what is due: begin tests, look at those under way, tell people of one that failed. Returns all tests.

    `alarms`: who is told; none = the members of the first team by mail. `with_receipts`: the channels whose providers
    tell of arrival.
    """
    team_id = min((team.id for team in accounts.all_teams(tx)), default=None)
    if team_id is None:  # nobody is here yet
        return []
    standing = {test.sink: test for test in shelf.everything(tx)}
    for sink in sinks:
        if sink not in standing:
            shelf.add(tx, sink, tx.now)
    gone = [test.id for sink, test in standing.items() if sink not in sinks]
    if gone:
        shelf.remove(tx, gone)
    for test in shelf.everything(tx):
        if test.due_at > tx.now:
            continue
        if test.delivery_id is None:
            _begin(tx, test, team_id)
        else:
            _look(tx, test, team_id, alarms, every, test.sink.channel in with_receipts)
    return shelf.everything(tx)


def _begin(tx: Tx, test: SelfTest, team_id: int) -> None:
    if not shelf.change(tx, test, due_at=tx.now + rules.LOOK_AGAIN, started_at=tx.now):
        return
    notice = Notice(
        kind=Kind.PAGE,
        incident_id=0,
        team_id=team_id,
        subject="[Tocsin] Pager self-test",
        headline="This is a test of the pager",
        cause="Nothing has happened. Tocsin tries out by itself whether its pages arrive.",
        facts=[("Sent", to_wire(tx.now))],
        thread_key=f"self-test-{test.id}",
        critical=True,  # an allowance that is used up by real pages must not fail the test
    )
    delivery_id = queue(
        tx, notice, user_id=0, channel=test.sink.channel, address=test.sink.address, planned_at=tx.now
    )  # fmt: skip
    shelf.put_delivery(tx, test.id, delivery_id)


def _look(tx: Tx, test: SelfTest, team_id: int, alarms: Sequence[Sink], every: timedelta, receipts: bool) -> None:
    assert test.delivery_id is not None
    row = sending.get(tx, test.delivery_id)
    started_at = test.started_at or tx.now
    found = rules.verdict(None if row is None else row.state, started_at, tx.now, receipts=receipts)
    if found is None:
        shelf.change(tx, test, due_at=tx.now + rules.LOOK_AGAIN)
        return
    passed, why = found
    alarm = not passed and (test.alarmed_at is None or tx.now - test.alarmed_at >= rules.ALARM_AGAIN)
    alarmed_at: datetime | None = None if passed else (tx.now if alarm else test.alarmed_at)
    mine = shelf.change(
        tx,
        test,
        due_at=rules.next_test(passed, started_at, tx.now, every),
        delivery_id=None,
        ended_at=tx.now,
        passed=passed,
        why=why,
        alarmed_at=alarmed_at,
    )
    if not mine:
        return
    if row is not None and row.due_at is not None:  # else every failed test would still ring when the provider is back
        sending.change(tx, row.id, state=State.CANCELLED, due_at=None, in_flight=row.in_flight)
        sending.append(tx, [line(tx, row.id, State.CANCELLED, row.attempts, "the test is over")])
    events.record(
        tx, "self_test.passed" if passed else "self_test.failed", team_id=team_id, resource_type="self_test",
        resource_id=test.id, channel=test.sink.channel, why=why,
    )  # fmt: skip
    if alarm:
        _tell(tx, test, team_id, alarms, f"The pager's test by {test.sink.channel} failed", why)
    elif passed and test.alarmed_at is not None:
        _tell(tx, test, team_id, alarms, f"The pager works again by {test.sink.channel}", why)


def _tell(tx: Tx, test: SelfTest, team_id: int, alarms: Sequence[Sink], headline: str, why: str) -> None:
    notice = Notice(
        kind=Kind.NOTICE,
        incident_id=0,
        team_id=team_id,
        subject=f"[Tocsin] {headline}",
        headline=headline,
        cause=f"{why[:1].upper()}{why[1:]}. It was sent to {test.sink.address}.",
        facts=[("When", to_wire(tx.now))],
        thread_key=f"self-test-{test.id}",
    )
    for alarm in alarms:
        queue(tx, notice, user_id=0, channel=alarm.channel, address=alarm.address, planned_at=tx.now)
    if alarms:
        return
    for member in accounts.members(tx, team_id)[:MAX_TOLD]:
        queue(tx, notice, user_id=member.id, channel=ALARM_CHANNEL, address=member.email, planned_at=tx.now)
