"""A dry run: what a call would do and whom it would wake, found out by doing it and undoing it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from tocsin.gateway import effects as measure
from tocsin.gateway.effects import Alert, Effects
from tocsin.gateway.request import Reply
from tocsin.gateway.trash import Item
from tocsin.kernel.clock import to_wire
from tocsin.kernel.vault import HIDDEN
from tocsin.status_pages.actions.foreseeing import Mailing, go_on
from tocsin.storage import Tx

T = TypeVar("T")

MAX_SHOWN = 200
"""Lines of one kind in an answer; the numbers beside them count all."""

_BY = {
    "email": "e-mail",
    "sms": "text message",
    "call": "phone call",
    "push": "push notification",
}


class Would(msgspec.Struct, frozen=True, kw_only=True):
    """The answer that the call would have had."""

    status: int
    body: msgspec.Raw | None


class AlertShown(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one person or place."""

    at: str
    kind: str
    channel: str
    recipient: str
    address: str
    incident_id: int | None
    user_id: int | None
    target_id: int | None
    critical: bool
    timezone: str | None
    local_time: str | None
    night: bool


class MailingShown(msgspec.Struct, frozen=True, kw_only=True):
    """What the subscribers of a status page would be told of."""

    status_page_id: int
    page: str
    status_update_id: int | None
    at: str
    mails: int
    others: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a call would have done. Ids and times of what it would make are those it would have had just now."""

    dry_run: bool = True
    summary: Sequence[str]
    """The same in sentences."""
    would: Would
    changes: Sequence[measure.Change]
    """The events that would be recorded."""
    wakes_now: Sequence[AlertShown]
    wakes_next: Sequence[AlertShown]
    """Who would be paged later if nobody answered."""
    tells: Sequence[AlertShown]
    posts_to: Sequence[AlertShown]
    takes_back: Sequence[AlertShown]
    mails_subscribers: Sequence[MailingShown]
    webhooks: Sequence[measure.WebhookCall]
    pages: int
    night_calls: int
    subscriber_mails: int
    undoable: bool
    """Whether what would be deleted could be had back from the trash."""
    not_kept: Sequence[str]
    """Tables of which too much would be deleted to be kept: that would not come back."""


class _Undo(Exception):
    """Thrown to make the savepoint give everything up."""


def rehearse(tx: Tx, deed: Callable[[], T]) -> tuple[T, Effects]:
    """Do it, look at what it did, and undo it: no row, no bell, no idempotency key is left. Raises what `deed` raises.

    The ids that PostgreSQL would have given are skipped: its sequences are not undone.
    """
    found: list[tuple[T, Effects]] = []
    try:
        with tx.savepoint():
            since = measure.before(tx)
            reply = deed()
            go_on(tx)
            found.append((reply, measure.effects(tx, since)))
            raise _Undo
    except _Undo:
        return found[0]


def shown(would: Would, effects: Effects, trashed: Item | None = None) -> Preview:
    """A rehearsal as the caller reads it."""
    return Preview(
        summary=sentences(effects),
        would=would,
        changes=effects.changes[:MAX_SHOWN],
        wakes_now=_alerts(effects.woken_now),
        wakes_next=_alerts(effects.woken_next),
        tells=_alerts(effects.told),
        posts_to=_alerts(effects.posted),
        takes_back=_alerts(effects.taken_back),
        mails_subscribers=[_mailing(mailing) for mailing in effects.mailings[:MAX_SHOWN]],
        webhooks=effects.webhooks[:MAX_SHOWN],
        pages=effects.pages,
        night_calls=effects.night_calls,
        subscriber_mails=effects.subscriber_mails,
        undoable=trashed is not None,
        not_kept=() if trashed is None else trashed.lacking,
    )


def without_addresses(effects: Effects) -> Effects:
    """The same for a caller who may not see how people are reached."""

    def bare(alerts: Sequence[Alert]) -> list[Alert]:
        return [msgspec.structs.replace(each, address=HIDDEN) if each.user_id else each for each in alerts]

    return msgspec.structs.replace(
        effects, woken_now=bare(effects.woken_now), woken_next=bare(effects.woken_next), told=bare(effects.told),
        taken_back=bare(effects.taken_back),
    )  # fmt: skip


def for_approval(effects: Effects, about: str | None) -> dict[str, Any]:
    """What whoever approves a call is told of it, and what it is held against when it is made."""
    people = [each for each in (*effects.woken_now, *effects.woken_next) if each.user_id]
    return {
        "words": " ".join(sentences(effects)),
        "about": about,
        "wakes": sorted({_whom(alert) for alert in people})[:MAX_SHOWN],
        "pages": effects.pages,
        "night_calls": effects.night_calls,
        "subscriber_mails": effects.subscriber_mails,
    }


def would_be(reply: Reply) -> Would:
    """The answer as the surface would have given it; where that draws none (None), as the registry has it."""
    operation, value, body = reply.operation, reply.value, reply.body
    resource = reply.route.resource or operation.resource
    if operation.media is not None or operation.errand is not None:  # what an errand is sent with is no answer
        body = b""
    elif body is None and value is not None:
        one = operation.answer == "one" and resource is not None
        if one and resource is not None:
            value = {"data": resource.envelope(value, reply.hidden.get(resource.type, ()))}
        body = msgspec.json.encode(value)
    return Would(status=reply.status, body=msgspec.Raw(body) if body else None)


def sentences(effects: Effects) -> list[str]:
    """What it would do to people, for people: the preview of an approval, the answer of a dry run."""
    said = [
        f"{'Wakes' if alert.night else 'Pages'} {_whom(alert)}{_when(alert, 'now')}."
        for alert in _loudest_first(effects.woken_now)
    ]
    following = effects.woken_next[:1]
    said += [f"If nobody answers, pages {_whom(alert)} next{_when(alert, '')}." for alert in following]
    said += [f"Posts to {name}." for name in _names(effects.posted)]
    said += [f"Tells {name}." for name in _names(effects.told)]
    said += [f"Takes back what was to be sent to {name}." for name in _names(effects.taken_back)]
    said += [_mailed(mailing) for mailing in effects.mailings]
    said += [f"Calls the webhook {name}." for name in dict.fromkeys(call.name for call in effects.webhooks)]
    return said[:MAX_SHOWN] or ["Wakes nobody, mails nobody, posts nowhere."]


def _alerts(alerts: Sequence[Alert]) -> list[AlertShown]:
    return [
        AlertShown(**{**msgspec.structs.asdict(alert), "at": to_wire(alert.at)}) for alert in alerts[:MAX_SHOWN]
    ]  # fmt: skip


def _mailing(mailing: Mailing) -> MailingShown:
    return MailingShown(**{**msgspec.structs.asdict(mailing), "at": to_wire(mailing.at)})


def _loudest_first(alerts: Iterable[Alert]) -> list[Alert]:
    return sorted(alerts, key=lambda alert: (not alert.night, alert.channel != "call"))


def _whom(alert: Alert) -> str:
    return f"{alert.recipient or alert.address} by {_BY.get(alert.channel, alert.channel)}"


def _when(alert: Alert, instant: str) -> str:
    """E.g. ` now, at 03:15 where they are`."""
    if alert.local_time is None:
        return f" {instant}" if instant else f" at {_minute(alert.at)} UTC"
    wall = datetime.fromisoformat(alert.local_time)
    return f"{' ' + instant + ',' if instant else ''} at {_minute(wall)} where they are"


def _minute(at: datetime) -> str:
    return at.strftime("%H:%M")


def _names(alerts: Iterable[Alert]) -> list[str]:
    return list(dict.fromkeys(f"{alert.recipient or alert.address} ({alert.channel})" for alert in alerts))


def _mailed(mailing: Mailing) -> str:
    others = f" and tells {mailing.others:,} others" if mailing.others else ""
    return f"Mails {mailing.mails:,} subscribers of the status page {mailing.page}{others}."
