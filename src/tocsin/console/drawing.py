"""Pictures that the server draws as SVG, without any style in it: no script is needed to see them.

A picture is as wide as it has places and is stretched to the room that it is given; words beside it are HTML, so that
they stay readable at any width. `points` is what `charts.js` reads out under the pointer and by the arrow keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from markupsafe import Markup

from tocsin.console.words import lasting

_LOOKS = {
    "operational": ("good", "nothing was wrong"),
    "downtime": ("bad", "down"),
    "degraded": ("held", "degraded"),
    "maintenance": ("calm", "maintenance"),
    "not_monitored": ("idle", "not watched"),
}
CHART_HEIGHT = 100
_ROUND_STEPS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
STEP = 4
"""Units from one bar to the next; a bar is three wide."""


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """One day."""

    x: int
    look: str
    """The class of its colour."""
    words: str
    """What it says when somebody points at it."""


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """A row of days, the oldest first, to be put into a page by `parts.bars`."""

    items: tuple[Bar, ...]
    width: int
    words: str
    """The whole of it in a sentence, for who cannot see it."""

    @property
    def points(self) -> str:
        """What each says, as a JSON list."""
        return _json([bar.words for bar in self.items])


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a chart, or one layer of a stack. `values`: one per place, None where nothing is known."""

    name: str
    values: Sequence[float | None]


class Chart(msgspec.Struct, frozen=True, kw_only=True):
    """A chart, ready to be put into a page by `parts.chart`."""

    svg: Markup
    label: str
    top: str
    middle: str
    legend: tuple[tuple[int, str], ...]
    """(number of the colour, name)."""
    times: tuple[str, ...]
    """Instants under the chart, evenly spread from its left edge to its right."""
    points: str
    """JSON: `{"at": [ms…], "series": [{"name": …, "values": […]}…], "unit": …}`."""


def bars(days: Sequence[Mapping[str, Any]]) -> Bars:
    """`days`: each with `date`, `status` (operational, downtime, degraded, maintenance, not_monitored) and `downtime`
    (seconds)."""
    items = tuple(
        Bar(x=place * STEP, look=_LOOKS.get(day["status"], ("idle", ""))[0], words=f"{day['date']}: {_said(day)}")
        for place, day in enumerate(days)
    )
    bad = [day for day in days if day["status"] == "downtime"]
    down = lasting(sum(day["downtime"] for day in bad))
    said = f"down on {len(bad)} of {len(days)} days, {down} in all" if bad else f"no downtime in {len(days)} days"
    return Bars(items=items, width=max(1, len(items) * STEP - 1), words=said[:1].upper() + said[1:])


def _said(day: Mapping[str, Any]) -> str:
    words = _LOOKS.get(day["status"], ("idle", str(day["status"])))[1]
    return f"{words} for {lasting(day['downtime'])}" if day["status"] == "downtime" else words


def chart(
    series: Sequence[Series], at_ms: Sequence[int], *, label: str, unit: str = "ms", stacked: bool = False,
    times: Sequence[str] = (), bands: Sequence[tuple[float, float]] = (),
) -> Chart:  # fmt: skip
    """`at_ms`: each place's instant; `stacked`: layers that add up; `bands`: (from, to) in places, drawn behind."""
    count = max(2, len(at_ms))
    layers = _stacked(series) if stacked else [list(each.values) for each in series]
    top = round_up(max((value for layer in layers for value in layer if value is not None), default=0.0))
    shapes = [
        Markup('<rect class="band" x="{}" y="0" width="{}" height="{}"/>').format(
            round(start, 2), round(max(0.4, end - start), 2), CHART_HEIGHT
        )
        for start, end in bands
    ]
    shapes += [
        Markup('<path class="axis" d="M0 {}H{}"/>').format(CHART_HEIGHT * part // 2, count - 1) for part in range(3)
    ]
    below: list[float | None] = [0.0] * len(at_ms)
    for number, layer in enumerate(layers, start=1):
        if stacked:
            shapes += [
                Markup('<path class="area a{}" d="{}"/>').format(number, _area(piece, top))
                for piece in _pieces(layer, below)
            ]
            below = layer
        else:
            path = "".join(_line(piece, top) for piece in _pieces(layer, layer))
            shapes.append(Markup('<path class="line s{}" d="{}"/>').format(number, path))
    svg = Markup(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true" focusable="false">{}</svg>'
    ).format(count - 1, CHART_HEIGHT, Markup("").join(shapes))
    sent = {
        "at": list(at_ms), "unit": unit, "stacked": stacked,
        "series": [{"name": each.name, "values": [_short(value) for value in each.values]} for each in series],
    }  # fmt: skip
    return Chart(
        svg=svg, label=label, top=f"{top:g} {unit}", middle=f"{top / 2:g} {unit}",
        legend=tuple(enumerate((each.name for each in series), start=1)), times=tuple(times), points=_json(sent),
    )  # fmt: skip


def round_up(value: float) -> float:
    """The round number above a value, e.g. 300 for 262: what the upper edge of a chart stands for."""
    if value <= 0:
        return 1.0
    power = 1.0
    while value > 10 * power:
        power *= 10
    while value <= power:
        power /= 10
    return next(step * power for step in _ROUND_STEPS if value <= step * power * (1 + 1e-9))


def _stacked(series: Sequence[Series]) -> list[list[float | None]]:
    """Each layer on those below it; a place of which nothing is known is known in none."""
    sums: list[list[float | None]] = []
    for place_values in zip(*(each.values for each in series), strict=True):
        known = any(value is not None for value in place_values)
        total, row = 0.0, []
        for value in place_values:
            total += value or 0.0
            row.append(total if known else None)
        sums.append(list(row))
    return [[row[number] for row in sums] for number in range(len(series))]


Piece = list[tuple[int, float, float]]
"""(place, value, what lies below it) of neighbouring places."""


def _pieces(layer: Sequence[float | None], below: Sequence[float | None]) -> list[Piece]:
    """The stretches without a hole."""
    pieces: list[Piece] = []
    last = -2
    for place, (value, under) in enumerate(zip(layer, below, strict=True)):
        if value is None:
            continue
        if place != last + 1:
            pieces.append([])
        pieces[-1].append((place, value, under or 0.0))
        last = place
    return pieces


def _line(piece: Piece, top: float) -> str:
    """A single measurement is a short dash: a point of no length would not be seen."""
    if len(piece) == 1:
        place, value, _ = piece[0]
        return f"M{place - 0.2:g} {_y(value, top)}h.4"
    return "M" + "L".join(f"{place} {_y(value, top)}" for place, value, _ in piece)


def _area(piece: Piece, top: float) -> str:
    if len(piece) == 1:
        place, value, under = piece[0]
        return f"M{place - 0.2:g} {_y(under, top)}V{_y(value, top)}h.4V{_y(under, top)}Z"
    there = "L".join(f"{place} {_y(value, top)}" for place, value, _ in piece)
    back = "L".join(f"{place} {_y(under, top)}" for place, _, under in reversed(piece))
    return f"M{there}L{back}Z"


def _y(value: float, top: float) -> str:
    return f"{CHART_HEIGHT - CHART_HEIGHT * value / top:.4g}"


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def evenly(at_ms: Sequence[int], count: int) -> list[int]:
    """`count` of the instants, from the first to the last."""
    if len(at_ms) < 2 or count < 2:
        return list(at_ms[:1])
    return [at_ms[round(place * (len(at_ms) - 1) / (count - 1))] for place in range(count)]
