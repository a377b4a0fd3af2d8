"""Each language is a plain file that says everything English says, in the forms that it needs."""

from __future__ import annotations

import json
import re
import string
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tocsin.pages.words import Language, language, languages, negotiate

NOW = datetime(2026, 11, 30, 14, 26, tzinfo=UTC)
FORMS = {"other": {"other"}, "one_two-to-four_other": {"one", "few", "other"}}


def document(code: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files("tocsin.pages") / "languages" / f"{code}.json").read_text("utf-8"))
    return found


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def forms(said: str | dict[str, str]) -> list[str]:
    return [said] if isinstance(said, str) else list(said.values())


def test_there_are_eight() -> None:
    assert languages() == ("en", "cs", "de", "es", "fr", "ja", "pt", "zh")


@pytest.mark.parametrize("code", languages())
def test_a_language_has_the_keys_and_the_placeholders_of_english(code: str) -> None:
    english, other = document("en"), document(code)
    assert list(other) == list(english)
    assert list(other["words"]) == list(english["words"])
    for name in ("months", "months_alone", "months_short"):
        assert len(other[name]) == 12
    plural = FORMS.get(other["plurals"], {"one", "other"})
    for key, said in english["words"].items():
        mine = other["words"][key]
        assert isinstance(mine, str) == isinstance(said, str), key
        wanted = set.union(*map(placeholders, forms(said)))
        assert all(placeholders(form) == wanted for form in forms(mine)), key
        assert all(form.strip() for form in forms(mine)), key
        assert isinstance(mine, str) or set(mine) == plural, key
    for name, pattern in other["formats"].items():
        known = {"day", "year", "number", "short", "long", "alone", "time", "zone", "start", "end"}
        assert placeholders(pattern) <= known, name


@pytest.mark.parametrize("code", languages())
def test_no_language_smuggles_markup(code: str) -> None:
    """Some of these words are put into pages as they are, around times and links."""
    assert not re.search(r"[<>&]", json.dumps(document(code), ensure_ascii=False))


def test_czech_counts_in_three_forms() -> None:
    say = language("cs").say
    assert [say("days_ago", count=count) for count in (1, 2, 5)] == ["před 1 dnem", "před 2 dny", "před 5 dny"]
    assert [say("all_updates", count=count) for count in (1, 4, 22)] == [
        "1 zpráva", "Všechny 4 zprávy", "Všech 22 zpráv"
    ]  # fmt: skip


def test_french_has_the_singular_for_nothing_and_japanese_has_none() -> None:
    assert language("fr").say("disturbed_days", count=0) == "0 jour perturbé"
    assert language("ja").say("days_ago", count=1) == "1 日前"


def test_what_a_language_lacks_is_said_in_english() -> None:
    welsh = Language("cy", {"name": "Cymraeg", "plurals": "other", "words": {"today": "Heddiw"}}, language("en"))
    assert (welsh.say("today"), welsh.say("now")) == ("Heddiw", "Now")
    assert welsh.day(date(2026, 11, 30)) == "Nov 30, 2026"
    with pytest.raises(KeyError):
        welsh.say("nonsense")
    assert language("xx").code == "en"


@pytest.mark.parametrize(
    ("code", "day", "month", "moment"),
    [
        ("en", "November 3, 2026", "November 2026", "Nov 30, 2026, 15:26 CET"),
        ("de", "3. November 2026", "November 2026", "30. Nov. 2026, 15:26 CET"),
        ("fr", "3 novembre 2026", "novembre 2026", "30 nov. 2026, 15:26 CET"),
        ("es", "3 de noviembre de 2026", "noviembre de 2026", "30 nov 2026, 15:26 CET"),
        ("pt", "3 de novembro de 2026", "novembro de 2026", "30 de nov. de 2026, 15:26 CET"),
        ("ja", "2026年11月3日", "2026年11月", "2026年11月30日 15:26 CET"),
        ("zh", "2026年11月3日", "2026年11月", "2026年11月30日 15:26 CET"),
        ("cs", "3. listopadu 2026", "listopad 2026", "30. 11. 2026, 15:26 CET"),
    ],
)
def test_dates_are_written_as_people_write_them(code: str, day: str, month: str, moment: str) -> None:
    found = language(code)
    assert found.day(date(2026, 11, 3), "long_day") == day
    assert found.day(date(2026, 11, 3), "month") == month
    assert found.moment(NOW, ZoneInfo("Europe/Prague")) == moment


def test_a_zone_without_letters_is_named_by_its_distance() -> None:
    assert language("en").moment(NOW, ZoneInfo("America/Sao_Paulo"), "day") == "Nov 30, 11:26 UTC−3"
    assert language("en").moment(NOW, ZoneInfo("Asia/Kathmandu"), "day") == "Nov 30, 20:11 UTC+5:45"


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1.0, "100%"), (0.99999, "99.99%"), (0.9998, "99.98%"), (0.5, "50%"), (0.0, "0%"), (0.995, "99.50%")],
)
def test_a_share_is_never_rounded_up_to_perfection(share: float, shown: str) -> None:
    assert language("en").percent(share) == shown


def test_numbers_have_the_language_s_comma() -> None:
    assert language("de").percent(0.9998) == "99,98\xa0%"
    assert language("cs").response_time(1.4) == "1,40 s"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (30, "30 s"),
        (60, "1 min"),
        (3_725, "1 h 2 min"),
        (90_000, "1 d 1 h"),
        (86_460, "1 d"),
        (61, "1 min"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (110, "2 min"),
        (3_590, "1 h"),
        (86_399, "1 d"),
        (176_399, "2 d 1 h"),
    ],
)
def test_a_duration_is_told_to_the_nearest_unit(seconds: float, shown: str) -> None:
    assert language("en").duration(seconds) == shown


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("nl, fr;q=0.4, es;q=0.8", "es"),
        ("pt-BR", "pt"),
        ("zh-Hant-TW", "zh"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("*", "en"),
        ("", "en"),
        ("nl;q=1", "en"),
        ("de;q=nonsense, ja;q=0.2", "ja"),
        (";;;,,,q=", "en"),
        ("EN-gb, de", "en"),
    ],
)
def test_readers_get_the_best_language_that_we_have(wish: str, code: str) -> None:
    assert negotiate(wish) == code
