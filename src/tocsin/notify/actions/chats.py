"""Which chats may tell us that a button was pressed there, and how we know that it was them."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from tocsin.notify.actions.answering import verify_answer
from tocsin.notify.channels import slack, telegram
from tocsin.notify.store import targets as shelf
from tocsin.storage import Tx

T = TypeVar("T", bound=msgspec.Struct)

MAX_TARGETS = 500
"""Targets of one kind that are looked at; an installation has a few dozen."""


class SlackApp(msgspec.Struct, frozen=True, kw_only=True):
    """An app in somebody's Slack, and the channel in which it posts for a team."""

    team_id: int
    channel_id: str
    bot_token: str
    signing_secret: str

    def __repr__(self) -> str:
        return f"SlackApp(team_id={self.team_id}, channel_id={self.channel_id!r})"


def slack_apps(tx: Tx) -> list[SlackApp]:
    """All apps that may tell us something."""
    rows, _ = shelf.page(tx, kind=slack.KIND, team_ids=None, offset=0, limit=MAX_TARGETS)
    found = [(row.team_id, _read(tx, row.secrets, slack.Target)) for row in rows]
    return [_app(team_id, target) for team_id, target in found if target is not None and target.signing_secret]


def slack_app(tx: Tx, answer_token: str) -> SlackApp | None:
    """The app through which the page with this answer token was posted; None when it is none of ours."""
    link = verify_answer(tx, answer_token)
    row = shelf.row_of(tx, link.target_id) if link is not None and link.target_id else None
    target = _read(tx, row.secrets, slack.Target) if row is not None and row.kind == slack.KIND else None
    if row is None or target is None or not target.signing_secret:
        return None
    return _app(row.team_id, target)


def telegram_bots(tx: Tx) -> list[str]:
    """The tokens of the bots that teams have brought, each once."""
    rows, _ = shelf.page(tx, kind=telegram.KIND, team_ids=None, offset=0, limit=MAX_TARGETS)
    found = [_read(tx, row.secrets, telegram.Target) for row in rows]
    return sorted({target.bot_token for target in found if target is not None and target.bot_token})


def telegram_secrets(tx: Tx, bot_token: str) -> tuple[str, str]:
    """(what stands in the address of a bot's webhook, what Telegram sends with each update)."""
    bot_id = bot_token.partition(":")[0]
    return f"{bot_id}-{tx.vault.sign(f'telegram:{bot_token}')}", tx.vault.sign(f"telegram-header:{bot_token}")


def _app(team_id: int, target: slack.Target) -> SlackApp:
    return SlackApp(
        team_id=team_id,
        channel_id=target.slack_channel_id,
        bot_token=target.bot_token,
        signing_secret=target.signing_secret,
    )


def _read(tx: Tx, sealed: str, kind: type[T]) -> T | None:
    """A target's settings; None when they cannot be read any more."""
    try:
        return msgspec.convert(shelf.settings_in(tx, sealed), kind, strict=False)
    except msgspec.ValidationError:
        return None
