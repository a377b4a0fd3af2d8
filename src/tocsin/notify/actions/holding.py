"""Pages beyond what a person, or a team, may get are held back, and stand in one message: the digest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import NotFound
from tocsin.notify import rules
from tocsin.notify.actions.answering import answer_url
from tocsin.notify.actions.composing import message
from tocsin.notify.actions.planning import queue
from tocsin.notify.actions.recording import line, notice_in, writable
from tocsin.notify.model import Kind, Limits, Message, Notice, State
from tocsin.notify.store import holding as held
from tocsin.notify.store import sending as shelf
from tocsin.storage import Tx

PERSONAL = frozenset({"email", "sms", "call", "push"})
"""Channels by which only people are reached: no place's pace needs to be asked for."""
DIGEST_CHANNEL = "email"
"""By which digests go, whatever was held back: everybody has an address, and it costs nothing."""


def hold_back(tx: Tx, channel: str, limit: int, limits: Limits) -> None:
    """Hold back what is due by this channel and goes beyond what a person, or a team, may get."""
    urgency = rules.urgency(Kind.PAGE)
    _pace(tx, channel, urgency, limit)
    if limits.pages_per_hour:
        fresh = held.fresh_pages(tx, channel, urgency, limit)
        since = tx.now - rules.ALLOWANCE_TIME
        most = limits.pages_per_hour
        left = {id: most - held.charged(tx, id, since, most) for id in {row.user_id for row in fresh}}
        may = rules.allowed(left, [(row.id, row.user_id) for row in fresh])
        why = f"{most} pages within an hour are the most that one person gets"
        for user_id in sorted({row.user_id for row in fresh if row.id not in may}):
            _hold(tx, held.hold(tx, channel, urgency, but=may, user_id=user_id, team_id=None), why)
    most = limits.of_team(channel)
    if most:
        fresh = held.fresh_pages(tx, channel, urgency, limit)
        since = tx.now - rules.BUDGET_TIME
        teams = {row.team_id for row in fresh}
        left = {id: most - held.charged_to_team(tx, id, channel, since, most) for id in teams}
        may = rules.allowed(left, [(row.id, row.team_id) for row in fresh])
        why = f"{most} a day are the most that one team sends by this channel"
        for team_id in sorted({row.team_id for row in fresh if row.id not in may}):
            _hold(tx, held.hold(tx, channel, urgency, but=may, user_id=None, team_id=team_id), why)


def digest(tx: Tx, row: Row[Any], base_url: str) -> Message | None:
    """A digest as it is sent: what stands in it is fixed with its first attempt. None: nothing is held any more."""
    latest = held.latest_digest(tx, row.user_id)
    if latest is None or latest.delivery_id != row.id or not latest.open:
        return message(tx, row, base_url)
    number = held.close_digest(tx, row.id, row.user_id)
    if number == 0:
        shelf.change(tx, row.id, state=State.CANCELLED, due_at=None, in_flight=False)
        shelf.append(tx, [line(tx, row.id, State.CANCELLED, row.attempts, "nothing is held back any more")])
        return None
    listed = held.in_digest(tx, row.id, rules.DIGEST_LISTS)
    facts = [
        (notice_in(page).headline, answer_url(tx, base_url, page.id)) for page in listed
    ]  # fmt: skip
    if number > len(listed):
        facts.append(("And", f"{number - len(listed)} more"))
    more = f"{number} more page" + ("" if number == 1 else "s")
    given = notice_in(row)
    notice = msgspec.structs.replace(
        given,
        subject=f"[Tocsin] And {more}",
        headline=f"And {more}",
        cause="You have had so many pages lately that the others are listed here, each with the link to answer.",
        facts=facts,
    )
    shelf.set_notice(tx, row.id, notice)
    return message(tx, row, base_url, notice=notice)


def told(tx: Tx, digest_id: int, detail: str) -> None:
    """A digest was accepted: so were the pages that stand in it."""
    text = writable(f"told in a digest, {detail}")
    held.append_to_all_in(tx, digest_id, State.HELD, text)


def let_go(tx: Tx, digest_id: int) -> None:
    """A digest will never arrive: its pages go out by themselves after all."""
    held.append_to_all_in(tx, digest_id, State.QUEUED, "")
    held.let_go(tx, digest_id)


def mail_address_of(tx: Tx, user_id: int) -> str:
    """Where a person gets mail; empty when they have left."""
    try:
        return accounts.user(tx, user_id).email
    except NotFound:  # no mail can reach them: what goes there is given up, and what it holds is let go
        return ""


def _pace(tx: Tx, channel: str, urgency: int, limit: int) -> None:
    """What goes beyond the pace that a place bears waits for the next minute, in order."""
    if channel in PERSONAL:
        return
    due = held.due_to_targets(tx, channel, urgency, limit)
    if not due:
        return
    most, since = rules.TARGET_MESSAGES_PER_MINUTE, tx.now - rules.TARGET_TIME
    left = {id: most - held.charged_to_target(tx, id, since, most) for id in {row.target_id for row in due}}
    may = rules.allowed(left, [(row.id, row.target_id) for row in due])
    for target_id in {row.target_id for row in due if row.id not in may}:
        held.put_off(tx, channel, urgency, target_id, but=may, due_at=tx.now + rules.TARGET_TIME)


def _hold(tx: Tx, pages: Sequence[Row[Any]], why: str) -> None:
    """Write down why, and see to it that each person gets a digest: the first at once, others now and then."""
    shelf.append(tx, [line(tx, row.id, State.HELD, 0, f"{why}; it stands in a digest") for row in pages])
    for row in {row.user_id: row for row in reversed(pages)}.values():  # the first of each person
        latest = held.latest_digest(tx, row.user_id)
        if latest is not None and latest.open:
            continue
        planned_at = tx.now if latest is None else max(tx.now, latest.planned_at + rules.DIGEST_EVERY)
        address = row.address if row.channel == DIGEST_CHANNEL else mail_address_of(tx, row.user_id)
        notice = Notice(kind=Kind.DIGEST, incident_id=row.incident_id, team_id=row.team_id, subject="", headline="",
                        cause="", thread_key=f"digest-{row.user_id}")  # fmt: skip
        id = queue(
            tx, notice, user_id=row.user_id, channel=DIGEST_CHANNEL, address=address, planned_at=planned_at
        )  # fmt: skip
        if id is not None:
            held.put_digest(tx, row.user_id, id, planned_at)
