"""Messages are planned, renewed and taken back, in the transaction of what they are about."""

from __future__ import annotations

from datetime import datetime

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import NotFound
from tocsin.notify import rules
from tocsin.notify.actions import calling_off
from tocsin.notify.actions.recording import line
from tocsin.notify.model import Kind, Notice, Paged, State
from tocsin.notify.store import holding as held
from tocsin.notify.store import sending as shelf
from tocsin.storage import Tx

DELIVERIES_TOPIC = "deliveries"
"""Rung when there may be something to send."""
SMS = "sms"
"""The channel whose pages carry a code to answer with."""
CODE_TRIES = 200
"""Codes that are tried for one that the person does not have in an open page: nobody has thousands of those."""


def queue(
    tx: Tx,
    notice: Notice,
    *,
    user_id: int,
    channel: str,
    address: str,
    planned_at: datetime,
    target_id: int = 0,
    endpoint: str | None = None,
) -> int | None:
    """Plan a message in the transaction of its cause; returns its id, or None when it is planned already.

    It goes to a person (`user_id`) or to a team's target (`target_id`; then `user_id` is 0). `address` is what may be
    shown; `endpoint` is what the channel really uses when that is a secret, and is kept sealed. It is sent at
    `planned_at`, or at once when that is past; until then `cancel` takes it back. The same (incident, person or target,
    instant, channel, kind, address, endpoint) is one message however often it is planned. One that was cancelled
    meanwhile is wanted again, and goes out.
    """
    kind = str(notice.kind)
    sealed = tx.vault.seal(endpoint) if endpoint and endpoint != address else ""
    return _plan(
        tx,
        notice,
        user_id=user_id,
        target_id=target_id,
        channel=channel,
        address=address,
        planned_at=planned_at,
        kind=kind,
        endpoint=sealed,
        distinct_key=_distinct_key(tx, notice, endpoint if sealed else None),
    )


def queue_again(tx: Tx, notice: Notice, whom: Paged, planned_at: datetime) -> int | None:
    """Plan another message that goes exactly where an earlier one went."""
    try:
        endpoint = tx.vault.open(whom.endpoint) if whom.endpoint else None
    except ValueError:  # sealed with a key that is lost: nobody can reach it any more
        return None
    return queue(
        tx,
        notice,
        user_id=whom.user_id,
        channel=whom.channel,
        address=whom.address,
        planned_at=planned_at,
        target_id=whom.target_id,
        endpoint=endpoint,
    )


def renew(tx: Tx, notice: Notice) -> None:
    """What pages of this incident have to say has changed: those that have not arrived yet say the new thing."""
    shelf.renew_pages(tx, notice.incident_id, notice)


def cancel(tx: Tx, incident_id: int, reason: str) -> int:
    """Take back the pages of an incident that are still to be sent, whenever they were planned for and wherever they
    go; returns how many. One in flight may arrive. What still rings or repeats itself is called off at once.

    `reason`: in words, who did what, e.g. `Bob acknowledged the incident`.
    """
    if calling_off.call_off(tx, incident_id, reason):
        tx.ring(DELIVERIES_TOPIC)
    cancelled = shelf.cancel_pages(tx, incident_id)
    shelf.append(tx, [line(tx, row.id, State.CANCELLED, row.attempts, reason) for row in cancelled])
    untold = held.cancel_held(tx, incident_id)
    shelf.append(tx, [line(tx, id, State.HELD, 0, f"told in no digest, because {reason}") for id in untold])
    shelf.close_pages(tx, incident_id)
    return len(cancelled) + len(untold)


def _plan(
    tx: Tx,
    notice: Notice,
    *,
    user_id: int,
    target_id: int,
    channel: str,
    address: str,
    planned_at: datetime,
    kind: str,
    endpoint: str,
    distinct_key: str,
) -> int | None:
    due_at = max(planned_at, tx.now)
    watch_at = planned_at + rules.ACCEPTED_WITHIN if kind == Kind.PAGE and notice.incident_id else None
    standing = shelf.planned(
        tx, incident_id=notice.incident_id, user_id=user_id, target_id=target_id, planned_at=planned_at,
        channel=channel, kind=kind, address=address, distinct_key=distinct_key,
    )  # fmt: skip
    if standing is not None and standing.state != State.CANCELLED:
        return None
    tx.ring(DELIVERIES_TOPIC)
    if standing is not None:
        shelf.revive(tx, standing.id, notice=notice, due_at=due_at, watch_at=watch_at)
        shelf.append(tx, [line(tx, standing.id, State.QUEUED, standing.attempts, "")])
        return int(standing.id)
    id = shelf.add(
        tx,
        team_id=notice.team_id,
        incident_id=notice.incident_id,
        user_id=user_id,
        recipient=_name_of(tx, user_id) if user_id else "",
        target_id=target_id,
        channel=channel,
        address=address,
        endpoint=endpoint,
        distinct_key=distinct_key,
        kind=kind,
        urgency=rules.urgency(kind),
        critical=notice.critical,
        notice=notice,
        planned_at=planned_at,
        state=State.QUEUED,
        attempts=0,
        in_flight=False,
        due_at=due_at,
        watch_at=watch_at,
        code=_code(tx, notice, user_id, channel),
        open=True,
    )
    shelf.append(tx, [line(tx, id, State.QUEUED, 0, "")])
    return id


def _distinct_key(tx: Tx, notice: Notice, endpoint: str | None) -> str:
    """Two browsers may have one name, and two messages about no incident one instant: they are not the same."""
    if endpoint is None and notice.incident_id:
        return ""
    about = "" if notice.incident_id else f"{notice.subject}\n{notice.cause}\n{notice.secret}"
    return tx.vault.sign(f"distinct:{endpoint or ''}\n{about}")


def _code(tx: Tx, notice: Notice, user_id: int, channel: str) -> str | None:
    """Four digits for the answer to a text message: the same for every page of one incident to one person."""
    if channel != SMS or notice.kind != Kind.PAGE or not notice.actions or not user_id:
        return None
    given = shelf.codes(tx, user_id)
    if notice.incident_id in given:
        return given[notice.incident_id]
    taken = set(given.values())
    for attempt in range(CODE_TRIES):
        signature = tx.vault.sign(f"code:{notice.incident_id}:{user_id}:{attempt}")
        code = f"{int(signature, 16) % 10_000:04d}"
        if code not in taken:
            return code
    return None


def _name_of(tx: Tx, user_id: int) -> str:
    try:
        return accounts.user(tx, user_id).name
    except NotFound:  # left since the plan was made; the page still goes to the address it was planned for
        return ""
