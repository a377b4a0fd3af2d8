"""Style sheets and scripts are kept by browsers for as long as they are the same, and no longer."""

from __future__ import annotations

import re

from tests.world import World


async def test_what_has_a_stamp_is_kept_and_what_has_none_is_asked_for_anew(world: World) -> None:
    page = await world.browse("GET", "/sign-in")
    assert page.status_code == 200
    alice = await world.sign_in("alice")
    stamped = re.findall(r'(?:href|src)="(/assets/[a-z-]+\.(?:css|js)\?[0-9a-f]{10})"', (await alice.get("/")).text)
    assert len(stamped) >= 3
    for address in stamped:
        kept = await world.browse("GET", address)
        assert (kept.status_code, kept.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert (await world.browse("GET", "/assets/console.css")).headers["cache-control"] == "no-cache"
    assert (await world.browse("GET", "/assets/nothing.css?0123456789")).status_code == 404
