"""Measurements on the shelf, packed ever tighter: a second of all monitors, an hour of one, a day of one."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update

from tocsin.monitors.model import HourFigures, Observation, Sample
from tocsin.monitors.store.tables import batches, days, hours
from tocsin.storage import Tx

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
QUARTER_MS = HOUR_MS // 4

_UNREACHED = 0xFFFFFFFF
"""A phase that was not reached."""
_LONGEST_US = _UNREACHED - 1
"""Microseconds: 71 minutes, far beyond any timeout."""
_BATCHED = struct.Struct("<QI5I")
"""Monitor id, milliseconds after the batch's `from_ms`, then five durations in microseconds."""
_PHASES = 5
MAX_BATCHES = 20_000
"""Rows looked through for what is not packed yet: hours of them, when packing should happen every few minutes."""
_QUARTERS_CACHED = 8_192
"""Packed hours whose quarters are kept in memory, some 400 bytes each: three hundred charts of a day."""
_AT_ONCE = 400
"""Monitors in one statement: an old SQLite takes no more than 999 values."""
_HOUR_OF_DAY = struct.Struct("<HIee")
"""Count, average in microseconds, then 95th percentile and maximum in seconds as half floats (three good digits)."""
_LONGEST_SECONDS = 65_504.0
"""The largest half float."""
_WORST = 0xFFFF


class Packed(msgspec.Struct, frozen=True):
    """One monitor's hour: samples oldest first, as packed into `sample_hours.data`."""

    monitor_id: int
    hour_ms: int
    region: str
    batch_id: int
    """The last batch that is in it."""
    data: bytes


def add_batch(tx: Tx, from_ms: int, region: str, observations: Iterable[Observation]) -> None:
    """One row for everything measured in about a second, whoever it is about."""
    tx.execute(insert(batches).values(from_ms=from_ms, region=region, data=pack_batch(from_ms, observations)))


def pack_batch(from_ms: int, observations: Iterable[Observation]) -> bytes:
    pack = _BATCHED.pack
    return b"".join(
        pack(
            o.monitor_id, max(0, o.started_ms - from_ms), _us(o.response_time), _us(o.name_lookup_time),
            _us(o.connection_time), _us(o.tls_handshake_time), _us(o.data_transfer_time),
        )
        for o in observations
    )  # fmt: skip


def unpack_batch(from_ms: int, region: str, data: bytes) -> Iterator[Sample]:
    for id, after, *phases in _BATCHED.iter_unpack(data):
        yield Sample(id, region, from_ms + after, *(_seconds(phase) for phase in phases))  # type: ignore[arg-type]


def read_batches(tx: Tx, after_id: int, limit: int) -> list[tuple[int, int, str, bytes]]:
    """(id, from_ms, region, data) of the oldest batches after `after_id`."""
    rows: Any = tx.execute(
        select(batches.c.id, batches.c.from_ms, batches.c.region, batches.c.data)
        .where(batches.c.id > after_id).order_by(batches.c.id).limit(limit)
    )  # fmt: skip
    return [(row.id, row.from_ms, row.region, row.data) for row in rows]


def delete_batches(tx: Tx, through_id: int) -> None:
    tx.execute(delete(batches).where(batches.c.id <= through_id))


def count_batches(tx: Tx) -> int:
    return int(tx.execute(select(func.count()).select_from(batches)).scalar_one())


def recent_of(tx: Tx, monitor_id: int) -> list[tuple[int, Sample]]:
    """(batch id, sample) not yet packed, or not yet deleted: found by their bytes, without unpacking the others'."""
    found: list[tuple[int, Sample]] = []
    key = monitor_id.to_bytes(8, "little")
    size = _BATCHED.size
    for id, from_ms, region, data in read_batches(tx, 0, MAX_BATCHES):
        at = data.find(key)
        while at >= 0:
            if at % size == 0:
                found.extend((id, sample) for sample in unpack_batch(from_ms, region, data[at : at + size]))
            at = data.find(key, at + 1)
    return found


def hour_rows(tx: Tx, monitor_id: int, from_ms: int, to_ms: int) -> list[Packed]:
    """The packed hours that touch the period, oldest first."""
    rows: Any = tx.execute(
        select(hours.c.monitor_id, hours.c.hour_ms, hours.c.region, hours.c.batch_id, hours.c.data)
        .where(hours.c.monitor_id == monitor_id, hours.c.hour_ms > from_ms - HOUR_MS, hours.c.hour_ms < to_ms)
        .order_by(hours.c.hour_ms)
    )
    return [Packed(*row) for row in rows]


def hour_row(tx: Tx, monitor_id: int, hour_ms: int, region: str) -> Packed | None:
    row: Any = tx.execute(
        select(hours.c.monitor_id, hours.c.hour_ms, hours.c.region, hours.c.batch_id, hours.c.data).where(
            hours.c.monitor_id == monitor_id, hours.c.hour_ms == hour_ms, hours.c.region == region
        )
    ).first()
    return None if row is None else Packed(*row)


def save_hour(tx: Tx, packed: Packed, seen_batch_id: int | None) -> bool:
    """Write a packed hour over the one that was seen (None = there was none). False: another was faster."""
    if seen_batch_id is None:
        tx.execute(insert(hours).values(**msgspec.structs.asdict(packed)))
        return True
    done = tx.execute(
        update(hours)
        .where(
            hours.c.monitor_id == packed.monitor_id,
            hours.c.hour_ms == packed.hour_ms,
            hours.c.region == packed.region,
            hours.c.batch_id == seen_batch_id,
        )
        .values(batch_id=packed.batch_id, data=packed.data)
    )
    return done.rowcount == 1


def hours_before(tx: Tx, before_ms: int, limit: int) -> list[Packed]:
    """The oldest packed hours that began before `before_ms`."""
    rows: Any = tx.execute(
        select(hours.c.monitor_id, hours.c.hour_ms, hours.c.region, hours.c.batch_id, hours.c.data)
        .where(hours.c.hour_ms < before_ms)
        .order_by(hours.c.hour_ms)
        .limit(limit)
    )
    return [Packed(*row) for row in rows]


def delete_hours(tx: Tx, monitor_id: int, hour_ms: int, region: str) -> None:
    tx.execute(
        delete(hours).where(hours.c.monitor_id == monitor_id, hours.c.hour_ms == hour_ms, hours.c.region == region)
    )


def delete_samples_of(tx: Tx, monitor_id: int) -> None:
    """Everything packed about a monitor that is gone; what is still in batches goes with them."""
    tx.execute(delete(hours).where(hours.c.monitor_id == monitor_id))
    tx.execute(delete(days).where(days.c.monitor_id == monitor_id))


def delete_days_before(tx: Tx, before_ms: int) -> None:
    tx.execute(delete(days).where(days.c.day_ms < before_ms))


def add_figures(tx: Tx, monitor_id: int, region: str, figures: HourFigures) -> None:
    """Put one hour's figures into its day. Doing it twice changes nothing."""
    day_ms = figures.hour_ms // DAY_MS * DAY_MS
    hour = (figures.hour_ms - day_ms) // HOUR_MS
    at = (days.c.monitor_id == monitor_id, days.c.day_ms == day_ms, days.c.region == region)
    row: Any = tx.execute(select(days.c.hours, days.c.data).where(*at)).first()
    present = 0 if row is None else int(row.hours)
    size = _HOUR_OF_DAY.size
    cell = _HOUR_OF_DAY.pack(
        min(figures.count, _WORST),
        _us(figures.average),
        min(figures.p95, _LONGEST_SECONDS),
        min(figures.maximum, _LONGEST_SECONDS),
    )
    place = (present & ((1 << hour) - 1)).bit_count() * size
    old = b"" if row is None else bytes(row.data)
    tail = old[place + size :] if present >> hour & 1 else old[place:]
    values = {"hours": present | 1 << hour, "data": old[:place] + cell + tail}
    if row is None:
        tx.execute(insert(days).values(monitor_id=monitor_id, day_ms=day_ms, region=region, **values))
    else:
        tx.execute(update(days).where(*at).values(**values))


def figures_of(tx: Tx, monitor_id: int, from_ms: int, to_ms: int) -> list[tuple[str, HourFigures]]:
    """(region, figures) of the rolled-up hours that began within the period, oldest first."""
    rows: Any = tx.execute(
        select(days.c.day_ms, days.c.region, days.c.hours, days.c.data)
        .where(days.c.monitor_id == monitor_id, days.c.day_ms > from_ms - DAY_MS, days.c.day_ms < to_ms)
        .order_by(days.c.day_ms)
    )
    found = []
    for day_ms, region, present, data in rows:
        cells = _HOUR_OF_DAY.iter_unpack(data)
        for hour in (hour for hour in range(24) if present >> hour & 1):
            count, average, p95, maximum = next(cells)
            at = day_ms + hour * HOUR_MS
            if from_ms <= at < to_ms:
                found.append((region, HourFigures(at, count, average / 1e6, p95, maximum)))
    return found


def quarters(tx: Tx, monitor_ids: Sequence[int], from_ms: int, count: int) -> dict[int, list[float | None]]:
    """The average response time of each of `count` quarters of an hour from `from_ms` (the beginning of one) on."""
    sums = {id: [0] * count for id in monitor_ids}
    counts = {id: [0] * count for id in monitor_ids}

    def add(id: int, at_ms: int, number: int, microseconds: int) -> None:
        place = (at_ms - from_ms) // QUARTER_MS
        if 0 <= place < count and number:
            sums[id][place] += microseconds
            counts[id][place] += number

    through: dict[tuple[int, int, str], int] = {}
    for start in range(0, len(monitor_ids), _AT_ONCE):
        for row in _hours_of(tx, monitor_ids[start : start + _AT_ONCE], from_ms, from_ms + count * QUARTER_MS):
            through[row.monitor_id, row.hour_ms, row.region] = row.batch_id
            for quarter, (number, microseconds) in enumerate(_quarters_of(row.hour_ms, row.data)):
                add(row.monitor_id, row.hour_ms + quarter * QUARTER_MS, number, microseconds)
    for batch_id, batch_ms, region, data in read_batches(tx, 0, MAX_BATCHES) if monitor_ids else ():
        for id, after, response_us, *_ in _BATCHED.iter_unpack(data):
            at_ms = batch_ms + after
            if id in sums and batch_id > through.get((id, at_ms // HOUR_MS * HOUR_MS, region), 0):
                add(id, at_ms, 1, response_us)
    return {
        id: [total / number / 1e6 if number else None for total, number in zip(sums[id], counts[id], strict=True)]
        for id in sums
    }


@lru_cache(maxsize=_QUARTERS_CACHED)
def _quarters_of(hour_ms: int, data: bytes) -> tuple[tuple[int, int], ...]:
    """(count, summed microseconds) of each quarter of a packed hour, without unpacking what is not asked for."""
    planes = zlib.decompress(data)
    quarter = len(planes) // 4
    count = quarter // (_PHASES + 1)
    raw = bytearray(8 * count)  # the instants, then the response times: the first two columns
    for plane in range(4):
        raw[plane::4] = planes[plane * quarter : plane * quarter + 2 * count]
    values = array("I", bytes(raw))
    found = [[0, 0] for _ in range(HOUR_MS // QUARTER_MS)]
    at = 0
    for index in range(count):
        at += values[index]
        cell = found[min(at // QUARTER_MS, len(found) - 1)]
        cell[0] += 1
        cell[1] += values[count + index]
    return tuple((number, total) for number, total in found)


def _hours_of(tx: Tx, monitor_ids: Sequence[int], from_ms: int, to_ms: int) -> list[Packed]:
    rows: Any = tx.execute(
        select(hours.c.monitor_id, hours.c.hour_ms, hours.c.region, hours.c.batch_id, hours.c.data).where(
            hours.c.monitor_id.in_(monitor_ids), hours.c.hour_ms > from_ms - HOUR_MS, hours.c.hour_ms < to_ms
        )
    )
    return [Packed(row.monitor_id, row.hour_ms, row.region, row.batch_id, bytes(row.data)) for row in rows]


def pack_hour(hour_ms: int, samples: Sequence[Sample]) -> bytes:
    """Column by column, the instants as differences: what resembles its neighbour packs well."""
    columns = [array("I", bytes(4 * len(samples))) for _ in range(_PHASES + 1)]
    before = hour_ms
    for index, s in enumerate(samples):
        phases = (s.response_time, s.name_lookup_time, s.connection_time, s.tls_handshake_time, s.data_transfer_time)
        columns[0][index] = max(0, s.at_ms - before)
        before = max(before, s.at_ms)
        for column, phase in zip(columns[1:], phases, strict=True):
            column[index] = _us(phase)
    raw = b"".join(column.tobytes() for column in columns)
    planes = b"".join(raw[plane::4] for plane in range(4))
    return zlib.compress(planes, 6)


def unpack_hour(packed: Packed) -> list[Sample]:
    planes = zlib.decompress(packed.data)
    quarter = len(planes) // 4
    raw = bytearray(len(planes))
    for plane in range(4):
        raw[plane::4] = planes[plane * quarter : (plane + 1) * quarter]
    values = array("I", bytes(raw))
    count = len(values) // (_PHASES + 1)
    columns = [values[index * count : (index + 1) * count] for index in range(_PHASES + 1)]
    at = packed.hour_ms
    samples = []
    for index in range(count):
        at += columns[0][index]
        phases = (_seconds(column[index]) for column in columns[1:])
        samples.append(Sample(packed.monitor_id, packed.region, at, *phases))  # type: ignore[arg-type]
    return samples


def _us(seconds: float | None) -> int:
    if seconds is None:
        return _UNREACHED
    us = round(seconds * 1e6)
    return us if 0 <= us <= _LONGEST_US else 0 if us < 0 else _LONGEST_US


def _seconds(us: int) -> float | None:
    return None if us == _UNREACHED else us / 1e6
