"""What stands around every page of the console: only who is signed in comes in, and only forms of ours do anything."""

from __future__ import annotations

import pytest

from tests.world import World


@pytest.mark.slow
async def test_who_is_signed_in_sees_their_team_and_strangers_are_sent_to_sign_in(world: World) -> None:
    alice = await world.sign_in("alice")
    home = await alice.get("/")
    assert home.status_code == 200
    assert "Alice Archer" in home.text
    assert "Ops" in home.text
    stranger = await world.browse("GET", "/")
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/sign-in")


@pytest.mark.slow
async def test_a_form_without_what_proves_that_it_is_ours_does_nothing(world: World) -> None:
    alice = await world.sign_in("alice")
    bob = await world.sign_in("bob")
    for foreign in ("", "x.y", (await bob.get("/")).text.partition('name="csrf" value="')[2].partition('"')[0]):
        answer = await alice.post("/me/team", csrf=foreign, team="1")
        assert answer.status_code == 403
        assert "This form has expired" in answer.text
