"""Style sheets and scripts are kept by browsers for as long as they are the same, and no longer."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import tocsin.console
from tests.world import World

ASSETS = Path(tocsin.console.__file__).parent / "assets"


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


def test_no_two_parts_of_the_design_take_the_same_name() -> None:
    """What is said twice of the same selector holds only the second time: two rooms have taken one name."""
    sheet = re.sub(r"/\*.*?\*/", "", (ASSETS / "console.css").read_text(), flags=re.DOTALL)
    said: Counter[tuple[str, str]] = Counter()
    for selectors, declarations in re.findall(r"([^{}]+)\{([^{}]*)\}", without_conditions(sheet)):
        properties = {each.partition(":")[0].strip() for each in declarations.split(";") if ":" in each}
        for selector in re.split(r",(?![^(]*\))", selectors):
            if "." in selector:  # elements are told once what all have in common, and then what they have alone
                said.update((" ".join(selector.split()), name) for name in properties)
    assert len(said) > 500
    assert [names for names, times in said.items() if times > 1] == []


def without_conditions(sheet: str) -> str:
    """A style sheet without what holds on some screens only (`@media`, `@keyframes`)."""
    kept, depth, start = [], 0, 0
    for found in re.finditer(r"@[^{;]*\{|[{}]", sheet):
        if depth:
            depth += -1 if found[0] == "}" else 1
            start = found.end()
        elif found[0].startswith("@"):
            kept.append(sheet[start : found.start()])
            depth = 1
    return "".join([*kept, sheet[start:]])
