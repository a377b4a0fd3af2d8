"""One cause, one incident, one page: decides whether people hear of an outage by itself or through its cause.

Every outage stays an incident of its own; what it may lose is its own page, and only while everybody whom it would have
alerted is alerted about its cause. When the cause ends first, the page comes after all.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from tocsin.escalation import actions as escalation
from tocsin.incidents import rules, store
from tocsin.incidents.actions.recording import record
from tocsin.incidents.actions.telling import page_notice, tell_news
from tocsin.incidents.model import Act, Group, Incident, IncidentStatus, Reason
from tocsin.incidents.store import groups
from tocsin.storage import Tx

TOPIC = "storms"
"""Rung when people are to hear of a group."""
MAX_DEPENDENCIES = 50
"""Failing things that one outage leans on, and that are looked at."""
MAX_DEPENDANTS = 1_000
"""Outages that join a cause at once; more than so many are a storm, and one group already."""
MAX_STORMS = 10
"""Storms of one team that are looked at: each alerts other people, or in another way."""
MAX_ALONE = 50
"""Latest outages of a team among which the beginning of a storm is looked for."""
BATCH = 100
"""Groups, reopened incidents and acknowledgements that one look of the worker deals with; the rest is due at the next,
at once."""
NAMED_ONE_BY_ONE = 20
"""Children that the story of a cause names as they come; the others are counted in the news."""


class _Joins(msgspec.Struct, frozen=True):
    """People hear of it through this cause."""

    cause: Incident
    reason: Reason


class _Waits(msgspec.Struct, frozen=True):
    """It may turn out that this is its cause."""

    suspect: Incident


_Place = _Joins | _Waits | None


def begin(tx: Tx, incident: Incident, base_url: str, *, reopened: bool = False, resumed: bool = False) -> Incident:
    """An outage is sure: alert people, unless they hear of it through its cause. Returns it as it then stands.

    `resumed`: it is the same outage as before, so that its first page is waited for no longer than it was to be.
    """
    if _covered(tx, incident):
        return incident
    place = _place(tx, incident)
    if isinstance(place, _Joins):
        _join(tx, incident, place.cause, place.reason)
    elif isinstance(place, _Waits):
        _wait(tx, incident, place.suspect, base_url)
    absorb(tx, incident)
    incident = _again(tx, incident)
    if place is None and not (resumed and escalation.resume(tx, page_notice(tx, incident, base_url))):
        _page(tx, incident, base_url, reopened=reopened)
    return incident


def absorb(tx: Tx, incident: Incident) -> None:
    """An outage is sure: what leans on it and failed lately has found its cause."""
    if incident.owner_type is None or incident.owner_id is None:
        return
    for child in _speakers(tx, groups.dependants(tx, incident.owner_type, incident.owner_id, MAX_DEPENDANTS)):
        cause = _cause(tx, _again(tx, incident))
        if cause is None or not rules.explains(cause, child) or _covered(tx, child):
            continue
        if escalation.standing(tx, cause.id).silent:  # people are about to hear of it, or somebody has taken it on
            if not cause.acknowledged and _left_out(tx, cause, [child]):
                continue
        elif not _speaks_for(tx, cause, child):
            continue
        lately = child.confirmed_at is not None and child.confirmed_at > tx.now - rules.JOIN_WITHIN
        if lately or not escalation.standing(tx, child.id).paged:
            _join(tx, child, cause, Reason.DEPENDENCY)


def relieved(tx: Tx, incident: Incident) -> None:
    """An incident has ended: whatever waited to hear whether it was the cause, waits no longer."""
    groups.forget_dependencies(tx, incident.id)
    if incident.owner_type is None or incident.owner_id is None:
        return
    for child in groups.dependants(tx, incident.owner_type, incident.owner_id, MAX_DEPENDANTS):
        if child.acknowledged or child.incident_group_id is not None:
            continue
        standing = escalation.standing(tx, child.id)
        if standing.paged or not standing.running:
            continue
        place = _place(tx, child)
        if isinstance(place, _Joins):
            _join(tx, child, place.cause, place.reason)
        elif place is None:
            escalation.hurry(tx, child.id)


def well_for_now(tx: Tx, incident: Incident, base_url: str) -> None:
    """It looks well: a page that has not begun is not begun while it does, and it explains the others not for long."""
    standing = escalation.standing(tx, incident.id)
    group = _group(tx, incident)
    speaks = group is not None and group.cause_id == incident.id
    if not standing.running or standing.paged:
        if group is not None and speaks:
            _look_at_most(tx, group, tx.now + rules.WELL_LASTS)
        return
    escalation.stop(tx, incident.id, "it looked well before anybody was alerted")
    if group is not None and speaks:
        _hand_on(tx, group, incident, group.settle_until or tx.now, base_url)


def failing_again(tx: Tx, incident: Incident, base_url: str) -> None:
    """It did not stay well: whoever speaks for it pages, unless that is going on.

    A page that went out before it joined another is no answer to that: its escalation was stopped for a cause that does
    not speak for it any more, so people are alerted from the start.
    """
    group = _group(tx, incident)
    if not incident.acknowledged and escalation.standing(tx, incident.id).silent and not _covered(tx, incident):
        if group is None:
            begin(tx, incident, base_url, resumed=True)
            return
        groups.change_group(tx, group.id, cause_id=incident.id)
        _page(tx, incident, base_url, at=group.settle_until)
    absorb(tx, incident)


def page_again(tx: Tx, incident: Incident, base_url: str, *, why: str) -> bool:
    """An answer counts no more: people are alerted once more from the start. False: they hear of it through its cause.

    `why`: for what they read.
    """
    if _covered(tx, incident):
        return False
    group = _group(tx, incident)
    if group is not None and group.cause_id != incident.id:
        groups.change_group(tx, group.id, cause_id=incident.id)
    notice = page_notice(tx, incident, base_url)
    escalation.begin_again(
        tx, msgspec.structs.replace(notice, facts=[("Why again", why), *notice.facts]), incident.paging
    )
    return True


def heard_elsewhere(tx: Tx, incident: Incident) -> bool:
    """Whether people are alerted about another incident, the cause of this one, and so not about this."""
    return _covered(tx, incident)


def pass_on(tx: Tx, ended: Incident, base_url: str) -> None:
    """A cause has ended or is deleted, and others of its group have not: somebody else must speak for them.

    A few are alerted about each by itself; many by the one of them that failed last. Either way after a short time in
    which they may recover as well.
    """
    group = _group(tx, ended)
    if group is None or group.cause_id != ended.id:
        return
    settle_until = group.settle_until
    if settle_until is None or escalation.standing(tx, ended.id).paged:
        settle_until = tx.now + rules.SETTLE
    _hand_on(tx, group, ended, settle_until, base_url)


def tell_news_of(tx: Tx, group_id: int, *, base_url: str) -> None:
    """People hear how many incidents belong to the one about which they were alerted; due by a group's `news_at`.

    When that one has looked well for `rules.WELL_LASTS` and others do not, they are left to stand for themselves.
    """
    group = groups.group(tx, group_id)
    if group is None or group.news_at is None or group.news_at > tx.now or not groups.claim_news(tx, group):
        return
    cause = store.find(tx, group.cause_id)
    if cause is None or not cause.open or group.ended_at is not None:
        return
    well_since = store.latest(tx, cause.id, Act.VALIDATE) if cause.status is IncidentStatus.VALIDATING else None
    if well_since is not None and not well_since <= tx.now < well_since + rules.WELL_LASTS:  # or the clock was set back
        pass_on(tx, cause, base_url)
        return
    known = group.told_at is not None and not groups.joined_since(tx, group.id, group.told_at)
    told = known or tell_news(tx, cause, base_url)
    standing = escalation.standing(tx, cause.id)
    coming = standing.paged or standing.next_page_at is not None
    if not told and not cause.acknowledged and coming:  # the mail server is down, say
        groups.change_group(tx, group.id, news_at=tx.now + rules.NEWS_FIRST, told_at=group.told_at)
    if well_since is not None:
        _look_at_most(tx, group, well_since + rules.WELL_LASTS)
    if standing.running and not known:
        escalation.renew(tx, page_notice(tx, cause, base_url))


def due(tx: Tx) -> tuple[list[int], list[int], list[int]]:
    """(groups of which there is news, reopened incidents whose time has come, incidents of which nobody has confirmed
    that an agent has them): what the worker does now."""
    now = tx.now
    return groups.due_news(tx, now, BATCH), groups.due_lapses(tx, now, BATCH), store.due_confirmations(tx, now, BATCH)


def earliest(tx: Tx) -> datetime | None:
    """When the next of these is due."""
    return groups.earliest_due(tx)


def merge(tx: Tx, cause: Incident, child: Incident, by: str) -> None:
    """A person says that both are one: people hear of `child` through `cause` from now on."""
    _join(tx, child, cause, Reason.MERGE, by=by)


def cause_of(tx: Tx, incident: Incident) -> Incident | None:
    """The open incident through which people hear of this one; None when it speaks for itself."""
    cause = _cause(tx, incident)
    return None if cause is None or cause.id == incident.id else cause


# --- Deciding ------------------------------------------------------------------------------------------------------


def _place(tx: Tx, incident: Incident) -> _Place:
    """Whether an outage has a cause that people are alerted about, may have one, or stands for itself."""
    suspect = None
    for failed in groups.failing_dependencies(tx, incident.id, MAX_DEPENDENCIES):
        if rules.failing(failed):
            cause = _cause(tx, failed)
            if cause is not None and _speaks_for(tx, cause, incident):
                return _Joins(cause, Reason.DEPENDENCY)
        elif suspect is None and rules.explains(failed, incident):
            suspect = failed
    if suspect is not None:
        return _Waits(suspect)
    owner_type, owner_id = incident.owner_type, incident.owner_id
    if owner_type is not None and owner_id is not None and groups.dependants(tx, owner_type, owner_id, 1):
        return None  # it explains others, so it is no mere part of their storm
    return _storm(tx, incident)


def _storm(tx: Tx, incident: Incident) -> _Place:
    kin = rules.family(incident.kind)
    if kin is None:
        return None
    since = tx.now - rules.STORM_WINDOW
    alone = [
        other
        for other in groups.lately_alone(tx, incident.team_id, since, MAX_ALONE)
        if other.id != incident.id and rules.family(other.kind) == kin and rules.failing(other)
    ]
    for group in groups.running_storms(tx, incident.team_id, tx.now - rules.STORM_LASTS, MAX_STORMS):
        cause = store.find(tx, group.cause_id)
        if cause is None or rules.family(cause.kind) != kin or not rules.failing(cause):
            continue
        if not _speaks_for(tx, cause, incident):
            continue
        others = [other for other in alone if rules.explains(cause, other)]
        if groups.lately_joined(tx, group.id, since, rules.STORM_SIZE) + len(others) >= rules.STORM_SIZE:
            return _Joins(cause, Reason.STORM)
    for cause in alone:
        others = [other for other in alone if rules.explains(cause, other)]
        if len(others) + 1 >= rules.STORM_SIZE and _speaks_for(tx, cause, incident):
            for other in others:
                if _speaks_for(tx, cause, other):
                    _join(tx, other, cause, Reason.STORM)
            return _Joins(cause, Reason.STORM)
    return None


def _speaks_for(tx: Tx, cause: Incident, child: Incident) -> bool:
    """Whether everybody whom `child` would alert hears of `cause`."""
    if not rules.explains(cause, child):
        return False
    return escalation.reaches(tx, cause.id, child.id, child.team_id, child.paging)


def _left_out(tx: Tx, cause: Incident, children: list[Incident]) -> list[Incident]:
    """Those about whom the policy that they share with `cause` calls somebody who does not hear of `cause`."""
    others = [child for child in children if child.id != cause.id]
    ids = [child.id for child in others]
    unreached = escalation.unreached(tx, cause.id, ids, cause.team_id, cause.paging) if ids else set()
    return [child for child in others if child.id in unreached]


def _speakers(tx: Tx, incidents: list[Incident]) -> list[Incident]:
    """Those who stand for themselves, and of each group its cause, if that is among them: the rest comes with it."""
    ids = {incident.id for incident in incidents}
    found: dict[int, Incident] = {}
    seen = set()
    for incident in incidents:
        if incident.incident_group_id in seen:
            continue
        speaker: Incident | None = incident
        if incident.incident_group_id is not None:
            seen.add(incident.incident_group_id)
            speaker = _cause(tx, incident)
        if speaker is not None and speaker.id in ids:
            found[speaker.id] = speaker
    return list(found.values())


def _covered(tx: Tx, incident: Incident) -> bool:
    """Whether people hear of this incident through its cause: that one is open, and they were or will be alerted."""
    cause = cause_of(tx, incident)
    if cause is None:
        return False
    return cause.acknowledged or not escalation.standing(tx, cause.id).silent


def _cause(tx: Tx, incident: Incident) -> Incident | None:
    """Whom people are alerted about in an incident's group, while that one is open; the incident itself without one."""
    group = _group(tx, incident)
    if group is None or group.cause_id == incident.id:
        return incident
    cause = store.find(tx, group.cause_id)
    return cause if cause is not None and cause.open else None


def _group(tx: Tx, incident: Incident) -> Group | None:
    """The group that an incident belongs to, while it lasts."""
    found = None if incident.incident_group_id is None else groups.group(tx, incident.incident_group_id)
    return None if found is None or found.ended_at is not None else found


def _hand_on(tx: Tx, group: Group, before: Incident, settle_until: datetime, base_url: str) -> None:
    """Let others than `before` speak for its group, of each way of paging one: what one would say, all must say."""
    groups.change_group(tx, group.id, settle_until=settle_until)
    while len(pagings := groups.open_pagings(tx, group.id, 2)) > 1:  # each round takes one way of paging out
        paging, size = pagings[1]
        id = groups.add_group(
            tx, team_id=group.team_id, reason=group.reason, cause_id=before.id, settle_until=settle_until
        )
        groups.move_members(tx, group.id, id, paging)
        _settle(tx, _existing(tx, id), size, before, settle_until, base_url)
    _settle(tx, group, pagings[0][1] if pagings else 0, before, settle_until, base_url)


def _settle(tx: Tx, group: Group, size: int, ended: Incident, settle_until: datetime, base_url: str) -> None:
    """Of a group of one way of paging whose cause has ended: release a few, let many be spoken for."""
    if size >= rules.STORM_SIZE:
        _appoint(tx, group, ended, settle_until, base_url)
        speaker = store.find(tx, _existing(tx, group.id).cause_id)
        others = [] if speaker is None else groups.open_members(tx, group.id, MAX_DEPENDANTS)
        for child in [] if speaker is None else _left_out(tx, speaker, others):
            _release(tx, child, ended, settle_until, base_url)
        return
    for child in groups.open_members(tx, group.id, rules.STORM_SIZE):
        _release(tx, child, ended, settle_until, base_url)
    groups.change_group(tx, group.id, ended_at=tx.now, news_at=None)


# --- Doing ---------------------------------------------------------------------------------------------------------


def _page(tx: Tx, incident: Incident, base_url: str, *, reopened: bool = False, at: datetime | None = None) -> None:
    """Begin to alert people about this incident; what they read counts the others that belong to it."""
    escalation.start(tx, page_notice(tx, incident, base_url, reopened=reopened), incident.paging, at=at)
    group = _group(tx, incident)
    if group is not None and group.news_at is not None and (at is None or at <= tx.now):
        groups.change_group(tx, group.id, news_at=None, told_at=tx.now)


def _wait(tx: Tx, incident: Incident, suspect: Incident, base_url: str) -> None:
    """Page a little later, in case it turns out that people hear of it through its cause."""
    until = tx.now + rules.SUSPECT_WAIT
    doubt = "is not confirmed yet" if suspect.status is IncidentStatus.UNCONFIRMED else "looks well again"
    store.tell(
        tx,
        incident.id,
        "wait",
        "Waiting for its cause",
        f"It depends on {suspect.name} (incident {suspect.id}), which failed and {doubt}. "
        f"People are alerted at {rules.say_instant(until)} at the latest.",
    )
    _page(tx, incident, base_url, at=until)


def _look_at_most(tx: Tx, group: Group, at: datetime) -> None:
    """Look at a group at that instant, if not before."""
    now = _existing(tx, group.id)
    if now.news_at is None or now.news_at > at:
        groups.change_group(tx, group.id, news_at=at)
        tx.ring(TOPIC)


def _join(tx: Tx, child: Incident, cause: Incident, reason: Reason, *, by: str | None = None) -> None:
    """From now on people hear of `child` through `cause`; with it comes everything whose cause it was."""
    group = _group(tx, _again(tx, cause))  # it may have become one just now
    if group is None:
        id = groups.add_group(tx, team_id=cause.team_id, reason=reason, cause_id=cause.id, settle_until=None)
        groups.put_into_group(tx, cause.id, id)
        group = _existing(tx, id)
    own = _group(tx, child)
    if own is not None and own.id == group.id:
        return
    if own is not None and own.cause_id == child.id:
        groups.move_members(tx, own.id, group.id)
        groups.change_group(tx, own.id, ended_at=tx.now, news_at=None)
    groups.put_into_group(tx, child.id, group.id)
    standing = escalation.standing(tx, child.id)
    if standing.running:
        escalation.stop(tx, child.id, f"people are alerted about incident {cause.id}, its cause")
    store.tell(tx, child.id, "join", "Part of another incident", _why(cause, reason, by), by)
    if groups.count_some(tx, group.id, NAMED_ONE_BY_ONE + 1) <= NAMED_ONE_BY_ONE:
        joined = f"{child.name} (incident {child.id}): {child.cause}"
        store.tell(tx, cause.id, "joined", "Another incident belongs to this one", joined, by)
    record(tx, "incident.grouped", child, cause_id=cause.id, group_id=group.id, reason=reason)
    if group.news_at is None:
        first = tx.now + rules.NEWS_FIRST
        news_at = first if group.told_at is None else max(first, group.told_at + rules.NEWS_EVERY)
        groups.change_group(tx, group.id, news_at=news_at)
        tx.ring(TOPIC)


def _release(tx: Tx, child: Incident, ended: Incident, settle_until: datetime, base_url: str) -> None:
    """Its cause is over and it is not: it stands for itself again."""
    groups.put_into_group(tx, child.id, None)
    child = msgspec.structs.replace(child, incident_group_id=None)
    if child.acknowledged:
        return
    if not rules.failing(child):  # it looks well: should it fail again, `failing_again` begins anew
        return
    still = store.find(tx, ended.id)
    how = "looks well, this does not" if still is not None and still.open else "is over, this is not"
    text = f"{ended.name} (incident {ended.id}) {how}. "
    store.tell(tx, child.id, "release", "Still failing", text + _when(tx, settle_until))
    place = _place(tx, child)
    if isinstance(place, _Joins) and place.reason is Reason.DEPENDENCY:
        _join(tx, child, place.cause, place.reason)
    else:
        _page(tx, child, base_url, at=settle_until)


def _appoint(tx: Tx, group: Group, before: Incident, settle_until: datetime, base_url: str) -> None:
    """Let the one that failed last speak for a group whose cause has ended, or looks well before it has said a word."""
    speaker = groups.speaker(tx, group.id, before.id)
    if speaker is None:
        return
    groups.change_group(tx, group.id, cause_id=speaker.id)
    if store.find(tx, before.id) is not None:
        store.tell(
            tx, before.id, "pass on", "Others of its group are not over", f"Incident {speaker.id} speaks for them."
        )
    if speaker.acknowledged or not rules.failing(speaker):  # should one of them fail again, it takes over
        return
    text = f"It speaks for its group in place of {before.name} (incident {before.id}). "
    store.tell(tx, speaker.id, "appoint", "Still failing", text + _when(tx, settle_until))
    _page(tx, speaker, base_url, at=settle_until)


def _why(cause: Incident, reason: Reason, by: str | None) -> str:
    what = f"{cause.name} (incident {cause.id})"
    text = {
        Reason.DEPENDENCY: f"It depends on {what}, which fails too.",
        Reason.STORM: f"Many things failed within a minute; {what} stands for all of them.",
        Reason.MERGE: f"{by} merged it into {what}.",
    }[reason]
    if cause.acknowledged:
        return f"{text} {cause.acknowledged_by} has taken that on."
    return f"{text} People are alerted about that one; should it end before this, they are alerted about this."


def _when(tx: Tx, at: datetime) -> str:
    if at <= tx.now:
        return "People are alerted about it now."
    return f"People are alerted about it at {rules.say_instant(at)}, unless it recovers before."


def _again(tx: Tx, incident: Incident) -> Incident:
    found = store.find(tx, incident.id)
    assert found is not None
    return found


def _existing(tx: Tx, id: int) -> Group:
    found = groups.group(tx, id)
    assert found is not None
    return found
