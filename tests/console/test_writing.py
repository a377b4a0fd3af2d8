"""What people write is drawn in the time of a page: a hostile text must not stand still what pages people."""

from __future__ import annotations

from time import process_time

import pytest

from tests.world import World
from tocsin.console.rooms.monitors.importing import read
from tocsin.console.writing import written
from tocsin.kernel.prose import MAX_COST, cost
from tocsin.pages.prose import line, plain, prose

HOSTILE = ("[", "![", "**a *b ", "_a", "~~a", "<a ", "[a](b", "|a", "\\")
LONG = 200_000


@pytest.mark.parametrize("part", HOSTILE)
def test_what_would_take_seconds_to_draw_is_shown_as_it_was_written(part: str) -> None:
    text = (part * LONG)[:LONG]
    assert cost(text) > MAX_COST
    assert written(text).unescape() == f'<pre tabindex="0"><code>{text}</code></pre>'
    assert prose(text).unescape() == f"<p>{text}</p>"
    assert line(text).unescape() == text
    assert len(plain(text)) <= 200


def test_a_long_report_of_a_long_day_is_drawn() -> None:
    text = (
        "## What happened\n\n"
        + "The **queue** was full, see `jobs.log` and [the graph](https://example.com/g).\n" * 350
    )
    assert cost(text) < MAX_COST
    assert "<strong>queue</strong>" in written(text)
    assert "<strong>queue</strong>" in written("All was **queue**. " + "Nothing else to say of it. " * 7_000)


@pytest.mark.slow
async def test_many_comments_together_cost_no_more_and_none_is_lost(world: World) -> None:
    incident = int((await world.api("POST", "/v3/incidents", {"summary": "Down"})).json()["data"]["id"])
    many = "- [x] done\n- [ ] **not <b>\n" + "*a " * 4_500
    for number in range(5):
        sent = {"content": f"Number {number} **first**\n\n{many}"}
        assert (await world.api("POST", f"/v2/incidents/{incident}/comments", sent)).status_code == 201
    alice = await world.sign_in("alice")
    page = (await alice.get(f"/incidents/{incident}")).text
    assert page.count("<strong>first</strong>") == 3
    assert page.count("**first**") == 2
    assert "<b>\n" not in page
    assert page.count("Save the checklist") == 3, "boxes that are not drawn are not taken for unticked ones"


@pytest.mark.parametrize("line", ["a." * 50_000 + " x", ":" * 99_990 + "x"], ids=["dots", "colons"])
def test_a_pasted_list_is_read_in_no_time_whatever_is_pasted(line: str) -> None:
    began = process_time()
    assert [each.monitor for each in read(line)] == [None]
    assert process_time() - began < 1, "it took minutes, in which nobody was paged"
