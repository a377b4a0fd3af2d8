"""Decides which outages a page reports by itself, and in which words: those that a customer may read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

import msgspec

from tocsin.incidents.model import Spell
from tocsin.incidents.rules import say_duration
from tocsin.kernel.availability import Course, Interval
from tocsin.kernel.durations import rounded
from tocsin.metadata.model import Metadata
from tocsin.status_pages.model import RESOLVED, Affected, Resource, State
from tocsin.status_pages.rules.reporting import MAX_TITLE_CHARACTERS
from tocsin.status_pages.rules.standing import Said, marks, worst

SETTLE = timedelta(seconds=60)
"""How long after an outage is sure a report of it waits: what fails in one storm becomes one report, and nobody gets a
mail of what is well again within a minute. What the page itself shows changes at once."""
NAMED = 3
"""Resources that a title names; of more it gives the number."""
_PROMISE = "This page will say when that is over."
"""All that is sure: whether anybody is looking into it, people must say themselves."""
_MARKDOWN = re.compile(r"([\\`*_\[\]<>&~|])")
_BEGINNING = re.compile(r"^(\s*\d*)([#+=.)-])")
"""What Markdown takes for a heading or a list."""


class Trouble(msgspec.Struct, frozen=True):
    """An outage that lasts, and what it makes of the resources of one page."""

    spell: Spell
    marks: dict[int, State]
    """Downtime or degraded, by resource."""


def troubles(
    resources: Sequence[Resource],
    courses: Mapping[int, Sequence[Course]],
    outages: Mapping[tuple[str, int], Sequence[Spell]],
    facts: Mapping[int, Metadata],
    said: Sequence[Said],
    at_ms: int,
) -> dict[int, Trouble]:
    """The outages that last and that the resources of a page show, by incident; what maintenance hides is left out."""
    shut = {each.resource_id for each in said if each.state is State.MAINTENANCE and _in(at_ms, _stretch(each))}
    found: dict[int, Trouble] = {}
    for resource in resources:
        for course in courses[resource.id] if resource.id not in shut else ():
            if any(_in(at_ms, stretch) for stretch in (*course.maintenance, *course.paused)):
                continue
            for spell in outages.get((course.owner_type, course.id), ()):
                mark = marks(resource, facts.get(spell.id, {}))
                if spell.to_ms is None and mark is not State.OPERATIONAL:
                    found.setdefault(spell.id, Trouble(spell, {})).marks[resource.id] = mark
    return found


def due_ms(spell: Spell, min_length_ms: int) -> int:
    """When an outage is to be reported, if it lasts so long."""
    return max(spell.confirmed_ms + SETTLE // timedelta(milliseconds=1), spell.from_ms + min_length_ms)


def together(one: Spell, others: Iterable[Spell]) -> bool:
    """Whether an outage belongs in one report with others: they have one cause, or began within a minute of another.

    Two things that fail in the same minute have one cause more often than not, and nobody wants to read of them twice.
    """
    settle_ms = SETTLE // timedelta(milliseconds=1)
    return any(
        abs(one.from_ms - other.from_ms) <= settle_ms or (one.group_id is not None and one.group_id == other.group_id)
        for other in others
    )


def grouped(found: Iterable[Trouble]) -> list[list[Trouble]]:
    """Those that become one report each; the oldest first."""
    groups: list[list[Trouble]] = []
    for trouble in sorted(found, key=lambda each: (each.spell.from_ms, each.spell.id)):
        for group in groups:
            if together(trouble.spell, (other.spell for other in group)):
                group.append(trouble)
                break
        else:
            groups.append([trouble])
    return groups


def affected(found: Iterable[Trouble]) -> tuple[Affected, ...]:
    """What outages together say of each resource: the worst."""
    said: dict[int, State] = {}
    for trouble in found:
        for id, state in trouble.marks.items():
            said[id] = worst([state, said.get(id, State.OPERATIONAL)])
    return tuple(_said(id, state.value) for id, state in sorted(said.items()))


def news(
    said: Sequence[Affected],
    related: Mapping[int, Collection[int]],
    marked: Mapping[int, Mapping[int, State]],
    spells: Mapping[int, Spell],
    ended_ms: int | None,
) -> tuple[Affected, ...]:
    """What an automatic report must add, now that its incidents stand so; nothing = it is up to date.

    `said`: what it says now; `related`: the incidents of each resource, among those that it is about; `marked`: what
    each makes of resources; `spells`: those that are there still; `ended_ms`: when the report ended. What people said
    stands: they are only contradicted when something is well again, or when an incident was reopened after that.
    """
    found = []
    for each in said:
        id = int(each.status_page_resource_id)
        open = [spells[incident] for incident in related.get(id, ()) if _lasts(spells.get(incident))]
        state = worst([marked.get(spell.id, {}).get(id, State.OPERATIONAL) for spell in open])
        well = not open or state is State.OPERATIONAL
        if each.status != RESOLVED and id in related and well:
            found.append(_said(id, RESOLVED))
        elif each.status == RESOLVED and not well and any(_again(spell, ended_ms) for spell in open):
            found.append(_said(id, state.value))
    return tuple(found)


# --- Words -----------------------------------------------------------------------------------------------------------


def title(names: Sequence[str], down: bool) -> str:
    """`Shop is down`, `Shop and Phone are down`, `Shop, Phone, Mail and 4 others are degraded`."""
    most = MAX_TITLE_CHARACTERS // (NAMED + 2)
    short = [name if len(name) <= most else f"{name[: most - 1]}…" for name in names]
    return f"{_listed(short)} {_are(names)} {'down' if down else 'degraded'}"


def found_words(names: Sequence[str], down: bool) -> str:
    """The first update."""
    what = "down" if down else "not working as it should" if len(names) == 1 else "not working as they should"
    return f"Our checks have found that {_plain(names)} {_are(names)} {what}. {_PROMISE}"


def joined_words(names: Sequence[str], down: bool) -> str:
    """More has failed since."""
    return f"{_plain(names)} {_are(names)} {'down' if down else 'degraded'} as well."


def again_words(names: Sequence[str], down: bool) -> str:
    """It had been well, or so it seemed."""
    return f"{_plain(names)} {_are(names)} {'down' if down else 'degraded'} again. {_PROMISE}"


def well_words(names: Sequence[str], lasted: timedelta | None) -> str:
    """It is over; `lasted`: how long it has taken, when all of it is."""
    after = "" if lasted is None else f" It took {say_duration(rounded(lasted))}."
    return f"{_plain(names)} {_are(names)} working again.{after}"


def _plain(names: Sequence[str]) -> str:
    """Names as Markdown that shows them to the letter."""
    return _BEGINNING.sub(r"\1\\\2", _listed([_MARKDOWN.sub(r"\\\1", name) for name in names], most=len(names)))


def _listed(names: Sequence[str], most: int = NAMED) -> str:
    shown, more = names[:most], len(names) - most
    if more == 1:  # "1 others" would be no shorter than its name
        shown, more = names, 0
    if more > 0:
        return f"{', '.join(shown)} and {more} others"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _said(id: int, status: str) -> Affected:
    return Affected(status_page_resource_id=str(id), status=status)


def _lasts(spell: Spell | None) -> bool:
    return spell is not None and spell.to_ms is None


def _again(spell: Spell, ended_ms: int | None) -> bool:
    return spell.reopened_ms is not None and ended_ms is not None and spell.reopened_ms > ended_ms


def _in(at_ms: int, stretch: Interval) -> bool:
    return stretch[0] <= at_ms < stretch[1]


def _stretch(said: Said) -> Interval:
    return said.from_ms, 1 << 62 if said.to_ms is None else said.to_ms
