"""Measurements averaged for a chart: thousands of checks as the few hundred points that a screen can show."""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from tocsin.monitors.model import Bucket
from tocsin.monitors.store.samples import HOUR_MS, Packed, figures_of, hour_rows, recent_of
from tocsin.storage import Tx

PHASES = 5
"""Response time, name lookup, connection, TLS handshake, data transfer: as `sample_hours.data` has them."""
UNREACHED = 0xFFFFFFFF


class _Sums:
    """What fell into one stretch: microseconds by phase, and how many checks reached it."""

    __slots__ = ("counts", "longest", "sums")

    def __init__(self) -> None:
        self.sums = [0] * PHASES
        self.counts = [0] * PHASES
        self.longest = 0

    def add(self, phase: int, microseconds: int, count: int) -> None:
        self.sums[phase] += microseconds
        self.counts[phase] += count

    def bucket(self, at_ms: int) -> Bucket:
        averages = [total / count / 1e6 if count else None for total, count in zip(self.sums, self.counts, strict=True)]
        return Bucket(at_ms, self.counts[0], averages[0] or 0.0, self.longest / 1e6, *averages[1:])


def buckets(tx: Tx, monitor_id: int, from_ms: int, to_ms: int, bucket_ms: int) -> dict[str, list[Bucket]]:
    """By region the stretches of `bucket_ms` in which anything was measured, oldest first.

    What is older than the detailed days is known by the hour, and without phases.
    """
    sums: dict[str, dict[int, _Sums]] = {}
    packed = hour_rows(tx, monitor_id, from_ms, to_ms)
    detailed = {(row.region, row.hour_ms) for row in packed}
    for region, figures in figures_of(tx, monitor_id, from_ms, to_ms):
        if (region, figures.hour_ms) not in detailed:
            into = _at(sums, region, (figures.hour_ms - from_ms) // bucket_ms)
            into.add(0, round(figures.average * 1e6 * figures.count), figures.count)
            into.longest = max(into.longest, round(figures.maximum * 1e6))
    through = {(row.region, row.hour_ms): row.batch_id for row in packed}
    for row in packed:
        _add_hour(sums, row, from_ms, to_ms, bucket_ms)
    for batch_id, sample in recent_of(tx, monitor_id):
        packed_already = batch_id <= through.get((sample.region, sample.at_ms // HOUR_MS * HOUR_MS), 0)
        if packed_already or not from_ms <= sample.at_ms < to_ms:
            continue
        into = _at(sums, sample.region, (sample.at_ms - from_ms) // bucket_ms)
        phases = (sample.response_time, sample.name_lookup_time, sample.connection_time, sample.tls_handshake_time,
                  sample.data_transfer_time)  # fmt: skip
        for phase, seconds in enumerate(phases):
            if seconds is not None:
                into.add(phase, round(seconds * 1e6), 1)
        into.longest = max(into.longest, round(sample.response_time * 1e6))
    return {
        region: [found.bucket(from_ms + place * bucket_ms) for place, found in sorted(places.items())]
        for region, places in sorted(sums.items())
    }


def _at(sums: dict[str, dict[int, _Sums]], region: str, place: int) -> _Sums:
    return sums.setdefault(region, {}).setdefault(place, _Sums())


def _add_hour(sums: dict[str, dict[int, _Sums]], row: Packed, from_ms: int, to_ms: int, bucket_ms: int) -> None:
    """Stretch by stretch, a column at a time: a week holds tens of thousands of checks."""
    instants, columns = _columns(row)
    start = bisect_left(instants, from_ms)
    end = bisect_left(instants, to_ms)
    while start < end:
        place = (instants[start] - from_ms) // bucket_ms
        stop = min(end, bisect_left(instants, from_ms + (place + 1) * bucket_ms, start))
        into = _at(sums, row.region, place)
        for phase, column in enumerate(columns):
            some = column[start:stop]
            missing = some.count(UNREACHED)
            into.add(phase, sum(some) - missing * UNREACHED, len(some) - missing)
        into.longest = max(into.longest, *columns[0][start:stop])
        start = stop


def _columns(row: Packed) -> tuple[list[int], Sequence[array[int]]]:
    """(the instants in ms, a column of microseconds per phase) of a packed hour."""
    planes = zlib.decompress(row.data)
    quarter = len(planes) // 4
    raw = bytearray(len(planes))
    for plane in range(4):
        raw[plane::4] = planes[plane * quarter : (plane + 1) * quarter]
    values = array("I", bytes(raw))
    count = len(values) // (PHASES + 1)
    instants = list(accumulate(values[:count], initial=row.hour_ms))[1:]
    return instants, [values[count * phase : count * (phase + 1)] for phase in range(1, PHASES + 1)]
