"""Puts the house behind the door together from the settings, where one is set."""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.gateway.door import Door
from tocsin.gateway.relaying import RelayingDoor
from tocsin.kernel.clock import Clock
from tocsin.kernel.net.real import trusted_authorities
from tocsin.proxy import Directory, Place, Proxied, TokenFileError
from tocsin.registry import Catalogue
from tocsin.rest.app import Api
from tocsin.runtime import health
from tocsin.runtime.settings import OperatorError, Settings, SettingsError
from tocsin.runtime.web import App
from tocsin.storage import Database


class UpstreamError(OperatorError):
    """Agents could not be served: the message says what is wrong with the token file."""


def places(settings: Settings) -> tuple[Place | None, dict[str, Place]]:
    """(for everybody, for single teams). Raises SettingsError when half of one is set."""
    if settings.upstream and settings.upstream_token_file is None:
        raise SettingsError("--upstream is set without --upstream-token-file: give the file that holds its API token.")
    if settings.upstream_token_file is not None and not settings.upstream:
        raise SettingsError("--upstream-token-file is set without --upstream: give the address it is for.")
    everybody = None
    if settings.upstream_token_file is not None:
        everybody = Place(settings.upstream, settings.upstream_token_file)
    return everybody, {team: Place(url, path) for team, (url, path) in settings.upstreams.items()}


class Behind:
    """What stands behind the door: nobody, or others' houses, for all or for some teams."""

    def __init__(self, settings: Settings) -> None:
        everybody, teams = places(settings)
        self._directory: Directory | None = None
        self._door: RelayingDoor | None = None
        if everybody is None and not teams:
            return
        self._directory = Directory(everybody, teams, trusted_authorities)
        try:
            self._directory.check()
        except TokenFileError as error:
            raise UpstreamError(f"The token for the upstream: {error}") from None

    def door(self, database: Database, catalogue: Catalogue, clock: Clock) -> Door:
        """The one door of the house."""
        if self._directory is None:
            return Door(database, catalogue, clock)
        self._door = RelayingDoor(database, catalogue, clock, self._directory)
        return self._door

    def api(self, api: Api) -> App:
        """The API, as agents may reach it."""
        return api if self._door is None else Proxied(api, self._door)

    def findings(self) -> Mapping[str, health.Finding]:
        """For `/readyz`: shown, and no reason to take a healthy pager out of service."""
        if self._directory is None:
            return {}
        troubles = self._directory.troubles()
        return {"upstream": health.Finding(ok=not troubles, why="; ".join(troubles))}

    async def start(self) -> None:
        """Say of calls that were under way when we were killed that nobody knows what became of them."""
        if self._door is not None:
            await self._door.settle_what_was_cut_off()

    async def close(self) -> None:
        """Wait for what is under way, then let go."""
        if self._door is not None:
            await self._door.close()
        if self._directory is not None:
            await self._directory.close()
