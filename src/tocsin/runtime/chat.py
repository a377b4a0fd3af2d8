"""Joins the chats in which pages are answered with those who know the pages, the people and the chats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.gateway import Door
from tocsin.kernel.clock import Clock
from tocsin.kernel.net import Net
from tocsin.notify.actions import chats
from tocsin.notify.channels import slack, telegram
from tocsin.rest.callbacks.deeds import Answering
from tocsin.rest.callbacks.mattermost import MattermostCallbacks
from tocsin.rest.callbacks.slack import App, Member, SlackCallbacks
from tocsin.rest.callbacks.telegram import Bot as AnyBot
from tocsin.rest.callbacks.telegram import TelegramCallbacks, Updates
from tocsin.runtime.web import Receiver
from tocsin.storage import Database, Tx

S = TypeVar("S", bound=msgspec.Struct)

KNOWN_SECONDS = 10.0
"""How long the list of Slack apps is kept: strangers who type commands must not cost a walk over all targets each."""


class SlackDesk:
    """What the surface for Slack asks; see `rest.callbacks.slack.Desk`."""

    def __init__(self, database: Database, net: Net, clock: Clock, settings: slack.Settings) -> None:
        self._database = database
        self._net = net
        self._clock = clock
        self._settings = settings
        self._known: tuple[float, list[chats.SlackApp]] | None = None

    async def app_of(self, token: str) -> App | None:
        return await self._database.read(chats.slack_app, token)

    async def apps_in(self, channel_id: str) -> list[App]:
        now = self._clock.monotonic()
        if self._known is None or now - self._known[0] > KNOWN_SECONDS:
            self._known = (now, await self._database.read(chats.slack_apps))
        return [app for app in self._known[1] if channel_id and app.channel_id == channel_id]

    async def who(self, app: App, user_id: str, team_id: str) -> slack.Visitor | None:
        return await slack.who(self._net, self._settings, app.bot_token, user_id, team_id)

    async def member(self, app: App, email: str) -> Member | None:
        return await self._database.read(_member, app.team_id, email)

    async def whisper(self, response_url: str, words: str) -> None:
        await slack.whisper(self._net, response_url, words)


class TelegramBots:
    """Every bot of this installation: the operator's own and those that teams have brought."""

    def __init__(self, database: Database, net: Net, settings: telegram.Settings) -> None:
        self._database = database
        self._net = net
        self._settings = settings

    async def tokens(self) -> list[str]:
        """Their tokens, each once."""
        own = [self._settings.bot_token] if self._settings.bot_token else []
        return list(dict.fromkeys([*own, *await self._database.read(chats.telegram_bots)]))

    def bot(self, token: str) -> telegram.Bot:
        return telegram.Bot(token, self._settings, self._net)

    async def secrets(self, path: str) -> tuple[AnyBot, str] | None:
        """The bot whose webhook has this secret at its end, and what Telegram must send with each update."""
        for token in await self.tokens():
            at, header = await self._database.read(chats.telegram_secrets, token)
            if at == path:
                return self.bot(token), header
        return None

    async def webhook(self, token: str) -> tuple[str, str]:
        """(secret at the end of the address, secret in the header) of a bot's webhook."""
        return await self._database.read(chats.telegram_secrets, token)


class Chats:
    """The addresses at which chats tell us something, and the bots that we ask ourselves."""

    def __init__(
        self,
        database: Database,
        door: Door,
        clock: Clock,
        net: Net,
        settings: Mapping[str, msgspec.Struct],
        base_url: str,
    ) -> None:
        """`settings`: of the channels, by kind."""
        answering = Answering(database, door, base_url)
        desk = SlackDesk(database, net, clock, _of(settings, slack.KIND, slack.Settings))
        self.updates = Updates(answering)
        self.bots = TelegramBots(database, net, _of(settings, telegram.KIND, telegram.Settings))
        self.slack = SlackCallbacks(answering, desk, door, clock, base_url)
        self.receivers: list[Receiver] = [
            self.slack,
            TelegramCallbacks(self.updates, self.bots.secrets),
            MattermostCallbacks(answering),
        ]


def _of(settings: Mapping[str, msgspec.Struct], kind: str, form: type[S]) -> S:
    found = settings.get(kind)
    return found if isinstance(found, form) else form()


def _member(tx: Tx, team_id: int, email: str) -> Member | None:
    user = accounts.user_by_email(tx, email)
    if user is None or all(member.id != user.id for member in accounts.members(tx, team_id)):
        return None
    return Member(user_id=user.id, email=user.email, team_name=accounts.team(tx, team_id).name)
