"""How long something lasted, as exactly as the public is told: pages, bars and reports that write themselves agree."""

from __future__ import annotations

from datetime import timedelta

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def rounded(duration: timedelta) -> timedelta:
    """To the nearest second below a minute, to the nearest minute below a day, to the nearest hour from then on."""
    duration = max(duration, timedelta(0))
    for unit, most in ((timedelta(seconds=1), _MINUTE), (_MINUTE, _DAY)):
        found = _nearest(duration, unit)
        if found < most:
            return found
    return _nearest(duration, _HOUR)


def _nearest(duration: timedelta, unit: timedelta) -> timedelta:
    """A half is rounded up."""
    return (duration + unit / 2) // unit * unit
