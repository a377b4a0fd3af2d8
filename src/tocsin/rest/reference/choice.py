"""Which operations somebody wants to see: the filters of the reference, as they stand in an address."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

import msgspec

from tocsin.registry.risk import Risk
from tocsin.rest.reference.entries import Entry, words

MAX_SEARCH_CHARACTERS = 80

METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
ACCESS = {"agents": "Agents can be granted it", "tokens": "Tokens may call it", "people": "No agent ever"}
LEVELS = {"read": "Read", "write": "Write", "full": "Full"}
SWITCHES = ("acknowledge", "resolve", "page", "publish", "notify", "delete")
VERSIONS = ("v2", "v3")


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What was chosen; empty means all."""

    search: str = ""
    method: str = ""
    access: str = ""
    permission: str = ""
    """A level, or one of the risky acts."""
    area: str = ""
    risk: str = ""
    version: str = ""

    def takes(self, entry: Entry) -> bool:
        """Whether an operation is among what was chosen."""
        found = marks(entry)
        return all(
            not wanted or wanted in found[name]
            for name, wanted in (
                ("method", self.method),
                ("access", self.access),
                ("permission", self.permission),
                ("area", self.area),
                ("risk", self.risk),
                ("version", self.version),
            )
        ) and all(word in entry.searched for word in self.search.split())


EVERYTHING = Choice()


def marks(entry: Entry) -> Mapping[str, tuple[str, ...]]:
    """By what an operation is found; the page carries the same for its script."""
    agents = "agents" in entry.callers
    return {
        "method": tuple(dict.fromkeys(method for method, _ in entry.addresses)),
        "access": (*entry.callers[1:], *(() if agents or not entry.addresses else ("people",))),
        "permission": () if entry.self_service else (entry.level, *((entry.switch,) if entry.switch else ())),
        "area": (entry.area,),
        "risk": tuple(slug(risk) for risk in entry.risks),
        "version": entry.versions,
    }


def options(areas: Mapping[str, object]) -> dict[str, tuple[str, dict[str, str]]]:
    """Every filter: its label, and what can be chosen."""
    return {
        "method": ("Method", {method: method for method in METHODS}),
        "access": ("Access", ACCESS),
        "permission": ("Permission", {**LEVELS, **{each: f"+ {each}" for each in SWITCHES}}),
        "area": ("Area", {area: words(area).capitalize() for area in areas}),
        "risk": ("Risk", {slug(risk): risk.value.capitalize() for risk in Risk}),
        "version": ("Version", {version: version for version in VERSIONS}),
    }


def slug(risk: Risk) -> str:
    """A risk as an address writes it."""
    return risk.value.replace(" ", "-")


def chosen(query_string: bytes, areas: Mapping[str, object]) -> Choice:
    """What an address asks for. What nobody can choose is left out, so that a mistyped link shows all."""
    sent = parse_qs(query_string[:2_000].decode("latin-1"), max_num_fields=None)
    allowed = {name: set(values) for name, (_, values) in options(areas).items()}
    found = {name: sent[name][0] for name in allowed if name in sent and sent[name][0] in allowed[name]}
    text = " ".join(sent.get("q", [""])[0].lower().split())
    return Choice(search=text[:MAX_SEARCH_CHARACTERS].strip(), **found)
