"""Writes the first draft of a post-mortem from an incident's story: the facts; people add what they learned."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from tocsin.incidents.model import Comment, Incident, IncidentStatus, TimelineItem
from tocsin.incidents.rules import say_duration, say_instant
from tocsin.notify.model import Kind, Proof, State

MAX_LINES = 200
"""Of the timeline, the oldest: a draft is read by people."""
MAX_WORDS = 300
"""Characters of one line."""
_TOLD = ("change-", "paging-", "late-")
"""Lines of the story that say what happened to the incident; each message is told once, under who answered."""


def drafted(
    incident: Incident, story: Sequence[TimelineItem], proofs: Sequence[Proof], comments: Sequence[Comment],
    now: datetime,
) -> str:  # fmt: skip
    """The draft, in Markdown. `story`, `comments`: the oldest first; `now` counts while the incident is not over."""
    parts = [
        f"# Post-mortem: {_line(incident.name or incident.cause)}",
        "## Summary\n\n" + _summary(incident, now),
        "## Impact\n\n" + _impact(incident, now) + "\n\nWho was affected, and how:",
        "## Timeline\n\n" + _timeline(story, comments),
        "## Who answered, and how fast\n\n" + _answers(incident, proofs),
        "## What was tried\n\n" + (_tried(comments) or "Nothing was written down while it lasted."),
        "## What went well\n\n- ",
        "## What went wrong\n\n- ",
        "## Actions\n\n- [ ] ",
    ]
    return "\n\n".join(parts) + "\n"


def _summary(incident: Incident, now: datetime) -> str:
    lasted = say_duration((incident.resolved_at or now) - incident.started_at)
    begin = f"{_line(incident.name or incident.cause)}: {_line(incident.cause)}. It began on "
    begin += say_instant(incident.started_at)
    if incident.resolved_at is None:
        return f"{begin} and is not over after {lasted}."
    how = f"{_line(incident.resolved_by)} resolved it" if incident.resolved_by else "It recovered by itself"
    return f"{begin} and lasted {lasted}. {how}."


def _impact(incident: Incident, now: datetime) -> str:
    rows = [("Duration", say_duration((incident.resolved_at or now) - incident.started_at))]
    rows.append(("From", say_instant(incident.started_at)))
    rows.append(("To", "not over yet" if incident.resolved_at is None else say_instant(incident.resolved_at)))
    if incident.url:
        rows.append(("What", _cell(incident.url)))
    if incident.regions:
        rows.append(("Seen from", _cell(", ".join(incident.regions))))
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {words} |" for name, words in rows)])


def _timeline(story: Sequence[TimelineItem], comments: Sequence[Comment]) -> str:
    lines = [(item.at, _said(item)) for item in story if item.id.startswith(_TOLD)]
    lines += [(each.created_at, f"{_line(each.author_name)}: {_line(each.content)}") for each in comments]
    lines.sort(key=lambda line: line[0])
    rows = [f"| {_clock(at)} | {_cell(words)} |" for at, words in lines[:MAX_LINES]]
    if len(lines) > MAX_LINES:
        rows.append(f"| | … and {len(lines) - MAX_LINES} more |")
    return "\n".join(["| Time (UTC) | What happened |", "|---|---|", *rows])


def _said(item: TimelineItem) -> str:
    title, content = str(item.data.get("title") or ""), str(item.data.get("content") or "")
    return f"{title}: {content}" if content else title


def _answers(incident: Incident, proofs: Sequence[Proof]) -> str:
    lines = []
    pages = [proof for proof in proofs if proof.kind == Kind.PAGE]
    if incident.acknowledged_at is not None and incident.status is not IncidentStatus.UNCONFIRMED:
        after = say_duration(incident.acknowledged_at - incident.started_at)
        lines.append(f"- {_line(incident.acknowledged_by or 'Somebody')} acknowledged it after {after}.")
    else:
        lines.append("- Nobody acknowledged it.")
    for whom in dict.fromkeys(proof.recipient or proof.address for proof in pages):
        mine = [proof for proof in pages if (proof.recipient or proof.address) == whom]
        ways = ", ".join(dict.fromkeys(proof.channel.replace("_", " ") for proof in mine))
        lines.append(f"- {_line(whom)} was paged by {ways} from {_clock(min(p.planned_at for p in mine))} on: "
                     f"{_reached(mine)}.")  # fmt: skip
    return "\n".join(lines)


def _reached(pages: Iterable[Proof]) -> str:
    """The furthest that any of the messages came."""
    for state, words in (
        (State.ACKNOWLEDGED, "answered"), (State.SEEN, "seen"), (State.DELIVERED, "delivered"),
        (State.SENT, "accepted"),
    ):  # fmt: skip
        instants = [proof.reached[state] for proof in pages if state in proof.reached]
        if instants:
            return f"{words} {_clock(min(instants))}"
    return "never accepted by a provider"


def _tried(comments: Sequence[Comment]) -> str:
    return "\n".join(
        f"- {_clock(each.created_at)} {_line(each.author_name)}: {_line(each.content)}" for each in comments
    )


def _clock(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%d %b %H:%M:%S")


def _line(text: str | None) -> str:
    """A text on one line, not too long."""
    words = " ".join((text or "").split())
    return words if len(words) <= MAX_WORDS else words[: MAX_WORDS - 1].rstrip() + "…"


def _cell(text: str) -> str:
    return _line(text).replace("\\", "\\\\").replace("|", "\\|")
