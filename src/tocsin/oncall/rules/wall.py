"""What the clock on the wall shows, as arithmetic: a hand-off at nine stays at nine when the clocks change.

Instants are whole milliseconds since 1970 UTC; "local" ones are what the wall clock shows, counted in the same way.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.zones import zone

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY
_FARTHEST = 30 * HOUR
"""More than any two clocks of one zone differ: Samoa and Alaska skipped or repeated a whole day."""
_FIRST_YEAR, _LAST_YEAR = 2, 9_997
"""Beyond which datetimes cannot be reckoned with."""
_FOREVER = 2**62


class Wall:
    """The wall clock of one zone around some years; before and after them it runs on as at their ends."""

    __slots__ = ("_offsets", "_starts")

    def __init__(self, starts: list[int], offsets: list[int]) -> None:
        """`offsets[i]` is how much the wall is ahead of UTC from `starts[i]` on; the first start is the beginning."""
        self._starts = starts
        self._offsets = offsets

    def local(self, instant: int) -> int:
        """What the wall clock shows at an instant."""
        return instant + self._offsets[bisect_right(self._starts, instant) - 1]

    def first(self, local: int) -> int:
        """The earliest instant at which the wall clock shows `local` or more.

        A time that it shows twice (autumn) is meant the first time; one that it skips (spring) is the moment of the
        skip. A later time never gives an earlier instant, so whatever follows one another does so without a gap.
        """
        starts, offsets = self._starts, self._offsets
        index = max(0, bisect_right(starts, local - _FARTHEST) - 1)
        for i in range(index, len(starts) - 1):
            if local - offsets[i] < starts[i + 1]:
                return max(local - offsets[i], starts[i])
        return max(local - offsets[-1], starts[-1])

    def last(self, local: int) -> int:
        """The latest instant before which the wall clock shows less than `local`: the second time of two."""
        starts, offsets = self._starts, self._offsets
        for i in range(bisect_right(starts, local + _FARTHEST) - 1, 0, -1):
            if local - offsets[i] > starts[i]:
                end = starts[i + 1] if i + 1 < len(starts) else _FOREVER
                return min(local - offsets[i], end)
        end = starts[1] if len(starts) > 1 else _FOREVER
        return min(local - offsets[0], end)


def wall(timezone: str, start: int, end: int) -> Wall:
    """The wall clock of a zone (its IANA or Rails name; UTC when it has none) around a window of instants."""
    return _wall(timezone, _year(start) - 1, _year(end) + 1)


def local_time(text: str) -> int:
    """`HH:MM` as milliseconds since midnight."""
    hour, _, minute = text.partition(":")
    return int(hour) * HOUR + int(minute) * MINUTE


@lru_cache(maxsize=512)
def _wall(timezone: str, first_year: int, last_year: int) -> Wall:
    where = zone(timezone) or UTC

    def offset(instant: datetime) -> timedelta:
        return instant.astimezone(where).utcoffset() or timedelta()

    at = datetime(max(_FIRST_YEAR, first_year), 1, 1, tzinfo=UTC)
    end = datetime(min(_LAST_YEAR, last_year) + 1, 1, 1, tzinfo=UTC)
    before = offset(at)
    starts, offsets = [-_FOREVER], [_milliseconds(before)]
    while at < end:  # a few thousand days at most
        following = at + timedelta(days=1)
        after = offset(following)
        if after != before:
            changed = _change(at, following, before, offset)
            starts.append(to_milliseconds(changed))
            offsets.append(_milliseconds(after))
        at, before = following, after
    return Wall(starts, offsets)


def _change(low: datetime, high: datetime, before: timedelta, offset: Callable[[datetime], timedelta]) -> datetime:
    """The second within (low, high] at which the offset is `before` no more."""
    seconds = int((high - low).total_seconds())
    least, most = 0, seconds
    while most - least > 1:
        middle = (least + most) // 2
        if offset(low + timedelta(seconds=middle)) == before:
            least = middle
        else:
            most = middle
    return low + timedelta(seconds=most)


def _milliseconds(offset: timedelta) -> int:
    return offset // timedelta(milliseconds=1)


def _year(instant: int) -> int:
    year = 1970 + instant // 31_556_952_000
    return max(_FIRST_YEAR, min(_LAST_YEAR, year))
