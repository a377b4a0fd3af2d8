"""A row of days is light, and says by its form what it says by its colour."""

from __future__ import annotations

from tests.status_pages.samples import BLIND, DOWN, HELD, NOW, SLOW, UP, days, report, resource, said, slots
from tocsin.pages.bars import day_runs, drawing, slot_period, slot_runs
from tocsin.status_pages.model import State


def test_one_path_for_each_state_that_occurs() -> None:
    assert drawing((UP, UP, DOWN, UP)).count("<path") == 2
    assert drawing((UP, UP, UP)) == '<path class="o" d="M.1 2h.8v32h-.8zm1 0h.8v32h-.8zm1 0h.8v32h-.8z"/>'
    assert drawing((UP,) * 59 + (HELD,)).endswith('<path class="m" d="M59.21 1h.58v34h-.58z"/>')
    assert drawing(()) == ""


def test_every_state_has_a_form_of_its_own() -> None:
    forms = {drawing((state,)).partition(" d=")[2] for state in State}
    assert len(forms) == len(State) == 5


def test_a_form_of_several_parts_stands_in_its_own_place() -> None:
    """The second broken bar begins where the first one did, three places further."""
    assert "zm3 -21h" in drawing((DOWN, UP, UP, DOWN))


def test_the_days_of_a_year_stand_shoulder_to_shoulder() -> None:
    assert drawing((UP,) * 365).startswith('<path class="o" d="M0 2h1v32h-1zm1 0h1v32h-1z')


def test_ninety_days_are_some_hundred_bytes() -> None:
    assert len(drawing((UP,) * 90)) < 1_800


def test_only_what_was_amiss_is_put_into_words_the_latest_first() -> None:
    found = day_runs(resource(1, "API", days=days(90, d3=(DOWN, 600), d10=(SLOW, 60), d20=(HELD, 1800))), [])
    assert [(run.first, run.state, run.duration_seconds) for run in found] == [
        (86, DOWN, 600), (79, SLOW, 60), (69, HELD, 1800)
    ]  # fmt: skip


def test_days_on_which_nobody_watched_are_one_line() -> None:
    (run,) = day_runs(resource(1, "API", days=days(90, **{f"d{back}": (BLIND, 0) for back in range(60, 90)})), [])
    assert (run.first, run.last, run.places) == (0, 29, "0-29")


def test_a_day_has_the_reports_about_this_resource() -> None:
    mine = report(1, "Mine", affected=(said(1, "API", "degraded"),))
    other = report(2, "Other", affected=(said(2, "Web", "degraded"),))
    today = NOW.date()
    (run,) = day_runs(resource(1, "API"), [(mine, today, today), (other, today, today)])
    assert (run.first, run.state, run.reports) == (89, UP, (mine,))


def test_half_hours_that_belong_together_are_one_line() -> None:
    found = slots(3, 4, 5, 20)
    one, three = slot_runs(found)
    assert (one.places, three.places) == ("20", "3-5")
    start, end = slot_period(found, three)
    assert (start, (end - start).total_seconds()) == (found[3].at, 5400)
