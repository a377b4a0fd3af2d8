"""The words, dates and numbers of a status page in its reader's language: one plain file per language."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from functools import cache
from importlib.resources import files
from typing import Any

from tocsin.kernel.durations import rounded

FALLBACK = "en"
_MAX_ACCEPTED = 20
"""A browser names a handful of languages; what comes after is not read."""

_PLURALS: dict[str, Callable[[int], str]] = {
    "other": lambda count: "other",
    "one_other": lambda count: "one" if count == 1 else "other",
    "zero-one_other": lambda count: "one" if count in (0, 1) else "other",
    "one_two-to-four_other": lambda count: "one" if count == 1 else "few" if 2 <= count <= 4 else "other",
}
"""Which form a whole number takes (Unicode CLDR), by the name that a language's file gives."""


class Language:
    """One language: what its file says, and English where it says nothing."""

    def __init__(self, code: str, document: Mapping[str, Any], fallback: Language | None = None) -> None:
        self.code = code
        self.name: str = document["name"]
        self.direction: str = document.get("direction", "ltr")
        self._plural = _PLURALS[document["plurals"]]
        self._document = document
        self._fallback = fallback

    def part(self, name: str) -> Any:
        """One part of the file, e.g. `months`."""
        if name not in self._document and self._fallback is not None:
            return self._fallback.part(name)
        return self._document[name]

    def say(self, key: str, **values: object) -> str:
        """The words for `key`; a `count` among the values chooses the form."""
        found = self._document["words"].get(key)
        if found is None:
            if self._fallback is None:
                raise KeyError(key)
            return self._fallback.say(key, **values)
        if not isinstance(found, str):
            count = values["count"]
            assert isinstance(count, int)
            found = found[self._plural(count)]
        return str(found.format_map(values)) if values else str(found)

    def form(self, name: str, **values: object) -> str:
        """A date, a number or a list by the language's own pattern."""
        own = self._document.get("formats", {}).get(name)
        pattern: str = own if own is not None or self._fallback is None else self._fallback.part("formats")[name]
        return pattern.format_map(values)

    def day(self, day: date, style: str = "day_of_year") -> str:
        """A date: `day` (without a year), `day_of_year`, `long_day` or `month`."""
        return self.form(
            style,
            day=day.day,
            year=day.year,
            number=day.month,
            short=self.part("months_short")[day.month - 1],
            long=self.part("months")[day.month - 1],
            alone=self.part("months_alone")[day.month - 1],
        )

    def moment(self, instant: datetime, where: tzinfo, style: str = "day_of_year") -> str:
        """An instant on the clock of `where`, with the name of its zone."""
        local = instant.astimezone(where)
        return self.form("moment", day=self.day(local.date(), style), time=f"{local:%H:%M}", zone=zone_name(local))

    def percent(self, share: float) -> str:
        """A share of 0 to 1 with two decimals, never rounded up: 99.999 % is not 100 %."""
        hundredths = int(share * 10_000 + 1e-6)
        whole, rest = divmod(hundredths, 100)
        number = str(whole) if rest == 0 else f"{whole}{self.form('decimal')}{rest:02}"
        return self.form("percent", number=number)

    def duration(self, seconds: float) -> str:
        """`50 s`, `2 min`, `2 h 5 min`, `1 d 3 h`: to the nearest of the smaller unit."""
        days, rest = divmod(int(rounded(timedelta(seconds=seconds)).total_seconds()), 86_400)
        hours, rest = divmod(rest, 3_600)
        minutes, rest = divmod(rest, 60)
        units = [("day", days), ("hour", hours), ("minute", minutes), ("second", rest)]
        shown = [unit for unit in units if unit[1]] or units[3:]
        return self.form("join").join(self.say(f"unit_{name}", count=count) for name, count in shown)

    def response_time(self, seconds: float) -> str:
        """`84 ms`, `1.42 s`."""
        if seconds < 1:
            return self.say("milliseconds", number=round(seconds * 1000))
        return self.say("seconds", number=f"{seconds:.2f}".replace(".", self.form("decimal")))


def zone_name(local: datetime) -> str:
    """What people call the zone: `CET`; `UTC+3` where it has no letters."""
    name = local.tzname() or "UTC"
    if name[:1] not in "+-":
        return name
    sign, hours, minutes = name[0], int(name[1:3]), name[3:5]
    return f"UTC{'−' if sign == '-' else sign}{hours}" + (f":{minutes}" if minutes not in ("", "00") else "")


@cache
def languages() -> tuple[str, ...]:
    """The codes of all languages, English first."""
    folder = files("tocsin.pages") / "languages"
    codes = sorted(each.name.removesuffix(".json") for each in folder.iterdir() if each.name.endswith(".json"))
    return (FALLBACK, *(code for code in codes if code != FALLBACK))


@cache
def language(code: str) -> Language:
    """The language of this code; English when there is none."""
    if code not in languages():
        code = FALLBACK
    document = json.loads((files("tocsin.pages") / "languages" / f"{code}.json").read_text("utf-8"))
    return Language(code, document, fallback=None if code == FALLBACK else language(FALLBACK))


def negotiate(accept_language: str) -> str:
    """The best language for an Accept-Language header (RFC 9110, 12.5.4); English when it names none of ours."""
    known = languages()
    wishes: list[tuple[float, int, str]] = []
    for place, wish in enumerate(accept_language.split(",")[:_MAX_ACCEPTED]):
        tag, _, weight = wish.partition(";")
        code = tag.strip().lower().partition("-")[0]
        quality = _quality(weight)
        if quality > 0 and (code in known or code == "*"):
            wishes.append((-quality, place, FALLBACK if code == "*" else code))
    return min(wishes)[2] if wishes else FALLBACK


def _quality(weight: str) -> float:
    name, _, value = weight.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
