"""A claimed delivery becomes what its channel needs to know: the words, the secrets, and what it hangs on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from tocsin.notify.actions import targets
from tocsin.notify.actions.answering import answer_token, answer_url, state_url
from tocsin.notify.actions.recording import notice_in
from tocsin.notify.model import Kind, Message, Notice
from tocsin.notify.store import sending as shelf
from tocsin.storage import Tx

Parents = Mapping[tuple[int, int, int, str], tuple[str | None, int]]
"""(the provider's id of the first message, our id of the newest) by (incident, person, target, channel)."""
ASKING = (Kind.PAGE, Kind.ACKNOWLEDGED)
"""What may ask for an answer: a page, and the news that an agent has taken it on, which a person is to confirm."""
NEWS = (Kind.ACKNOWLEDGED, Kind.RESOLVED)
"""What is never planned for later: once it is queued, everything older is history."""
UNNAMED = frozenset({"email"})
"""Channels whose servers give no message a name that could be used later: nothing to look up."""


def parents(tx: Tx, rows: Sequence[Row[Any]]) -> Parents:
    """What the messages of these deliveries hang on."""
    channels = {row.channel for row in rows} - UNNAMED
    incidents = {row.incident_id for row in rows if row.incident_id and row.channel in channels}
    found: dict[tuple[int, int, int, str], tuple[str | None, int]] = {}
    if incidents:
        for row in shelf.parents(tx, incidents, channels, NEWS):
            key = (row.incident_id, row.user_id, row.target_id, row.channel)
            first, _ = found.get(key, (None, 0))
            found[key] = (first or row.provider_id, row.id)
    return found


def message(
    tx: Tx, row: Row[Any], base_url: str, *, notice: Notice | None = None, hangs_on: Parents | None = None
) -> Message:  # fmt: skip
    """The message of a claimed delivery. `notice`: other words than those it was queued with."""
    notice = notice or _opened(tx, notice_in(row))
    thread = notice.thread_key or f"incident-{row.incident_id}"
    asks = row.kind in ASKING and bool(notice.actions)
    if row.incident_id:
        # The personal link shows the incident as well as it answers: nobody has to sign in to see why they were woken.
        url = "" if asks or row.kind == Kind.DIGEST else answer_url(tx, base_url, row.id)
        notice = msgspec.structs.replace(notice, url=url)
    target = targets.find(tx, row.target_id) if row.target_id else None
    parent, newest = (hangs_on or {}).get((row.incident_id, row.user_id, row.target_id, row.channel), (None, 0))
    return Message(
        delivery_id=row.id,
        attempt=row.attempts,
        channel=row.channel,
        address=row.address,
        endpoint=endpoint_of(tx, row),
        recipient=row.recipient,
        notice=notice,
        key=f"delivery-{row.id}-{tx.vault.sign(f'delivery:{row.id}')[:12]}",
        thread=f"{thread}-{tx.vault.sign(f'thread:{thread}')[:12]}",
        answer_url=answer_url(tx, base_url, row.id) if asks else None,
        at=tx.now,
        answer_token=answer_token(tx, row.id) if asks or notice.question_id else None,
        code=row.code if asks else None,
        state_url=state_url(tx, base_url, row.id),
        target=targets.settings_of(tx, row.target_id) if row.target_id else None,
        target_name=target.name if target is not None else "",
        parent=row.provider_id if row.kind == Kind.CALL_OFF else parent,
        place=(row.user_id, row.target_id),
        late=newest > row.id,
    )


def endpoint_of(tx: Tx, row: Row[Any]) -> str:
    """Where a delivery really goes, in the clear."""
    if not row.endpoint:
        return str(row.address)
    try:
        return tx.vault.open(row.endpoint)
    except ValueError:  # sealed with a key that is lost: nothing can be sent there, the channel says so and gives up
        return ""


def _opened(tx: Tx, notice: Notice) -> Notice:
    """The notice with its secret in place."""
    if not notice.secret:
        return notice
    try:
        opened = tx.vault.open(notice.secret)
    except ValueError:  # sealed with a key that is lost: the message says at least what it was about
        opened = "(lost)"
    texts = {
        name: getattr(notice, name).replace("{secret}", opened) for name in ("subject", "headline", "cause", "url")
    }
    return msgspec.structs.replace(notice, secret="", **texts)
