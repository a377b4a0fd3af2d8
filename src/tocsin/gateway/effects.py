"""What a deed does to people: who is woken by it now and next, how many are mailed, and where it is posted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

import msgspec

from tocsin.contacts import actions as contacts
from tocsin.contacts import rules as contact_rules
from tocsin.contacts.model import QuietHours
from tocsin.incidents import actions as incidents
from tocsin.kernel.zones import zone
from tocsin.notify import actions as notify
from tocsin.notify.model import Kind, Move
from tocsin.oncall import actions as oncall
from tocsin.status_pages.actions import foreseeing as subscribers
from tocsin.storage import Tx, events
from tocsin.webhooks import actions as webhooks

MAX_LOOKED_AT = 5_000
"""Rows of one kind that a look at one deed reads: a storm of messages is a storm, whatever its exact number."""
MAX_INCIDENTS = 20
"""Incidents whose coming pages are looked up."""
NIGHT_FROM, NIGHT_TO = time(22), time(7)
"""On a person's own wall clock; their quiet hours are night as well."""


class Before(msgspec.Struct, frozen=True):
    """Where things stood before the deed."""

    event_id: int
    line_id: int
    webhook_delivery_id: int
    subscribers: subscribers.Before


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One event that the deed records."""

    event: str
    resource_type: str
    resource_id: int


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one person, or to one place that a team reads."""

    at: datetime
    kind: str
    """`page` asks for an answer; `acknowledged`, `resolved` and `notice` only tell."""
    channel: str
    recipient: str
    address: str
    incident_id: int | None
    user_id: int | None = None
    target_id: int | None = None
    critical: bool = False
    timezone: str | None = None
    """Of the person: of their quiet hours, else of the duty that they take; None = not known."""
    local_time: str | None = None
    """`at` on their own wall clock, e.g. `2026-03-02T03:15:00+01:00`."""
    night: bool = False
    """Whether it is night where they are (22:00 to 07:00, UTC when the zone is not known), or their quiet hours."""


class WebhookCall(msgspec.Struct, frozen=True, kw_only=True):
    """One message to another system."""

    webhook_id: int
    name: str
    event: str


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. Everything is bounded; see `MAX_LOOKED_AT`."""

    changes: Sequence[Change] = ()
    woken_now: Sequence[Alert] = ()
    """Pages to people that are due by now."""
    woken_next: Sequence[Alert] = ()
    """Pages to people and places that follow, in order of time, if nobody answers."""
    told: Sequence[Alert] = ()
    """Messages to people that wake nobody: that it is over, that somebody has it."""
    posted: Sequence[Alert] = ()
    """What is posted now to places that a team reads: chats, other pagers."""
    taken_back: Sequence[Alert] = ()
    """Messages that will not be sent after all."""
    mailings: Sequence[subscribers.Mailing] = ()
    """What the subscribers of status pages are told, by page and update."""
    webhooks: Sequence[WebhookCall] = ()

    @property
    def pages(self) -> int:
        """For a budget of pages: how many leave at once, to people."""
        return len(self.woken_now)

    @property
    def night_calls(self) -> int:
        """For a budget of sleep: how many of them call somebody at night."""
        return sum(alert.channel == "call" and alert.night for alert in self.woken_now)

    @property
    def subscriber_mails(self) -> int:
        """For a budget of mails to the public."""
        return sum(mailing.mails for mailing in self.mailings)


def before(tx: Tx) -> Before:
    """To be asked before a deed: `effects` tells what it has brought about since."""
    return Before(
        events.newest(tx), notify.newest_line(tx), webhooks.newest_delivery(tx), subscribers.before(tx)
    )  # fmt: skip


def effects(tx: Tx, since: Before) -> Effects:
    """What the deed does that was done in this transaction since `before`: changes nothing, so it serves a deed that
    is kept (budgets) as well as one that is undone (dry run, the preview of an approval).

    People are found as for real: the pages now are the messages that were queued, the pages next are the plan of the
    incidents that the deed has touched. What workers do of it later (hand events to webhooks, expand an update for its
    subscribers) is counted by the functions with which they do it.
    """
    happened = events.since(tx, since.event_id, MAX_LOOKED_AT)
    moves = notify.moved_since(tx, since.line_id, MAX_LOOKED_AT)
    teams = {event.team_id for event in happened if event.team_id is not None}
    queued = [_of_move(move) for move in moves if not move.taken_back]
    due = [alert for alert in queued if alert.at <= tx.now]
    coming = _coming(tx, happened, moves)
    coming += [alert for alert in queued if alert.at > tx.now and alert.incident_id is None]
    clocks = _Clocks(tx, teams, [*queued, *coming])
    told_on = webhooks.foresee(tx, happened)
    told_on += webhooks.queued_since(tx, since.webhook_delivery_id, MAX_LOOKED_AT)
    names = webhooks.names(tx, {id for id, _ in told_on})
    return Effects(
        changes=[
            Change(event=event.name, resource_type=event.resource_type, resource_id=event.resource_id)
            for event in happened
        ],
        woken_now=[clocks.shown(alert) for alert in due if alert.user_id and alert.kind == Kind.PAGE],
        woken_next=[clocks.shown(alert) for alert in sorted(coming, key=lambda alert: alert.at)],
        told=[clocks.shown(alert) for alert in due if alert.user_id and alert.kind != Kind.PAGE],
        posted=[alert for alert in due if alert.target_id],
        taken_back=[_of_move(move) for move in moves if move.taken_back],
        mailings=subscribers.mailings(tx, since.subscribers),
        webhooks=[WebhookCall(webhook_id=id, name=names.get(id, ""), event=event) for id, event in told_on],
    )


def _of_move(move: Move) -> Alert:
    return Alert(
        at=move.due_at,
        kind=move.kind,
        channel=move.channel,
        recipient=move.recipient,
        address=move.address,
        incident_id=move.incident_id or None,
        user_id=move.user_id or None,
        target_id=move.target_id or None,
        critical=move.critical,
    )


def _coming(tx: Tx, happened: Iterable[events.Event], moves: Iterable[Move]) -> list[Alert]:
    """The pages that follow about the incidents of the deed, as their plans have it."""
    touched = [event.resource_id for event in happened if event.resource_type == "incident"]
    touched += [move.incident_id for move in moves if move.incident_id]
    return [
        Alert(
            at=page.at,
            kind=Kind.PAGE,
            channel=page.channel,
            recipient=page.recipient,
            address=page.address,
            incident_id=id,
            user_id=page.user_id or None,
            target_id=page.target_id or None,
        )
        for id in list(dict.fromkeys(touched))[:MAX_INCIDENTS]
        for page in incidents.coming_about(tx, id)
    ]


class _Clocks:
    """Which time it is for whom."""

    def __init__(self, tx: Tx, team_ids: Iterable[int], alerts: Iterable[Alert]) -> None:
        users = {alert.user_id for alert in alerts if alert.user_id}
        self._quiet: dict[int, list[QuietHours]] = contacts.quiet_hours(tx, users) if users else {}
        self._duty: dict[int, str] = {}
        if users - set(self._quiet):
            for team_id in team_ids:
                self._duty = {**oncall.zones(tx, team_id), **self._duty}

    def shown(self, alert: Alert) -> Alert:
        """With the time on the person's own wall clock."""
        if alert.user_id is None:
            return alert
        quiet = self._quiet.get(alert.user_id, [])
        name = quiet[0].timezone if quiet else self._duty.get(alert.user_id)
        where = zone(name) if name is not None else None
        local = alert.at.astimezone(where or ZoneInfo("UTC"))
        asleep = contact_rules.quiet_until(quiet, alert.at) is not None
        return msgspec.structs.replace(
            alert,
            timezone=name if where is not None else None,
            local_time=local.isoformat(timespec="seconds") if where is not None else None,
            night=asleep or is_night(local.time()),
        )


def is_night(wall: time) -> bool:
    """Whether people sleep at this time on their wall clock."""
    return wall >= NIGHT_FROM or wall < NIGHT_TO
