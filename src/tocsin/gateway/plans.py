"""Plan and apply: a deed is looked at first, and done later only if it would still come to the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Column, Index, Table, Text, delete, insert, select, update

from tocsin.gateway.identity import Actor
from tocsin.gateway.preview import AlertShown, Preview, would_be
from tocsin.gateway.request import Reply, Request
from tocsin.kernel.errors import Conflict, NotFound
from tocsin.registry.operation import Caller
from tocsin.storage import Instant, Tx, metadata
from tocsin.storage.tables import Id

GOOD_FOR = timedelta(minutes=15)
"""Longer, and who is on call, and what is broken, is another question."""
KEPT_FOR = timedelta(days=1)
MAX_KEPT = 100
"""Plans of one caller: beyond it the oldest is forgotten. Each may be as large as a request; most are never applied."""
MAX_NAMED = 5
TYPE = "plan"
_MOVING = ("_at", "_ago")
"""How attributes end that are other ones a second later."""

plans = Table(
    "plans",
    metadata,
    Column("id", Id, primary_key=True),
    Column("caller", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=True),
    Index("ix_plans_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)
"""`sealed`: the arguments, and what was seen when it was planned."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A deed that was looked at."""

    id: int
    operation: str
    arguments: dict[str, Any]
    seen: dict[str, str]
    expires_at: datetime


class Applied(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a plan: the answer that the call would have had by itself."""

    plan_id: int
    operation: str
    status: int
    body: msgspec.Raw | None
    undo_id: int | None


def keep(tx: Tx, caller: Caller, operation: str, arguments: Mapping[str, Any], preview: Preview) -> Plan:
    """Remember what was planned and what it would have come to."""
    kept = {"arguments": dict(arguments), "seen": observed(preview)}
    expires_at = tx.now + GOOD_FOR
    id = tx.insert(
        insert(plans).values(
            caller=_key(caller), operation=operation, sealed=tx.vault.seal(msgspec.json.encode(kept).decode()),
            created_at=tx.now, expires_at=expires_at, used_at=None,
        )
    )  # fmt: skip
    _forget_all_but_the_latest(tx, _key(caller))
    return Plan(id=id, operation=operation, expires_at=expires_at, **kept)


def _forget_all_but_the_latest(tx: Tx, caller: str) -> None:
    mine = select(plans.c.id).where(plans.c.caller == caller).order_by(plans.c.id.desc())
    oldest = tx.execute(mine.offset(MAX_KEPT).limit(1)).scalar_one_or_none()
    if oldest is not None:
        tx.execute(delete(plans).where(plans.c.caller == caller, plans.c.id <= oldest))


def take(tx: Tx, actor: Actor, id: int) -> Plan:
    """The plan that this caller has made. Raises NotFound, also for who has not made it; Conflict when it is over."""
    row = tx.execute(select(plans).where(plans.c.id == id, plans.c.caller == actor.key)).first()
    if row is None:
        raise NotFound(TYPE, id)
    if row.used_at is not None:
        raise Conflict("This plan was applied already: make another one")
    if row.expires_at <= tx.now:
        raise Conflict("This plan is older than fifteen minutes: make another one")
    kept = msgspec.json.decode(tx.vault.open(row.sealed))
    return Plan(id=row.id, operation=row.operation, expires_at=row.expires_at, **kept)


def check(plan: Plan, preview: Preview) -> None:
    """Raises Conflict, and says how, when it would not come to the same any more."""
    now = observed(preview)
    if now == plan.seen:
        return
    more = [words for words, value in now.items() if plan.seen.get(words) != value]
    less = [words for words in plan.seen if words not in now]
    told = [f"now: {', '.join(more[:MAX_NAMED])}"] if more else []
    told += [f"no longer: {', '.join(less[:MAX_NAMED])}"] if less else []
    raise Conflict(f"The state has moved since this was planned ({'; '.join(told)}): look again and make another plan")


def used(tx: Tx, plan: Plan) -> None:
    """It was applied: never again."""
    tx.execute(update(plans).where(plans.c.id == plan.id).values(used_at=tx.now))


def applied(tx: Tx, asked: Request, plan: Plan, reply: Reply) -> Reply:
    """The answer to whoever applies a plan: what came of it."""
    used(tx, plan)
    would = would_be(msgspec.structs.replace(reply, body=None))
    value = Applied(
        plan_id=plan.id, operation=plan.operation, status=would.status, body=would.body, undo_id=reply.undo_id
    )
    made = Reply(operation=asked.operation, route=asked.route, value=value, trashed=reply.trashed)
    return made if asked.render is None else msgspec.structs.replace(made, body=asked.render(made))


def prune(tx: Tx) -> int:
    """Forget plans that are long over; returns how many."""
    return tx.execute(delete(plans).where(plans.c.expires_at <= tx.now - KEPT_FOR)).rowcount


def observed(preview: Preview) -> dict[str, str]:
    """What a rehearsal has shown, in words that can be compared: without ids, instants and secrets."""
    seen = {f"answers {preview.would.status}": ""}
    seen |= {f"records {change.event}": "" for change in preview.changes}
    seen |= {f"pages {_whom(alert)} now": "" for alert in preview.wakes_now}
    seen |= {f"pages {_whom(alert)} next": "" for alert in preview.wakes_next}
    seen |= {f"tells {_whom(alert)}": "" for alert in (*preview.tells, *preview.posts_to)}
    seen |= {f"takes back what was for {_whom(alert)}": "" for alert in preview.takes_back}
    seen |= {f"mails the subscribers of {each.page}": f"{each.mails}" for each in preview.mails_subscribers}
    seen |= {f"calls the webhook {call.name}": "" for call in preview.webhooks}
    return seen | _attributes(preview)


def _attributes(preview: Preview) -> dict[str, str]:
    """The record as it would be; of what would be made anew, every attribute is as it was asked for."""
    if preview.would.status != 200 or preview.would.body is None:
        return {}
    body = msgspec.json.decode(preview.would.body)
    data = body.get("data") if isinstance(body, dict) else None
    attributes = data.get("attributes", {}) if isinstance(data, dict) else {}
    return {
        f"{name} is another": hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
        for name, value in attributes.items()
        if not name.endswith(_MOVING)
    }


def _whom(alert: AlertShown) -> str:
    return f"{alert.recipient or alert.address} by {alert.channel}"


def _key(caller: Caller) -> str:
    return f"{caller.kind}:{caller.id}"
