"""The vocabulary of our tables: instants are whole milliseconds, lists and maps are JSON text."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import BigInteger, Dialect, Integer, MetaData, Text
from sqlalchemy.types import TypeDecorator

from tocsin.kernel.clock import from_milliseconds, to_milliseconds

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table of Tocsin, each declared in the `store` of the concept that owns it."""

Id = BigInteger().with_variant(Integer(), "sqlite")
"""A primary or foreign key: SQLite only numbers rows by itself when the type is exactly INTEGER."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime kept as whole milliseconds since 1970: sorts and indexes alike everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_milliseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else from_milliseconds(value)


class Json(TypeDecorator[Any]):
    """A list, map or msgspec struct kept as JSON text; None is SQL NULL. Comes back as plain lists and dicts."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any | None, dialect: Dialect) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any | None:
        return None if value is None else msgspec.json.decode(value)
