"""What a check found becomes what we know: judged, written down and acted upon in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tocsin.escalation.model import Paging
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import UNSEEN, Author, Incident, Opening
from tocsin.kernel.clock import from_milliseconds, to_milliseconds
from tocsin.kernel.vault import without_credentials
from tocsin.monitors.actions import dependencies
from tocsin.monitors.actions.expiry import note_certificate
from tocsin.monitors.model import Monitor, MonitorStatus, Observation, Standing, Verdict
from tocsin.monitors.rules.flapping import (
    CALM_MS,
    OUTAGES,
    RECOVERY_SECONDS,
    flapping,
    note_outage,
    recovery_seconds,
    undamped,
)
from tocsin.monitors.rules.judging import Deed, Facts, Patience, adopt, forget_future, judge, stop_watching
from tocsin.monitors.rules.maintenance import in_maintenance
from tocsin.monitors.store import monitors as shelf
from tocsin.monitors.store import samples as sample_shelf
from tocsin.monitors.store import states as state_shelf
from tocsin.storage import Tx, events

MAINTENANCE = "maintenance"
"""The reason of the gap in which a monitor is in its maintenance window."""

REOPENED_RECOVERY_SECONDS = 180
"""The least recovery period of an incident that somebody reopened: one good check is what they did not believe."""
_NO_CAUSE = "The check failed"
_SELF = Author(name="Tocsin")


def record(tx: Tx, observation: Observation, base_url: str) -> Standing | None:
    """Judge one observation against the stored standing and do what follows, all in this transaction.

    The authority: a caller's own idea of the standing is never trusted. Returns the standing that holds now; None when
    the observation was dropped: the monitor is gone, paused, in maintenance, or was changed since the check began.
    """
    monitor = shelf.find(tx, observation.monitor_id)
    if monitor is None or monitor.revision != observation.revision or monitor.paused_at is not None:
        return None
    if monitor.unreadable:
        return None
    started_at = from_milliseconds(observation.started_ms)
    if in_maintenance(monitor.settings, tx.now) or in_maintenance(monitor.settings, started_at):
        return None
    if observation.certificate_expires_ms is not None:
        note_certificate(tx, monitor.id, from_milliseconds(observation.certificate_expires_ms), base_url)
    incident = incidents.current(tx, "monitor", monitor.id, "check")
    if incident is not None and _seen_to_fail(incident, observation):
        incidents.seen_to_fail(tx, incident, observation.cause or _NO_CAUSE, base_url)
    standing = _with_reopened(forget_future(monitor.standing, to_milliseconds(tx.now)), observation, incident)
    if not monitor.settings.flapping_damping:
        standing = undamped(standing)
    facts = Facts(observation.verdict, observation.started_ms, observation.ended_ms, observation.degraded)
    judgement = judge(
        standing, facts, _patience(monitor, standing, facts, incident), incident_open=incident is not None
    )
    after = judgement.standing
    if judgement.deed is Deed.FAIL_AGAIN and incident is not None and _relapses(standing, incident):
        incidents.open(tx, opening(tx, monitor, observation, confirmed=True), base_url)
        after = after if after.outages[-1:] == (facts.ended_ms,) else note_outage(after, facts.ended_ms)
    elif incident is not None and judgement.deed is None and _goes_on(after, incident, facts):
        incidents.goes_on(tx, incident)
    if not monitor.settings.flapping_damping:
        after = undamped(after)
    new = _done(tx, monitor, standing.incident_id, observation, after, judgement.deed, base_url)
    if observation.verdict is Verdict.UP:
        state_shelf.note_response(tx, monitor.id, round(observation.response_time * 1_000_000))
    if new != monitor.standing:
        state_shelf.save_standing(tx, monitor.id, new)
        _tell(tx, monitor, new, to_milliseconds(tx.now))
    return new


def _with_reopened(standing: Standing, observation: Observation, incident: Incident | None) -> Standing:
    """Somebody reopened an incident of a monitor that works: good checks must end it again, as they ended it before."""
    if standing.incident_id is not None or incident is None or observation.verdict is not Verdict.UP:
        return standing
    if observation.started_ms <= standing.observed_ms:
        return standing
    return adopt(standing, incident.id)


def _seen_to_fail(incident: Incident, observation: Observation) -> bool:
    """Whether a check has failed of what we could not see until now."""
    cause = observation.cause or ""
    return incident.cause.startswith(UNSEEN) and observation.verdict is Verdict.DOWN and not cause.startswith(UNSEEN)


def _relapses(standing: Standing, incident: Incident) -> bool:
    """The first failure since somebody reopened it is a new outage: whoever had answered, answered the old one."""
    if incident.reopened_at is None:
        return False
    return not standing.outages or standing.outages[-1] < to_milliseconds(incident.reopened_at)


def _goes_on(standing: Standing, incident: Incident, facts: Facts) -> bool:
    """Whether it still fails; somebody may have ended and reopened the incident between two failing checks."""
    fails = facts.verdict is Verdict.DOWN and standing.status is MonitorStatus.DOWN
    return fails and standing.incident_id == incident.id


def _patience(monitor: Monitor, standing: Standing, facts: Facts, incident: Incident | None) -> Patience:
    settings = monitor.settings
    recovery = recovery_seconds(standing, settings.recovery_period, facts.started_ms)
    if incident is not None and incident.reopened_at is not None:
        recovery = max(recovery, REOPENED_RECOVERY_SECONDS)
    return Patience(settings.confirmation_period, recovery)


def _tell(tx: Tx, monitor: Monitor, new: Standing, now_ms: int) -> None:
    """Write down what others may want to hear of besides incidents, once per change."""
    old = monitor.standing
    if (new.degraded_since_ms is None) is not (old.degraded_since_ms is None):
        name = "monitor.recovered" if new.degraded_since_ms is None else "monitor.degraded"
        events.record(tx, name, team_id=monitor.team_id, resource_type="monitor", resource_id=monitor.id,
                      reason=new.degraded_reason or old.degraded_reason)  # fmt: skip
    if flapping(new, now_ms) and not flapping(old, now_ms):
        events.record(tx, "monitor.flapping", team_id=monitor.team_id, resource_type="monitor", resource_id=monitor.id)
        incident = incidents.current(tx, "monitor", monitor.id, "check")
        if incident is not None:
            incidents.write_comment(tx, incident, _FLAPS, _SELF)


_FLAPS = (
    f"This monitor is flapping: {OUTAGES} outages within an hour. Until it has had none for {CALM_MS // 60_000} minutes"
    f" it must work for {RECOVERY_SECONDS // 60} minutes before an outage counts as over. New outages page at once."
)


def record_batch(
    tx: Tx, batches: Mapping[str, tuple[int, Sequence[Observation]]], checked: Mapping[int, int], alive_ms: int
) -> None:
    """Write down a second's worth of steady successes: nothing to judge, only what was measured, and that we watch.

    `batches`: by region, the earliest start (ms) and the observations; `checked`: the latest start (ms) by monitor.
    """
    for region, (from_ms, observations) in batches.items():
        sample_shelf.add_batch(tx, from_ms, region, observations)
    if checked:
        took = {seen.monitor_id: seen for _, observations in batches.values() for seen in observations}
        state_shelf.note_checked(tx, {id: (at, _took(took.get(id))) for id, at in checked.items()})
    state_shelf.mark_alive(tx, alive_ms)


def _took(seen: Observation | None) -> int | None:
    return None if seen is None else round(seen.response_time * 1_000_000)


def begin_maintenance(tx: Tx, monitor_id: int, at_ms: int, base_url: str) -> None:
    """The window opens: a suspicion is withdrawn, an incident that is open stays open and is judged after it."""
    monitor = shelf.find(tx, monitor_id)
    if monitor is None or monitor.paused_at is not None:
        return
    incident_open = monitor.standing.incident_id is not None and (
        incidents.current(tx, "monitor", monitor_id, "check") is not None
    )
    judgement = stop_watching(monitor.standing, incident_open=incident_open)
    if judgement.deed is Deed.WITHDRAW and monitor.standing.incident_id is not None:
        incidents.withdraw(tx, monitor.standing.incident_id)
    if judgement.standing != monitor.standing:
        state_shelf.save_standing(tx, monitor_id, judgement.standing)
    if monitor_id not in state_shelf.open_gaps(tx, MAINTENANCE):
        state_shelf.add_gap(tx, monitor_id, at_ms, None, MAINTENANCE)


def end_maintenance(tx: Tx, monitor_id: int, at_ms: int) -> None:
    """The window closes: watching begins again."""
    state_shelf.close_gaps(tx, [monitor_id], at_ms, MAINTENANCE)


def _done(
    tx: Tx, monitor: Monitor, id: int | None, observation: Observation, standing: Standing, deed: Deed | None,
    base_url: str,
) -> Standing:  # fmt: skip
    """Do the deed about the incident `id`. Returns the standing with the id of the incident that holds now."""
    if deed in (Deed.OPEN, Deed.SUSPECT):
        incident = incidents.open(tx, opening(tx, monitor, observation, confirmed=deed is Deed.OPEN), base_url)
        return msgspec.structs.replace(standing, incident_id=incident.id)
    if deed is None or id is None:
        return standing
    if deed is Deed.CONFIRM:
        incidents.confirm(
            tx,
            id,
            cause=observation.cause or _NO_CAUSE,
            evidence=observation.evidence,
            timings=_timings(observation),
            base_url=base_url,
        )
    elif deed is Deed.WITHDRAW:
        incidents.withdraw(tx, id)
    elif deed is Deed.VALIDATE:
        incidents.validating(tx, id)
    elif deed is Deed.FAIL_AGAIN:
        incidents.failing_again(tx, id)
    elif deed is Deed.RECOVER:
        incidents.recover(tx, id, why="The monitor recovered.", base_url=base_url)
    return standing


def opening(tx: Tx, monitor: Monitor, observation: Observation, *, confirmed: bool) -> Opening:
    """What the incident is told about its beginning."""
    settings = monitor.settings
    return Opening(
        team_id=monitor.team_id,
        owner_type="monitor",
        owner_id=monitor.id,
        name=monitor.pronounceable_name,
        url=without_credentials(monitor.url),
        http_method=settings.http_method,
        cause=observation.cause or _NO_CAUSE,
        regions=[observation.region],
        paging=Paging.of(settings),
        evidence=observation.evidence,
        timings=_timings(observation),
        confirmed=confirmed,
        kind="check",
        depends_on=_depends_on(tx, monitor),
        started_at=from_milliseconds(observation.started_ms),
    )


def _depends_on(tx: Tx, monitor: Monitor) -> tuple[tuple[str, int], ...]:
    """All that it leans on, the nearest first."""
    if not monitor.settings.depends_on:
        return ()
    nearest = dependencies.of(tx, [monitor.id]).get(monitor.id, ())
    return tuple(("monitor", id) for id in dependencies.below(tx, nearest))


def _timings(observation: Observation) -> dict[str, float | None]:
    """Seconds by phase, for the evidence."""
    return {
        "total": observation.response_time,
        "name_lookup": observation.name_lookup_time,
        "connection": observation.connection_time,
        "tls_handshake": observation.tls_handshake_time,
        "data_transfer": observation.data_transfer_time,
    }
