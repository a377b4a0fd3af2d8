"""The grant table: which areas and risky acts there are, in plain words, what a form says of them, and what changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from tocsin.console.consenting import AREAS, SWITCHES

LEVELS = {"off": "None", "read": "Read", "write": "Change", "full": "Delete too"}
SETTINGS = {"off": "Never", "ask": "Ask first", "on": "By itself"}
HIGHEST = {"team": "read"}
"""Who belongs to a team is never an agent's to change: the door would not have it either."""
_RANK = {name: rank for names in (LEVELS, SETTINGS) for rank, name in enumerate(names)}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table."""

    name: str
    """The form's field, e.g. `level_monitors`."""
    label: str
    meaning: str
    choices: tuple[str, ...]
    """Those that can be chosen, in order."""
    value: str


class Preset(msgspec.Struct, frozen=True, kw_only=True):
    """A table that is filled in already."""

    name: str
    label: str
    words: str
    levels: Mapping[str, str]
    switches: Mapping[str, str] = {}


_LOOKING = {area: "read" for area in AREAS if area not in ("team", "telemetry")}
_WORKING = ("monitors", "monitor_groups", "heartbeats", "incidents", "status_pages", "metadata")
PRESETS = (
    Preset(
        name="read", label="Read only", words="Sees monitors, incidents, calendars and pages. Changes nothing.",
        levels=_LOOKING,
    ),
    Preset(
        name="triage", label="Triage", words="Reads, acknowledges incidents and comments on them. Pages nobody.",
        levels={**_LOOKING, "incidents": "write"}, switches={"acknowledge": "on"},
    ),
    Preset(
        name="operator", label="Operator",
        words="Also changes monitors and writes on status pages. Asks before it pages, publishes or mails anybody.",
        levels={**_LOOKING, **dict.fromkeys(_WORKING, "write")},
        switches={"acknowledge": "on", "resolve": "on", "page": "ask", "publish": "ask", "notify": "ask"},
    ),
)  # fmt: skip


def area_rows(levels: Mapping[str, str]) -> list[Row]:
    """A row for each area."""
    return [
        Row(
            name=f"level_{area}",
            label=label,
            meaning=meaning,
            choices=tuple(LEVELS)[: _RANK[HIGHEST.get(area, "full")] + 1],
            value=levels.get(area, "off"),
        )
        for area, (label, meaning) in AREAS.items()
    ]


def switch_rows(switches: Mapping[str, str]) -> list[Row]:
    """A row for each risky act."""
    return [
        Row(name=f"switch_{act}", label=label, meaning=meaning, choices=tuple(SETTINGS), value=switches.get(act, "off"))
        for act, (label, meaning) in SWITCHES.items()
    ]


def read_table(sent: Mapping[str, Sequence[str]]) -> tuple[dict[str, str], dict[str, str]]:
    """(levels, switches) as a form says them; what is off is named too, so that it is taken back."""
    levels = {area: sent.get(f"level_{area}", ["off"])[-1] for area in AREAS}
    switches = {act: sent.get(f"switch_{act}", ["off"])[-1] for act in SWITCHES}
    return levels, switches


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that would be otherwise."""

    sentence: str
    more: bool
    """Whether the agent may do more by it."""


def changes(
    before: tuple[Mapping[str, str], Mapping[str, str]], after: tuple[Mapping[str, str], Mapping[str, str]]
) -> list[Change]:
    """What would be otherwise, in sentences; first what the agent would gain."""
    found = []
    for names, words, old, new in ((AREAS, LEVELS, before[0], after[0]), (SWITCHES, SETTINGS, before[1], after[1])):
        for name, (label, _) in names.items():
            was, will = old.get(name, "off"), new.get(name, "off")
            if was != will and will in words:
                more = _RANK[will] > _RANK[was]
                found.append(Change(sentence=f"{label}: {words[was].lower()} → {words[will].lower()}", more=more))
    return sorted(found, key=lambda change: not change.more)


def in_one_line(levels: Mapping[str, str], switches: Mapping[str, str]) -> str:
    """What it may, e.g. `Reads incidents and monitors; changes metadata; acknowledges by itself, asks before: page`."""
    said = []
    for level, verb in (("full", "Changes and deletes"), ("write", "Changes"), ("read", "Reads")):
        names = [AREAS[area][0].lower() for area in AREAS if levels.get(area) == level]
        if names:
            shown = "everything" if len(names) == len(AREAS) else _listed(names)
            said.append(f"{verb} {shown}")
    for setting, how in (("on", "By itself"), ("ask", "Asks first")):
        acts = [SWITCHES[act][0].lower() for act in SWITCHES if switches.get(act) == setting]
        if acts:
            said.append(f"{how}: {_listed(acts)}")
    return ". ".join(said) or "Nothing yet"


def _listed(names: Sequence[str]) -> str:
    if len(names) > 4:
        return f"{', '.join(names[:3])} and {len(names) - 3} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def without_off(chosen: Mapping[str, str]) -> dict[str, str]:
    """Only what says something."""
    return {name: value for name, value in chosen.items() if value != "off"}


def until(text: Any) -> str | None:
    """A time as the browser's field says it (`2026-12-01T12:00`), for the API, in UTC."""
    return f"{text}Z" if isinstance(text, str) and text and not text.endswith("Z") else text or None
