"""Which chats may tell us that a button was pressed is known by the team's own targets, and by nothing else."""

from __future__ import annotations

from typing import Any

from tests.notify.conftest import Ops
from tocsin.notify import actions
from tocsin.notify.actions import chats, targets
from tocsin.storage import Tx

SLACK = {"bot_token": "xoxb-1", "signing_secret": "s3cret", "slack_channel_id": "C1"}
BOT = "4711:a-secret-for-tests-alone-of-35-chars"


async def target(ops: Ops, kind: str, settings: dict[str, Any]) -> int:
    given = {"name": kind, "settings": settings}
    return await ops.database.write(lambda tx: targets.create(tx, ops.team_id, kind, given).id)


async def test_a_page_is_answered_through_the_app_that_posted_it(ops: Ops) -> None:
    first = await target(ops, "slack", SLACK)
    await target(ops, "slack", {**SLACK, "slack_channel_id": "C2", "signing_secret": "another"})
    hook = await target(ops, "slack", {"webhook_url": "https://hooks.slack.com/services/1"})
    posted = await ops.page(user_id=0, channel="slack", address="#ops", target_id=first)
    linked = await ops.page(user_id=0, channel="slack", address="#ops", target_id=hook)
    mailed = await ops.page()

    def found(tx: Tx) -> list[chats.SlackApp | None]:
        tokens = [actions.answer_token(tx, id) for id in (posted, linked, mailed)]
        return [chats.slack_app(tx, token) for token in [*tokens, tokens[0][:-1] + "0" * 2, "", "nonsense"]]

    app, *others = await ops.database.read(found)
    assert app is not None
    assert (app.channel_id, app.signing_secret, app.team_id) == ("C1", "s3cret", ops.team_id)
    assert "s3cret" not in repr(app)
    assert others == [None] * 5
    assert [each.channel_id for each in await ops.database.read(chats.slack_apps)] == ["C1", "C2"]
    await ops.database.write(targets.delete, first, None)
    assert [each.channel_id for each in await ops.database.read(chats.slack_apps)] == ["C2"]


async def test_each_bot_is_listened_to_once_and_has_secrets_of_its_own(sqlite_ops: Ops) -> None:
    ops = sqlite_ops
    for chat_id, token in (("-1", BOT), ("-2", BOT), ("-3", "")):
        await target(ops, "telegram", {"chat_id": chat_id, **({"bot_token": token} if token else {})})
    assert await ops.database.read(chats.telegram_bots) == [BOT]
    path, header = await ops.database.read(chats.telegram_secrets, BOT)
    assert path.startswith("4711-")
    assert path != (await ops.database.read(chats.telegram_secrets, BOT + "x"))[0]
    assert header not in path
