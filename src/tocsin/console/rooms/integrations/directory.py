"""The directory: everything that can be connected, found by name, what is set up already first."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk
from tocsin.console.rooms.integrations.kinds import SOURCES, TARGETS

MOST = 250


async def show(desk: Desk) -> Response:
    """What is set up, and what could be."""
    wanted = desk.asked("q").casefold()
    (sources, mine), (targets, theirs) = await asyncio.gather(_sources(desk, wanted), _targets(desk, wanted))
    return desk.page(
        "integrations/directory.html", wanted=desk.asked("q"), sources=sources, targets=targets, coming=mine,
        going=theirs,
    )  # fmt: skip


async def _sources(desk: Desk, wanted: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(every kind that is meant with how many there are, those that are set up)."""
    kinds, mine = [], []
    sources = [source for source in SOURCES if desk.may(f"{source.noun}.list")]
    lists = await asyncio.gather(*(desk.many(f"{source.noun}.list", per_page=MOST) for source in sources))
    for source, found in zip(sources, [each.items for each in lists], strict=True):
        meant = _meant(wanted, source.title, source.words)
        if meant:
            kinds.append({"source": source, "count": len(found)})
        mine += [{"source": source, "it": each} for each in found if meant or _meant(wanted, each["name"])]
    return kinds, mine


async def _targets(desk: Desk, wanted: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    if not desk.may("notification_targets.list"):
        return [], []
    kinds = []
    every, made = await asyncio.gather(
        desk.many("notification_target_kinds.list"), desk.many("notification_targets.list", per_page=MOST)
    )
    titles, places = {kind["id"]: kind["title"] for kind in every.items}, made.items
    for id, title in titles.items():
        group, words = TARGETS.get(id, ("Anything", ""))
        if _meant(wanted, title, words):
            count = sum(place["kind"] == id for place in places)
            kinds.append({"id": id, "title": title, "group": group, "words": words, "count": count})
    theirs = [
        {**place, "title": titles.get(place["kind"], place["kind"])}
        for place in places
        if _meant(wanted, place["name"], titles.get(place["kind"], ""))
    ]
    return kinds, theirs


def _meant(wanted: str, *texts: str) -> bool:
    return wanted in " ".join(texts).casefold()
