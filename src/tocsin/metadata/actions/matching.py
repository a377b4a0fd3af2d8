"""Finds the records of a team's catalog that may speak about something, without reading all the others."""

from __future__ import annotations

from tocsin.metadata import rules
from tocsin.metadata.model import Excerpt, Metadata, Record
from tocsin.metadata.store import catalog as shelf
from tocsin.storage import Tx

MAX_CANDIDATES = 100
"""Records that are looked at for one incident: a fact that more of them share says nothing about any."""


def candidates(tx: Tx, team_id: int, facts: Metadata) -> list[Excerpt]:
    """The records that share a primary value with the facts, by relation; `rules.matches` has the last word."""
    primaries = shelf.primaries(tx, team_id, list(facts))
    numbers = {number for id, name in primaries for number in rules.catalog_terms(id, facts[name])}
    if not numbers:
        return []
    found: dict[int, list[Record]] = {}
    for record in shelf.records_under(tx, sorted(numbers), MAX_CANDIDATES):
        found.setdefault(record.relation_id, []).append(record)
    attributes = shelf.attributes_of(tx, list(found))
    return [
        Excerpt(relation=relation, attributes=attributes[relation.id], records=found[relation.id])
        for relation in shelf.relations(tx, list(found))
    ]
