"""What callers may send about facts, field by field, in the wire's words (contract part 2, 7.1)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType


class ListMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Filters and page of the list; without an owner it is everything."""

    owner_type: str | UnsetType = UNSET
    owner_id: int | UnsetType = UNSET
    page: int = 1
    per_page: int = 50


class SetMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """All values of one key of one owner: texts, or typed values; none of them deletes the key."""

    owner_type: str
    owner_id: int
    key: str
    values: list[Any] | None
    mode: Literal["replace", "merge"] = "replace"
    """Whether the values take the place of those that are there, or come besides them."""


class ById(msgspec.Struct, frozen=True, kw_only=True):
    """Names one fact."""

    id: int


class CreateMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """One key of one owner, with one text."""

    owner_type: str
    owner_id: int
    key: str
    value: str


class UpdateMetadata(ById, frozen=True, kw_only=True):
    """What is to change of one fact: its text, its key, or whose it is."""

    owner_type: str | UnsetType = UNSET
    owner_id: int | UnsetType = UNSET
    key: str | UnsetType = UNSET
    value: str | UnsetType = UNSET
