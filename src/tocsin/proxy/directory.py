"""Which house stands behind us for which team, and whether all is well with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from tocsin.proxy.http_upstream import HttpUpstream, Timeouts
from tocsin.proxy.token_file import TokenFile


class Place(msgspec.Struct, frozen=True):
    """Where a house is, and where its token lies."""

    url: str
    token_file: Path


class Directory:
    """`gateway.outgoing.Upstreams`: one house for all teams, or one for each that is named."""

    def __init__(
        self,
        everybody: Place | None,
        teams: Mapping[str, Place],
        ca_file: Callable[[], str],
        timeouts: Timeouts | None = None,
    ) -> None:
        self._houses: dict[Place, HttpUpstream] = {}
        for place in (*([everybody] if everybody else []), *teams.values()):
            if place not in self._houses:
                self._houses[place] = HttpUpstream(place.url, TokenFile(place.token_file), ca_file, timeouts)
        self._everybody = None if everybody is None else self._houses[everybody]
        self._teams = {name: self._houses[place] for name, place in teams.items()}

    def of(self, team: str) -> HttpUpstream | None:
        """For the team of this name; None = its agents work here."""
        return self._teams.get(team, self._everybody)

    def check(self) -> None:
        """Read every token once, so that what is missing is said at the start. Raises TokenFileError."""
        for house in self._houses.values():
            house.token.read()

    def troubles(self) -> list[str]:
        """What is wrong just now, in words; empty when nothing is."""
        return [f"{house.name}: {house.trouble}" for house in self._houses.values() if house.trouble]

    async def close(self) -> None:
        """Let go of all connections."""
        for house in self._houses.values():
            await house.close()
