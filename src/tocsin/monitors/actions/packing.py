"""Measurements grow old: packed by hour after minutes, rolled up by day after two days, forgotten after a year."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocsin.monitors.model import Sample
from tocsin.monitors.rules.figures import hour_figures
from tocsin.monitors.store import monitors as monitor_shelf
from tocsin.monitors.store import samples as shelf
from tocsin.storage import Tx

Key = tuple[int, int, str]
"""Monitor, hour (ms), region."""
Unpacked = dict[Key, list[tuple[int, Sample]]]
"""Samples with the id of the batch that each lies in."""


def read_unpacked(tx: Tx, limit: int) -> tuple[int, int, Unpacked]:
    """The id of the last of the oldest batches (0 = there are none), their number, and what is in them."""
    last, found = 0, Unpacked()
    batches = shelf.read_batches(tx, 0, limit)
    watched = monitor_shelf.revisions(tx)
    for id, from_ms, region, data in batches:
        last = id
        for sample in shelf.unpack_batch(from_ms, region, data):
            if sample.monitor_id not in watched:  # deleted since
                continue
            hour_ms = sample.at_ms // shelf.HOUR_MS * shelf.HOUR_MS
            found.setdefault((sample.monitor_id, hour_ms, region), []).append((id, sample))
    return last, len(batches), found


def pack(tx: Tx, some: Mapping[Key, Sequence[tuple[int, Sample]]]) -> None:
    """Put samples into their hours. Doing it again, after a crash in between, adds nothing twice."""
    for (monitor_id, hour_ms, region), numbered in some.items():
        old = shelf.hour_row(tx, monitor_id, hour_ms, region)
        through = 0 if old is None else old.batch_id
        new = [sample for batch_id, sample in numbered if batch_id > through]
        if not new:
            continue
        samples = sorted((shelf.unpack_hour(old) if old else []) + new, key=lambda sample: sample.at_ms)
        packed = shelf.Packed(
            monitor_id, hour_ms, region, max(batch_id for batch_id, _ in numbered), shelf.pack_hour(hour_ms, samples)
        )
        shelf.save_hour(tx, packed, None if old is None else old.batch_id)


def forget_batches(tx: Tx, through_id: int) -> None:
    """They are packed."""
    shelf.delete_batches(tx, through_id)


def roll_up(tx: Tx, before_ms: int, limit: int) -> int:
    """Replace packed hours older than `before_ms` by their figures. Returns how many, at most `limit`."""
    old = shelf.hours_before(tx, before_ms, limit)
    for row in old:
        times = [sample.response_time for sample in shelf.unpack_hour(row)]
        if times:
            shelf.add_figures(tx, row.monitor_id, row.region, hour_figures(row.hour_ms, times))
        shelf.delete_hours(tx, row.monitor_id, row.hour_ms, row.region)
    return len(old)


def forget_days(tx: Tx, before_ms: int) -> None:
    """What is older than anybody asks for."""
    shelf.delete_days_before(tx, before_ms)
