"""A world whose team Ops reads Slack, Telegram and Mattermost, played by servers on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.notify.channels.slack_server import OPS, Slack
from tests.notify.channels.telegram_server import GROUP, Telegram
from tests.notify.channels.web_server import running
from tests.world import BASE_URL, World, world
from tocsin.incidents import actions as incidents
from tocsin.incidents.actions.telling import page_notice
from tocsin.notify import actions as notify
from tocsin.notify.actions import targets
from tocsin.storage import Tx


class Desk:
    """The world, and what stands on its desk."""

    def __init__(self, world: World, slack: Slack, telegram: Telegram) -> None:
        self.world = world
        self.slack = slack
        self.telegram = telegram

    async def report(self) -> int:
        """Open an incident that pages nobody by itself."""
        quiet = {"name": "Shop", "summary": "Status 503", "email": False, "team_wait": None}
        answer = await self.world.api("POST", "/v3/incidents", quiet)
        assert answer.status_code == 201, answer.text
        return int(answer.json()["data"]["id"])

    async def page(self, incident_id: int, target_id: int) -> None:
        """Page a place about an incident, and let the message go out."""

        def work(tx: Tx) -> None:
            notice = page_notice(tx, incidents.find(tx, incident_id), BASE_URL)
            target = targets.find(tx, target_id)
            assert target is not None
            notify.queue(
                tx, notice, user_id=0, channel=target.kind, address=target.name, planned_at=tx.now, target_id=target_id
            )

        await self.world.database.write(work)
        await self.world.settle()

    async def listen(self) -> int | None:
        """Ask Telegram once what was pressed and written, and let the workers do what follows."""
        taken = await self.world.telegram.ask(self.telegram.settings.bot_token)
        await self.world.settle()
        return taken


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    async with running(Slack()) as slack, running(Telegram()) as telegram:
        world.providers = {"slack": slack.settings, "telegram": telegram.settings}
        world.crash()
        await world.installed()
        slack.now = lambda: world.clock.now().timestamp()
        slack.reach = reach(world)
        yield Desk(world, slack, telegram)


def reach(world: World):  # type: ignore[no-untyped-def]
    """How Slack posts to Tocsin."""

    async def post(body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        answer = await world.call_back("/callbacks/slack", body, headers)
        await world.chats.slack.drain()
        return answer.status_code, answer.content

    return post


__all__ = ["GROUP", "OPS", "Desk", "world"]
