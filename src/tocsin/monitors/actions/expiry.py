"""Certificates and domain names that are about to run out: an incident in time, closed when they are renewed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, get_args

import msgspec

from tocsin.escalation.model import Paging
from tocsin.incidents import actions as incidents
from tocsin.incidents.model import Opening
from tocsin.kernel.vault import without_credentials
from tocsin.monitors.model import Monitor
from tocsin.monitors.rules.expiry import ExpiryDeed, Kind, cause, judge_expiry
from tocsin.monitors.store import monitors as shelf
from tocsin.monitors.store import states as state_shelf
from tocsin.storage import Tx

DOMAINS_TOPIC = "domains"
"""Rung when a registration may have to be looked up."""


def note_certificate(tx: Tx, monitor_id: int, expires_at: datetime, base_url: str) -> None:
    """A check saw the certificate that is valid until `expires_at`."""
    monitor = shelf.find(tx, monitor_id)
    if monitor is None or monitor.paused_at is not None:
        return
    if monitor.certificate_expires_at != expires_at:
        state_shelf.save_certificate(tx, monitor_id, expires_at)
    _judge(tx, monitor, "ssl_expiration", expires_at, base_url)


def note_domain(
    tx: Tx, domain: str, *, next_at: datetime, expires_at: datetime | None, failure: str | None, base_url: str
) -> None:
    """A lookup of the domain's registration came back (`expires_at` None: it did not say; `failure` says why)."""
    if state_shelf.drop_unused_domain(tx, domain):
        return
    known = state_shelf.save_domain(tx, domain, next_at=next_at, expires_at=expires_at, failure=failure)
    for monitor in shelf.by_ids(tx, shelf.ids_of_domain(tx, domain)):
        if monitor.paused_at is None:
            _judge(tx, monitor, "domain_expiration", known, base_url)


def settings_changed(tx: Tx, old: Monitor | None, new: Monitor, given: Mapping[str, Any], base_url: str) -> None:
    """What follows from new settings: a domain to look up, a warning that is due or off, one policy per domain."""
    known = None
    if new.settings.domain_expiration is not None and new.domain is not None:
        known = state_shelf.watch_domain(tx, new.domain)
        tx.ring(DOMAINS_TOPIC)
    if new.paused_at is None:
        _judge(tx, new, "ssl_expiration", new.certificate_expires_at, base_url)
        _judge(tx, new, "domain_expiration", known, base_url)
    before = None if old is None else old.settings.expiration_policy_id
    if new.domain is not None and "expiration_policy_id" in given and before != new.settings.expiration_policy_id:
        _share_policy(tx, new)


def closed(tx: Tx, monitor_id: int, kind: Kind) -> None:
    """We closed the incident, not a person: nobody has said that the end is known, so it may be announced again."""
    state_shelf.announce(tx, monitor_id, kind, None)


def resumed(tx: Tx, monitors: Sequence[Monitor], base_url: str) -> None:
    """They are watched again: what was about to run out before still is. For some hundreds at most."""
    concerned = incidents.open_owners(tx, "monitor", [monitor.id for monitor in monitors])
    known: dict[str, datetime | None] = {}
    for monitor in monitors:
        settings = monitor.settings
        ends: list[tuple[Kind, int | None, datetime | None]] = []
        if settings.ssl_expiration is not None:
            ends.append(("ssl_expiration", settings.ssl_expiration, monitor.certificate_expires_at))
        if settings.domain_expiration is not None and monitor.domain is not None:
            if monitor.domain not in known:
                known[monitor.domain] = state_shelf.watch_domain(tx, monitor.domain)
                tx.ring(DOMAINS_TOPIC)
            ends.append(("domain_expiration", settings.domain_expiration, known[monitor.domain]))
        for kind, warn_days, end in ends:
            near = judge_expiry(end, warn_days, tx.now, incident_open=False, announced=None) is not None
            if near or monitor.id in concerned:  # of the others there is nothing to open and nothing to close
                _judge(tx, monitor, kind, end, base_url)


def due_domains(tx: Tx, now: datetime, limit: int) -> list[tuple[str, datetime]]:
    """(domain, the instant at which it was due) of the registrations to look up, longest overdue first."""
    return state_shelf.due_domains(tx, now, limit)


def next_domain_at(tx: Tx) -> datetime | None:
    """When the next registration is to be looked up."""
    return state_shelf.next_domain_at(tx)


def claim_domain(tx: Tx, domain: str, seen: datetime, next_at: datetime) -> bool:
    """True for the one worker that may look it up now; if it dies, the next try is at `next_at`."""
    return state_shelf.claim_domain(tx, domain, seen, next_at)


def _share_policy(tx: Tx, monitor: Monitor) -> None:
    """The expiration policy belongs to the domain: every monitor of the team below it has the same (part 1, 3.1)."""
    assert monitor.domain is not None
    policy_id = monitor.settings.expiration_policy_id
    for other in shelf.by_ids(tx, shelf.ids_of_domain(tx, monitor.domain, monitor.team_id)):
        if other.id != monitor.id and not other.unreadable and other.settings.expiration_policy_id != policy_id:
            shelf.update_monitor(
                tx, other.id, url=other.url, name=other.pronounceable_name, group_id=other.monitor_group_id,
                paused_at=other.paused_at, domain=other.domain,
                settings=msgspec.structs.replace(other.settings, expiration_policy_id=policy_id),
            )  # fmt: skip


def _judge(tx: Tx, monitor: Monitor, kind: Kind, expires_at: datetime | None, base_url: str) -> None:
    assert kind in get_args(Kind)
    settings = monitor.settings
    warn_days = settings.ssl_expiration if kind == "ssl_expiration" else settings.domain_expiration
    current = incidents.current(tx, "monitor", monitor.id, kind)
    deed = judge_expiry(
        expires_at, warn_days, tx.now, incident_open=current is not None,
        announced=state_shelf.announced(tx, monitor.id, kind),
    )  # fmt: skip
    if deed is ExpiryDeed.OPEN and expires_at is not None:
        incidents.open(tx, _opening(tx, monitor, kind, expires_at), base_url)
        state_shelf.announce(tx, monitor.id, kind, expires_at)
    elif deed is ExpiryDeed.RESOLVE and current is not None:
        why = "It was renewed." if warn_days is not None else "The warning was switched off."
        incidents.recover(tx, current.id, why=why, base_url=base_url)
        closed(tx, monitor.id, kind)


def _opening(tx: Tx, monitor: Monitor, kind: Kind, expires_at: datetime) -> Opening:
    """Its own policy, or an e-mail to the team: a certificate that ends next week wakes nobody."""
    certificate = kind == "ssl_expiration"
    return Opening(
        team_id=monitor.team_id,
        owner_type="monitor",
        owner_id=monitor.id,
        name=monitor.pronounceable_name,
        url=without_credentials(monitor.url),
        cause=cause(kind, expires_at, tx.now),
        paging=Paging(email=True, push=False, team_wait=0, policy_id=monitor.settings.expiration_policy_id),
        confirmed=True,
        kind=kind,
        ssl_certificate_expires_at=expires_at if certificate else None,
        domain_expires_at=None if certificate else expires_at,
    )
