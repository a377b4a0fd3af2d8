"""How fast something answered in the last 24 hours: a line, its scale, and the same in words and in a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from markupsafe import Markup

from tocsin.status_pages.model.views import Point

HEIGHT = 100
FEWEST = 3
"""Measured slices that make a chart: of fewer there is nothing to see."""
_ROUND_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_POINTS_PER_ROW = 4
"""The table has a row per hour."""


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A drawn line of response times."""

    width: int
    area: Markup
    line: Markup
    top_seconds: float
    """What the upper edge stands for; the lower is 0."""
    fastest_seconds: float
    average_seconds: float
    ninety_five_seconds: float
    """95 of 100 slices were not slower."""
    milliseconds: str
    """Each slice's value for the script, separated by commas; empty where nothing was measured."""
    rows: tuple[tuple[datetime, float], ...]
    """The table: an hour's beginning and its average; hours in which nothing was measured are left out."""


def chart(points: Sequence[Point]) -> Chart | None:
    """The chart of these slices; None when too few of them were measured to draw a line."""
    values = sorted(point.seconds for point in points if point.seconds is not None)
    if len(values) < FEWEST:
        return None
    top = _round_up(values[-1])
    pieces = _pieces(points)
    width = max(len(points) - 1, 1)
    return Chart(
        width=width,
        area=_paths(_area(piece, top, width) for piece in pieces),
        line=_paths(_line(piece, top, width) for piece in pieces),
        top_seconds=top,
        fastest_seconds=values[0],
        average_seconds=sum(values) / len(values),
        ninety_five_seconds=values[max(0, -(-len(values) * 95 // 100) - 1)],
        milliseconds=",".join("" if point.seconds is None else str(round(point.seconds * 1000)) for point in points),
        rows=_rows(points),
    )


def _round_up(seconds: float) -> float:
    """The next round number, a little above the highest value."""
    wanted, unit = seconds * 1.05, 0.001
    while unit * 10 < wanted:
        unit *= 10
    return next((step * unit for step in _ROUND_STEPS if step * unit >= wanted), 10 * unit)


def _pieces(points: Sequence[Point]) -> list[list[tuple[int, float]]]:
    """The line between the gaps."""
    pieces: list[list[tuple[int, float]]] = [[]]
    for place, point in enumerate(points):
        if point.seconds is not None:
            pieces[-1].append((place, point.seconds))
        elif pieces[-1]:
            pieces.append([])
    return [piece for piece in pieces if piece]


def _heights(piece: list[tuple[int, float]], top: float) -> list[int]:
    return [round(HEIGHT - seconds / top * HEIGHT) for _, seconds in piece]


def _line(piece: list[tuple[int, float]], top: float, width: int) -> str:
    first, *rest = _heights(piece, top)
    steps, before = "", first
    for height in rest:
        steps += f"l1 {height - before}"
        before = height
    if not steps:  # a lone measurement is a short stroke, so that it is seen, within the chart
        return f"M{min(max(piece[0][0] - 0.3, 0), width - 0.6):g} {first}h.6"
    return f"M{piece[0][0]} {first}{steps}"


def _area(piece: list[tuple[int, float]], top: float, width: int) -> str:
    line = _line(piece, top, width)
    return f"{line}V{HEIGHT}z" if len(piece) == 1 else f"{line}V{HEIGHT}H{piece[0][0]}z"


def _paths(paths: Iterable[str]) -> Markup:
    return Markup("".join(paths))  # noqa: S704  # numbers of ours alone


def _rows(points: Sequence[Point]) -> tuple[tuple[datetime, float], ...]:
    rows = []
    for start in range(0, len(points), _POINTS_PER_ROW):
        found = [point.seconds for point in points[start : start + _POINTS_PER_ROW] if point.seconds is not None]
        if found:
            rows.append((points[start].at, sum(found) / len(found)))
    return tuple(rows)
