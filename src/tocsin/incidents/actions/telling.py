"""Puts an incident into the words of a message, and tells those who were paged how it went on."""

from __future__ import annotations

from tocsin.accounts import actions as accounts
from tocsin.incidents import store
from tocsin.incidents.model import Author, Incident, Kind
from tocsin.incidents.rules import say_duration, say_instant
from tocsin.incidents.store import groups
from tocsin.kernel.clock import to_wire
from tocsin.notify import actions as notify
from tocsin.notify.channels import keeps_ringing, tells
from tocsin.notify.model import Notice, Paged
from tocsin.storage import Tx

_REGIONS = {"us": "United States", "eu": "Europe", "as": "Asia", "au": "Australia"}
_OPENINGS = {
    Kind.CHECK: ("Down", "is down"),
    Kind.SSL_EXPIRATION: ("Certificate", "has a certificate problem"),
    Kind.DOMAIN_EXPIRATION: ("Domain", "has a domain that runs out"),
    Kind.MANUAL: ("Incident", "needs attention"),
    Kind.ALERT: ("Alert", "needs attention"),
}
NAMED = 10
"""Other incidents that a message names; of the rest it gives the number."""
MAX_SUBJECT_CAUSE = 80
"""Characters of the cause in a subject line; the whole cause stands in the message."""


def page_notice(
    tx: Tx, incident: Incident, base_url: str, *, reopened: bool = False, critical: bool | None = None
) -> Notice:
    """The message that wakes somebody. `critical` None = as the incident says."""
    word, headline = _OPENINGS.get(Kind(incident.kind), _OPENINGS[Kind.MANUAL])
    if reopened:
        word = f"{word} again"
    others, names = children_named(tx, incident)
    more = f" and {others} more" if others else ""
    cause = incident.cause if len(incident.cause) <= MAX_SUBJECT_CAUSE else incident.cause[:MAX_SUBJECT_CAUSE] + "…"
    return Notice(
        kind="page",
        incident_id=incident.id,
        team_id=incident.team_id,
        subject=_line(f"[Tocsin] {word}: {incident.name} ({cause}){more}"),
        headline=_line(f"{incident.name} {headline}{',' if more else ''}{more}"),
        cause=incident.cause,
        facts=[*([("Also failing", names)] if others else []), *_facts(tx, incident)],
        url=incident_url(incident, base_url),
        thread_key=f"incident-{incident.id}",
        critical=incident.paging.critical_alert if critical is None else critical,
        actions=("acknowledge", "resolve"),
    )


def tell_acknowledged(tx: Tx, incident: Incident, author: Author, base_url: str) -> None:
    """Tell everybody who was paged that somebody has taken this on; who did it only where a page still rings."""
    notice = Notice(
        kind="acknowledged",
        incident_id=incident.id,
        team_id=incident.team_id,
        subject=_line(f"[Tocsin] Acknowledged: {incident.name} (by {author.name})"),
        headline=_line(f"{author.name} has taken on {incident.name}"),
        cause=incident.cause,
        facts=[("Acknowledged by", author.name), *_to_confirm(incident), *_facts(tx, incident)],
        url=incident_url(incident, base_url),
        thread_key=f"incident-{incident.id}",
        actions=() if incident.acknowledged_by_agent_id is None else ("acknowledge", "resolve"),
    )
    told = [
        paged
        for paged in notify.paged(tx, incident.id)
        if paged.user_id != author.user_id or keeps_ringing(paged.channel)
    ]
    _tell(tx, notice, told)


def tell_resolved(tx: Tx, incident: Incident, why: str, base_url: str) -> None:
    """Tell everybody who was paged that it is over.

    When it ended by itself, also those whose page was taken back just now because it had not left yet (the mail server
    was down as well, say): otherwise nobody would ever hear of the outage.
    """
    facts = _facts(tx, incident)
    if incident.resolved_at is not None:
        facts = [
            ("Lasted", say_duration(incident.resolved_at - incident.started_at)),
            ("Resolved", f"{say_instant(incident.resolved_at)} ({to_wire(incident.resolved_at)})"),
            ("Why", why),
            *facts,
        ]
    others, names = children_named(tx, incident)
    if others:
        facts.insert(0, ("Not over yet", f"{names}: should they last, somebody is alerted about them"))
    notice = Notice(
        kind="resolved",
        incident_id=incident.id,
        team_id=incident.team_id,
        subject=_line(f"[Tocsin] Resolved: {incident.name}"),
        headline=_line(f"{incident.name}: the incident is over"),
        cause=incident.cause,
        facts=facts,
        url=incident_url(incident, base_url),
        thread_key=f"incident-{incident.id}",
    )
    people = notify.paged(tx, incident.id)
    if incident.resolved_by is None:
        heard = {(told.user_id, told.target_id) for told in people}
        people += [told for told in notify.taken_back(tx, incident.id) if (told.user_id, told.target_id) not in heard]
    _tell(tx, notice, people)


def tell_news(tx: Tx, incident: Incident, base_url: str) -> bool:
    """Tell everybody who was paged how many incidents belong to this one by now. False: nobody was reached yet."""
    others, names = children_named(tx, incident)
    if not others:
        return True
    people = notify.paged(tx, incident.id)
    if not people:
        return False
    notice = Notice(
        kind="notice",
        incident_id=incident.id,
        team_id=incident.team_id,
        subject=_line(f"[Tocsin] {incident.name}, and {others} more"),
        headline=_line(f"{incident.name}, and {others} more"),
        cause=incident.cause,
        facts=[("Also failing", names), *_facts(tx, incident)],
        url=incident_url(incident, base_url),
        thread_key=f"incident-{incident.id}",
    )
    _tell(tx, notice, people)
    store.tell(tx, incident.id, "news", "One cause, many incidents", f"{others} more belong to this one: {names}.")
    return True


def tell_unfinished(tx: Tx, incident: Incident, left: int, boxes: int, base_url: str) -> None:
    """Remind everybody who was paged that instructions are not done yet."""
    notice = Notice(
        kind="notice",
        incident_id=incident.id,
        team_id=incident.team_id,
        subject=_line(f"[Tocsin] {incident.name}: {left} of {boxes} steps of the instructions are open"),
        headline=_line(f"{incident.name}: {left} of {boxes} steps of the instructions are not ticked yet"),
        cause=incident.cause,
        facts=_facts(tx, incident),
        url=incident_url(incident, base_url),
        thread_key=f"incident-{incident.id}",
    )
    _tell(tx, notice, notify.paged(tx, incident.id))


def children_named(tx: Tx, incident: Incident) -> tuple[int, str]:
    """How many open incidents people hear of through this one, and the names of the first of them."""
    if incident.incident_group_id is None:
        return 0, ""
    some, total = groups.children(tx, incident, offset=0, limit=NAMED, newest_first=False, still_open=True)
    names = ", ".join(child.name for child in some)
    return total, names + (f" and {total - len(some)} more" if total > len(some) else "")


def incident_url(incident: Incident, base_url: str) -> str:
    """Where a person looks at an incident."""
    return f"{base_url}/incidents/{incident.id}"


def _tell(tx: Tx, notice: Notice, people: list[Paged]) -> None:
    for told in dict.fromkeys(people):
        if tells(told.channel, notice.kind):
            notify.queue_again(tx, notice, told, tx.now)


def _to_confirm(incident: Incident) -> list[tuple[str, str]]:
    """What those who were paged must know of an agent's acknowledgement; nothing for a person's."""
    if incident.acknowledged_by_agent_id is None:
        return []
    if incident.confirm_by is None:
        return [("Not a person", "whoever wants to have it acknowledges it too")]
    until = f"{say_instant(incident.confirm_by)} ({to_wire(incident.confirm_by)})"
    return [
        ("To be confirmed", f"it is no person: unless one acknowledges it too until {until}, people are paged again")
    ]


def _facts(tx: Tx, incident: Incident) -> list[tuple[str, str]]:
    label = "Reported" if incident.owner_type is None else incident.owner_type.replace("_", " ").capitalize()
    facts = [
        (label, incident.name),
        _target(incident),
        ("Cause", incident.cause),
        ("Started", f"{say_instant(incident.started_at)} ({to_wire(incident.started_at)})"),
        ("Location", ", ".join(_REGIONS.get(region, region) for region in incident.regions or ())),
        ("Reported by", incident.requester_email or ""),
        ("Team", accounts.team(tx, incident.team_id).name),
        ("Incident", str(incident.id)),
    ]
    return [(name, value) for name, value in facts if value]


def _target(incident: Incident) -> tuple[str, str]:
    """What was asked, and how. A bare host or a scenario is no URL, and nothing was "got" from a server of its own
    protocol; a target that is the name as well need not be said twice.
    """
    url = incident.url or ""
    if url.startswith(("http://", "https://")):
        return "URL", f"{(incident.http_method or '').upper()} {url}".strip()
    if "://" in url:
        return "URL", url
    return "Target", "" if url == incident.name else url


def _line(text: str) -> str:
    """One line: a name or a cause with a line break must not end a subject."""
    return " ".join(text.split())
