"""Turns alerts into incidents: each trouble once, a group as one, a storm as a handful."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import msgspec

from tocsin.escalation.model import Paging
from tocsin.inbound.model import Alert, AlertState, Integration
from tocsin.inbound.rules import joining
from tocsin.inbound.rules.joining import Candidate, Place
from tocsin.inbound.rules.settings import WITH_RULES
from tocsin.inbound.store import alerts as shelf
from tocsin.inbound.store import integrations as integration_shelf
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Author, Incident, IncidentStatus, Kind, Opening
from tocsin.kernel.errors import Conflict, NotFound
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import Value
from tocsin.storage import Tx

RECOVERIES_TOPIC = "inbound_recoveries"
"""Rung when an alert will be over at a known instant."""
MAX_ANONYMOUS = 1_000
"""Open alerts without an id that one message may end."""
COUNT_KEY = "Alerts"
"""The metadata key under which an incident says how many alerts it stands for."""


class Applied(msgspec.Struct):
    """What came of the alerts of one message."""

    opened: int = 0
    joined: int = 0
    repeated: int = 0
    acknowledged: int = 0
    resolved: int = 0
    unknown: int = 0
    """Said to be acknowledged or over, though none such is open."""
    unlisted: int = 0
    """Beyond what an incident lists."""
    ignored: int = 0
    """Not opened because the integration is paused."""
    incident_ids: dict[int, None] = msgspec.field(default_factory=dict)
    """In the order in which they were touched."""

    def plus(self, more: Applied) -> Applied:
        """What came of two parts of one message."""
        counts = {
            name: getattr(self, name) + getattr(more, name) for name in self.__struct_fields__ if name != "incident_ids"
        }
        return Applied(incident_ids=self.incident_ids | more.incident_ids, **counts)

    def words(self) -> str:
        """`2 alerts opened an incident, 1 was repeated.`"""
        told = [
            f"{count} {what}"
            for count, what in (
                (self.opened, "opened an incident"),
                (self.joined, "joined an open incident"),
                (self.repeated, "said what was known"),
                (self.acknowledged, "acknowledged"),
                (self.resolved, "resolved"),
                (self.unknown, "about nothing that is open"),
                (self.unlisted, f"belong to an incident that lists {joining.MAX_LISTED:,} already"),
                (self.ignored, "opened nothing, because the integration is paused"),
            )
            if count
        ]
        return "Alerts: " + ", ".join(told) + "." if told else "It held no alert."


class Counts(msgspec.Struct):
    """By how much the incidents have grown, so that each is told once for many messages."""

    before: dict[int, int] = msgspec.field(default_factory=dict)
    after: dict[int, int] = msgspec.field(default_factory=dict)
    team_id: dict[int, int] = msgspec.field(default_factory=dict)

    def copy(self) -> Counts:
        return Counts(before=dict(self.before), after=dict(self.after), team_id=dict(self.team_id))

    def restore(self, earlier: Counts) -> None:
        self.before, self.after, self.team_id = earlier.before, earlier.after, earlier.team_id


class Desk:
    """Works on the alerts of one integration within one transaction, remembering what it has looked up."""

    def __init__(self, tx: Tx, integration: Integration, base_url: str, counts: Counts) -> None:
        self._tx = tx
        self._integration = integration
        self._base_url = base_url
        self._counts = counts
        self._open: dict[str, AlertState] = {}
        self._ungrouped: int | None = None
        self._storm: Incident | None = None
        self._said = ""

    def apply(self, alerts: Iterable[Alert], said: str = "") -> Applied:
        """Do what the alerts of one message say, in their order. `said`: the message itself, for the story of what it
        opens. Raises nothing that a sender could cause."""
        self._said = said
        done = Applied()
        bounded = [joining.bounded(alert) for alert in alerts]
        keys = list(dict.fromkeys(joining.key_of(alert) for alert in bounded))
        self._open = shelf.open_by_keys(self._tx, self._integration.id, keys)
        for alert in bounded:
            if alert.action == "started":
                self._start(alert, done)
            else:
                self._answer(alert, done)
        return done

    # --- It begins ----------------------------------------------------------------------------------------------------

    def _start(self, alert: Alert, done: Applied) -> None:
        key = joining.key_of(alert)
        known = self._open.get(key)
        if known is not None:
            incident = _incident(self._tx, known.incident_id)
            if incident is not None and incident.open:
                self._repeat(known, incident, done)
                return
            shelf.change(self._tx, known.id, resolved_at=self._tx.now, recover_at=None)
            del self._open[key]
        if self._integration.paused:
            done.ignored += 1
            return
        place, incident = self._place(alert)
        if incident is None:
            incident = self._open_incident(alert, place)
            ordinal = shelf.count_of(self._tx, incident.id) + 1
            done.opened += 1
        else:
            self._fails(incident)
            ordinal = self._count_up(incident)
            if ordinal > joining.MAX_LISTED:
                self._counts.after[incident.id] = ordinal - 1
                done.unlisted += 1
                return
            done.joined += 1
        done.incident_ids[incident.id] = None
        if place is not Place.GROUP and self._ungrouped is not None:
            self._ungrouped += 1
        self._open[key] = shelf.add(
            self._tx, team_id=self._integration.team_id, integration_id=self._integration.id, key=key,
            alert_id=alert.alert_id, incident_id=incident.id, joined=place, ordinal=ordinal, group_key=alert.group_key,
            title=alert.title, cause=alert.cause, severity=alert.severity, url=alert.url, facts=alert.facts,
        )  # fmt: skip

    def _repeat(self, known: AlertState, incident: Incident, done: Applied) -> None:
        count = known.count + 1
        shelf.change(self._tx, known.id, count=count, last_at=self._tx.now, recover_at=None)
        self._fails(incident)
        self._open[known.key] = msgspec.structs.replace(known, count=count, recover_at=None)
        done.repeated += 1
        done.incident_ids[incident.id] = None

    def _fails(self, incident: Incident) -> None:
        """One that looked well does so no more."""
        if incident.status is IncidentStatus.VALIDATING:
            incidents.failing_again(self._tx, incident.id, base_url=self._base_url)
            self._storm = None

    def _place(self, alert: Alert) -> tuple[Place, Incident | None]:
        """Where the alert belongs, and the incident that it joins."""
        tx, integration_id = self._tx, self._integration.id
        reopened = self._reopened(alert)
        if reopened is not None:
            return Place.GROUP, reopened
        group = shelf.newest_in_group(tx, integration_id, alert.group_key) if alert.group_key else None
        grouped = _incident(tx, None if group is None else group.incident_id)
        if joining.joinable(_candidate(grouped), tx.now):
            return Place.GROUP, grouped
        if self._ungrouped is None:
            since = tx.now - joining.STORM_WINDOW
            self._ungrouped = shelf.count_ungrouped(tx, integration_id, since, joining.STORM_AFTER)
        if self._ungrouped >= joining.STORM_AFTER and self._storm is None:
            storm = shelf.newest_storm(tx, integration_id, tx.now - joining.JOIN_WITHIN)
            self._storm = _incident(tx, None if storm is None else storm.incident_id)
        place = joining.place(self._ungrouped, None, _candidate(self._storm), tx.now)
        return place, self._storm if place is Place.STORM else None

    def _reopened(self, alert: Alert) -> Incident | None:
        """The incident of this very trouble that somebody has just reopened by hand: people are alerted by that."""
        if alert.alert_id is None:
            return None
        kind, id = self._integration.kind.type, self._integration.id
        found = incidents.current(self._tx, kind, id, Kind.ALERT, alert.alert_id)
        if found is None or found.reopened_at is None or shelf.any_open(self._tx, found.id):
            return None
        return found if self._tx.now - found.reopened_at < joining.JOIN_WITHIN else None

    def _open_incident(self, alert: Alert, place: Place) -> Incident:
        tx, integration = self._tx, self._integration
        s = integration.settings
        name, cause, alert_id = alert.title, alert.cause, alert.alert_id
        if place is Place.STORM_OPENER:
            name, alert_id = f"{integration.name}: alert storm", None
            cause = (
                f"More than {joining.STORM_AFTER} alerts within {joining.STORM_WINDOW.seconds // 60} minutes. "
                f"Further ones are listed here instead of paging one by one. The first: {alert.title}"
            )
        owner = integration.kind.type
        if alert_id is not None and incidents.current(tx, owner, integration.id, Kind.ALERT, alert_id) is not None:
            alert_id = None  # one that it opened before is still kept open by others, and this one pages for itself
        severity = {"Severity": alert.severity} if alert.severity and "Severity" not in alert.facts else {}
        opened = incidents.open(
            tx,
            Opening(
                team_id=integration.team_id,
                owner_type=owner,
                owner_id=integration.id,
                kind=Kind.ALERT,
                alert_id=alert_id,
                name=name,
                cause=cause,
                confirmed=True,
                metadata=alert.facts | severity,
                origin_url=alert.url,
                paging=Paging.of(s),
            ),
            self._base_url,
        )  # fmt: skip
        if self._said:
            incidents.show_payload(tx, opened.id, f"Received by {integration.name}", self._said)
        return opened

    def _count_up(self, incident: Incident) -> int:
        counts = self._counts
        if incident.id not in counts.before:
            counts.before[incident.id] = counts.after[incident.id] = shelf.count_of(self._tx, incident.id)
            counts.team_id[incident.id] = incident.team_id
        counts.after[incident.id] += 1
        return counts.after[incident.id]

    # --- Somebody takes it on, and it ends ----------------------------------------------------------------------------

    def _answer(self, alert: Alert, done: Applied) -> None:
        if alert.alert_id is None:  # whoever gives no ids has one trouble at a time
            known = shelf.open_anonymous(self._tx, self._integration.id, MAX_ANONYMOUS)
        else:
            found = self._open.get(joining.key_of(alert))
            known = [] if found is None else [found]
        if not known:
            done.unknown += 1
            return
        self._storm = None  # it may end here
        for state in known:
            if alert.action == "acknowledged":
                self._acknowledge(state)
                done.acknowledged += 1
            else:
                self._resolve(state)
                done.resolved += 1
            if state.incident_id is not None:
                done.incident_ids[state.incident_id] = None
                self._add_facts(state.incident_id, alert)

    def _acknowledge(self, state: AlertState) -> None:
        """Whoever acknowledges one alert has not seen the others of its incident: all must be, before it is silent."""
        tx = self._tx
        if state.acknowledged_at is None:
            shelf.change(tx, state.id, acknowledged_at=tx.now, last_at=tx.now)
            self._open[state.key] = msgspec.structs.replace(state, acknowledged_at=tx.now)
        if state.incident_id is None or shelf.any_unacknowledged(tx, state.incident_id):
            return
        try:
            incidents.acknowledge(tx, state.incident_id, Author(name=self._integration.name), base_url=self._base_url)
        except (Conflict, NotFound):
            pass  # somebody was faster, or it is over

    def _resolve(self, state: AlertState) -> None:
        tx, period = self._tx, self._integration.settings.recovery_period
        if not period:
            end(tx, state, self._integration.name, self._base_url)
            self._open.pop(state.key, None)
            return
        if state.recover_at is not None:
            return  # said twice: the time runs from when it was said first
        recover_at = tx.now + timedelta(seconds=period)
        shelf.change(tx, state.id, recover_at=recover_at, last_at=tx.now)
        self._open[state.key] = msgspec.structs.replace(state, recover_at=recover_at)
        tx.ring(RECOVERIES_TOPIC)
        if _incident(tx, state.incident_id) is not None and not shelf.any_failing(tx, state.incident_id or 0):
            incidents.validating(tx, state.incident_id or 0, base_url=self._base_url)

    def _add_facts(self, incident_id: int, alert: Alert) -> None:
        """What a rule takes out of the end of a trouble; what other systems repeat there is known already."""
        if alert.facts and self._integration.kind.name in WITH_RULES and _incident(self._tx, incident_id) is not None:
            facts = {key: [Value(value=value)] for key, value in alert.facts.items()}
            team_id = self._integration.team_id
            metadata.put(self._tx, team_id=team_id, owner_type="Incident", owner_id=incident_id, facts=facts)


def tell_counts(tx: Tx, counts: Counts) -> None:
    """Say on each incident that has grown for how many alerts it stands now."""
    for incident_id, after in counts.after.items():
        facts = {COUNT_KEY: [Value(value=str(after))]}
        team_id = counts.team_id[incident_id]
        metadata.put(tx, team_id=team_id, owner_type="Incident", owner_id=incident_id, facts=facts)
        if joining.milestone(counts.before[incident_id], after):
            told = f"This incident now stands for {joining.say_count(after)}; nobody is paged for each of them."
            incidents.note(tx, incident_id, "More alerts", told)


def end(tx: Tx, state: AlertState, name: str, base_url: str) -> None:
    """An alert is over; with the last one of an incident so is the incident."""
    if not shelf.resolve(tx, state.id, state.recover_at):
        return
    if state.incident_id is None or shelf.any_open(tx, state.incident_id):
        return
    incident = _incident(tx, state.incident_id)
    if incident is not None and incident.open:
        incidents.recover(tx, incident.id, why=f"{name} says that it is over.", base_url=base_url)


def recover_due(tx: Tx, limit: int, base_url: str) -> int:
    """End what has stayed resolved for long enough; returns how many there were."""
    states = shelf.due(tx, limit)
    for state in states:
        integration = integration_shelf.find(tx, state.integration_id, None)
        end(tx, state, "The integration" if integration is None else integration.name, base_url)
    return len(states)


def next_recovery(tx: Tx) -> datetime | None:
    """When the next alert is over unless it starts again."""
    return shelf.next_recovery(tx)


def open_incidents_of(tx: Tx, integration_id: int) -> list[int]:
    """The incidents that alerts of an integration keep open."""
    found = [_incident(tx, id) for id in shelf.open_incident_ids(tx, integration_id)]
    return [incident.id for incident in found if incident is not None and incident.open]


def _incident(tx: Tx, id: int | None) -> Incident | None:
    """The incident, unless somebody has deleted it."""
    if id is None:
        return None
    try:
        return incidents.find(tx, id)
    except NotFound:
        return None


def _candidate(incident: Incident | None) -> Candidate | None:
    return None if incident is None else Candidate(incident.id, incident.started_at, incident.open)
