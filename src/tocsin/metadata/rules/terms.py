"""Gives every fact a number by which it is found again among many, whatever of it is known when somebody asks."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import combinations

import msgspec

from tocsin.metadata.model import Value


def key_term(owner_type: str, key: str) -> int:
    """The number under which everything is found that has this key at all."""
    return _number([owner_type, key])


def terms(owner_type: str, key: str, values: Iterable[Value]) -> set[int]:
    """Every number under which the values of a key are to be found, the key's own among them.

    A text has one; a reference has one for each way of naming it (by id, by name, by id and name, …): a filter that
    names two of them must find a value that has both.
    """
    found = {key_term(owner_type, key)}
    for value in values:
        known = _known(value)
        for size in range(1, len(known) + 1):
            found.update(_number([owner_type, key, value.type, *some]) for some in combinations(known, size))
    return found


def lookup_term(owner_type: str, key: str, wanted: Value) -> int:
    """The number under which a value is found that has all of what `wanted` says."""
    return _number([owner_type, key, wanted.type, *_known(wanted)])


def says(value: Value, wanted: Value) -> bool:
    """Whether a value has all of what `wanted` says: what a lookup by `lookup_term` finds."""
    return value.type == wanted.type and all(part in _known(value) for part in _known(wanted))


def catalog_terms(attribute_id: int, values: Iterable[Value]) -> set[int]:
    """Every number under which a record is found by what it says under an attribute.

    A fact may be the same as a value if they share one. A blank has none: it says nothing.
    """
    known = ((value, part) for value in values for part in _known(value) if part != ["value", ""])
    return {_number(["catalog", attribute_id, value.type, part]) for value, part in known}


def _known(value: Value) -> list[list[str | int]]:
    """What a value is recognised by, in a fixed order. Addresses are the same in upper and lower case."""
    known: list[list[str | int]] = []
    if value.value is not None:
        known.append(["value", value.value])
    if value.item_id is not None:
        known.append(["item_id", value.item_id])
    if value.name is not None:
        known.append(["name", value.name])
    if value.email is not None:
        known.append(["email", value.email.lower()])
    return known


def _number(parts: list[object]) -> int:
    """64 bits of a digest, signed as a database's integers are: two facts share one in no lifetime."""
    return int.from_bytes(hashlib.blake2b(msgspec.json.encode(parts), digest_size=8).digest(), "big", signed=True)
