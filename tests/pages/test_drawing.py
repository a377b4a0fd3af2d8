"""Every kind of public page can be drawn, and says what it should."""

from __future__ import annotations

import pytest

from tests.status_pages import samples
from tocsin.pages.drawing import ANSWERS, GATES, draw_answer, draw_gate, draw_home, draw_month, draw_not_found


def test_the_front_page_says_how_everything_stands() -> None:
    html = draw_home(samples.shop(), samples.frame())
    assert "Some systems are down" in html
    assert "Card payments fail for some customers" in html
    assert "All systems operational" in draw_home(samples.calm(), samples.frame())


def test_a_month_tells_of_its_reports() -> None:
    html = draw_month(samples.shop(), samples.month(), samples.frame())
    assert "Incidents in November 2026" in html
    assert "?month=2026-10" in html


@pytest.mark.parametrize("kind", ANSWERS)
def test_every_answer_is_drawn_with_and_without_its_page(kind: str) -> None:
    assert "<h1" in draw_answer(samples.shop(), samples.frame(), kind)
    assert "<h1" in draw_answer(None, samples.frame(), kind)


@pytest.mark.parametrize("kind", GATES)
def test_every_gate_is_drawn(kind: str) -> None:
    assert "<h1" in draw_gate(samples.frame(), "Acme", kind)


def test_nothing_is_there() -> None:
    assert "There is nothing here" in draw_not_found(samples.frame())
