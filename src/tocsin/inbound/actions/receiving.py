"""Takes in one message: understands it outside any transaction, then keeps it and acts on it in one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.inbound.actions.alerts import Applied, Counts, Desk, tell_counts
from tocsin.inbound.actions.confirming import CONFIRMATIONS_TOPIC
from tocsin.inbound.model import INCOMING_WEBHOOK, Alert, Integration, Received, ReceivedMail, SourceSettings
from tocsin.inbound.rules import keeping
from tocsin.inbound.rules.joining import clean
from tocsin.inbound.rules.matching import judge
from tocsin.inbound.rules.reading import MailMessage, Message, WebhookMessage
from tocsin.inbound.sources import Unreadable, confirmation_url, own_answer, sources
from tocsin.inbound.store import integrations as shelf
from tocsin.inbound.store import payloads as payload_shelf
from tocsin.storage import Tx

log = structlog.get_logger()

MAX_ALERTS = 2_000
"""Of one message that are acted on; the rest is said in the answer."""
MAX_ALERTS_AT_ONCE = 20
"""Alerts in one transaction: each costs a millisecond of the writer's time, and a page must not wait for thousands."""
MAX_OPEN_CONFIRMATIONS = 20
"""Subscriptions of one integration that wait to be confirmed: more is somebody playing with its address."""
MAX_OUTCOME_CHARACTERS = 1_000
MAX_SAID_CHARACTERS = 3_000
"""Of a message that stand in the story of each incident that it opens."""
UNREAD_ID = "tocsin/unreadable"
"""The alert of messages that could not be read: one for each integration."""
ANSWERED = frozenset({"pagerduty", "opsgenie"})
"""Whose senders are programs that look at the answer, and are refused here as they would be there."""
DEFAULT_CAUSE = "A webhook was received"


class Unread(msgspec.Struct, frozen=True):
    """Why a message could not be understood, in words for whoever set up its sender."""

    words: str
    ours: bool = False
    """Whether the fault is ours: then the sender is told to try again."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says, before anything is done about it."""

    integration_id: int
    revision: int
    """Of the integration by whose settings it was read."""
    kept: dict[str, Any]
    """Its columns on the shelf."""
    alerts: list[Alert] = []
    unread: Unread | None = None
    words: str = ""
    """Why it changes nothing, when there is more to say than that it holds no alert."""
    confirm: str | None = None
    answer: tuple[int, Any] | None = None
    """(HTTP status, JSON) that the sender expects instead of ours."""


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message, durably."""

    state: str
    """`done`; `stale`: the integration has changed since it was read, read it again; `gone`: it exists no more;
    `failed`: kept, but a fault of ours kept us from acting on it."""
    payload_id: int = 0
    outcome: str = ""
    incident_ids: tuple[int, ...] = ()


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a long message has been worked off: what is done of it is durable already."""

    alerts: int = 0
    """So many of its alerts have been acted on."""
    applied: Applied = msgspec.field(default_factory=Applied)
    failed: bool = False
    """Whether a fault of ours kept us from acting on some of them."""
    recorded: Recorded | None = None
    """What became of the message; None: there is more to do."""


def recipient(tx: Tx, token: str) -> Integration | None:
    """Whose token this is."""
    return shelf.find_by_token(tx, token) if token.isascii() and token.isalnum() else None


def read_request(integration: Integration, received: Received) -> Reading:
    """Understand a web request. Never raises for what a sender sends; takes no transaction, for it may take a while."""
    body, truncated = keeping.kept_body(received.body, integration.token)
    kept = {
        "method": received.method,
        "path": keeping.kept_path(received.path, integration.token),
        "query": keeping.without_secrets(received.query, integration.token),
        "headers": keeping.without_secrets(received.headers, integration.token),
        "body": body,
        "truncated": truncated,
    }
    base = Reading(integration_id=integration.id, revision=integration.revision, kept=kept)
    return _understood(base, lambda: _request_read(base, integration, received))


def read_mail(integration: Integration, mail: ReceivedMail) -> Reading:
    """Understand an e-mail by its integration's rules."""
    envelope = (("from", mail.sender), ("to", mail.recipient), ("subject", mail.subject))
    body, truncated = keeping.kept_body(mail.text.encode("utf-8", "replace"), integration.token)
    kept = {
        "method": "MAIL",
        "path": "",
        "query": keeping.without_secrets(envelope, integration.token),
        "headers": keeping.without_secrets(mail.headers, integration.token),
        "body": body,
        "truncated": truncated,
    }
    base = Reading(integration_id=integration.id, revision=integration.revision, kept=kept)
    cause = mail.subject or "An e-mail arrived"
    return _understood(base, lambda: _judged(base, integration, MailMessage(mail), cause))


def record(tx: Tx, readings: Sequence[Reading], base_url: str) -> list[Recorded]:
    """Keep messages and act on what they say, all of it or nothing of it, in their order."""
    counts = Counts()
    known: dict[int, Integration | None] = {}
    desks: dict[int, Desk] = {}
    done = []
    for reading in readings:
        id = reading.integration_id
        if id not in known:
            known[id] = shelf.find(tx, id, None)
        integration = known[id]
        if integration is None:
            done.append(Recorded(state="gone"))
        elif integration.revision != reading.revision:
            done.append(Recorded(state="stale"))
        else:
            desk = desks.get(id) or desks.setdefault(id, Desk(tx, integration, base_url, counts))
            before = counts.copy()
            done.append(_record(tx, integration, reading, desk))
            if done[-1].state == "failed":  # what was remembered of it was undone
                counts.restore(before)
                del desks[id]
    tell_counts(tx, counts)
    return done


def record_part(tx: Tx, reading: Reading, before: Progress, base_url: str) -> Progress:
    """Act on the next alerts of a long message, and keep the message itself with the last of them.

    Its sender is answered after that alone, and sends it again when we are killed in between: what was done already is
    then known and opens nothing twice.
    """
    integration = shelf.find(tx, reading.integration_id, None)
    if integration is None:
        return msgspec.structs.replace(before, recorded=Recorded(state="gone"))
    if integration.revision != reading.revision:
        return msgspec.structs.replace(before, recorded=Recorded(state="stale"))
    counts = Counts()
    alerts = reading.alerts[:MAX_ALERTS]
    upto = min(before.alerts + MAX_ALERTS_AT_ONCE, len(alerts))
    done = _acted(tx, reading, alerts[before.alerts : upto], Desk(tx, integration, base_url, counts))
    if done is not None:
        tell_counts(tx, counts)
    applied, failed = before.applied.plus(done or Applied()), before.failed or done is None
    recorded = None
    if upto == len(alerts):
        recorded = _kept(tx, integration, reading, applied, "failed" if failed else "done")
    return Progress(alerts=upto, applied=applied, failed=failed, recorded=recorded)


def _understood(base: Reading, read: Callable[[], Reading]) -> Reading:
    """What reading gives; whatever goes wrong in it, the message itself is kept."""
    try:
        return read()
    except Unreadable as error:
        return msgspec.structs.replace(base, unread=Unread(error.words))
    except Exception as error:  # a bug of ours must not cost the evidence: it is kept, and the sender tries again
        log.exception("a message could not be read", integration_id=base.integration_id)
        words = f"An error of Tocsin's own ({type(error).__name__})."
        return msgspec.structs.replace(base, unread=Unread(words, ours=True))


def _request_read(base: Reading, integration: Integration, received: Received) -> Reading:
    if integration.kind is INCOMING_WEBHOOK:
        return _judged(base, integration, WebhookMessage(received), DEFAULT_CAUSE)
    source = sources().get(integration.kind.name)
    if source is None:
        raise Unreadable(f"{integration.kind.title} cannot be read here yet.")
    alerts = source.read(received, SourceSettings(alerting_rule=integration.settings.alerting_rule))
    confirm, answer = confirmation_url(source, received), own_answer(source, received, alerts)
    return msgspec.structs.replace(base, alerts=alerts, confirm=confirm, answer=answer)


def _judged(base: Reading, integration: Integration, message: Message, default_cause: str) -> Reading:
    judgement = judge(integration.settings, message, name=integration.name, default_cause=default_cause)
    alerts = [] if judgement.alert is None else [judgement.alert]
    return msgspec.structs.replace(base, alerts=alerts, words=judgement.words)


def _record(tx: Tx, integration: Integration, reading: Reading, desk: Desk) -> Recorded:
    alerts = reading.alerts[:MAX_ALERTS] if reading.unread is None else _told(integration, reading.unread)
    applied = _acted(tx, reading, alerts, desk)
    return _kept(tx, integration, reading, applied or Applied(), "failed" if applied is None else "done")


def _acted(tx: Tx, reading: Reading, alerts: Sequence[Alert], desk: Desk) -> Applied | None:
    """Do what these alerts of a message say; None: a fault of ours kept us from it, and all of it is undone."""
    try:
        with tx.savepoint():
            return desk.apply(alerts, _said(reading))
    except DBAPIError:
        raise  # the database's own trouble: rolled back whole, perhaps run again
    except Exception:
        log.exception("an inbound message could not be acted on", integration_id=reading.integration_id)
        return None


def _told(integration: Integration, unread: Unread) -> list[Alert]:
    """That a message could not be read: it may have been an alert, and many senders look at no answer. It stays open
    until a person ends it: whatever is understood later does not say what this one would have said."""
    if integration.kind.name in ANSWERED and not unread.ours:
        return []
    title = f"{integration.name}: a message could not be read"
    words = unread.words.removesuffix(".")
    cause = f"{words}. It may have been an alert: look at it among the integration's last payloads."
    return [Alert(action="started", alert_id=UNREAD_ID, title=title, cause=cause)]


def _kept(tx: Tx, integration: Integration, reading: Reading, applied: Applied, state: str) -> Recorded:
    outcome = _outcome(reading, applied, state)
    payload_id = payload_shelf.add(
        tx, integration_id=integration.id, outcome=outcome, alerts=len(reading.alerts), **reading.kept
    )
    if reading.confirm and payload_shelf.open_confirmations(tx, integration.id) < MAX_OPEN_CONFIRMATIONS:
        payload_shelf.add_confirmation(tx, integration_id=integration.id, payload_id=payload_id, url=reading.confirm)
        tx.ring(CONFIRMATIONS_TOPIC)
    return Recorded(state=state, payload_id=payload_id, outcome=outcome, incident_ids=tuple(applied.incident_ids))


def _said(reading: Reading) -> str:
    """The beginning of a message as people read it; its secrets are hidden already."""
    text = clean(reading.kept["body"][: 2 * MAX_SAID_CHARACTERS].decode("utf-8", "replace"))
    return text if len(text) <= MAX_SAID_CHARACTERS else text[:MAX_SAID_CHARACTERS] + "\n… (shortened)"


def _outcome(reading: Reading, applied: Applied, state: str) -> str:
    if state == "failed":
        return "A fault of ours kept us from acting on it; the sender was told to try again."
    if reading.unread is not None:
        return clean(f"Not understood: {reading.unread.words}")[:MAX_OUTCOME_CHARACTERS]
    if reading.confirm:
        return "A subscription that waits to be confirmed."
    words = applied.words() if reading.alerts else reading.words or applied.words()
    if len(reading.alerts) > MAX_ALERTS:
        words += f" It held {len(reading.alerts):,}; only the first {MAX_ALERTS:,} were read."
    return words[:MAX_OUTCOME_CHARACTERS]
