"""What Mattermost's server tells us: somebody pressed a button below a page."""

from __future__ import annotations

import re

import msgspec

from tocsin.rest.body import Malformed, read_body
from tocsin.rest.callbacks import chats
from tocsin.rest.callbacks.chats import Answer, Chat, Press, table, text
from tocsin.rest.callbacks.deeds import Answering, Receive, Result, Scope, Send, Way

PATH = "/callbacks/mattermost"
WAY: Way = ("mattermost", "Mattermost message")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+|~])")
_MENTION = re.compile(r"([@:])(?=\w)")


class MattermostCallbacks:
    """An ASGI application for `/callbacks/mattermost`.

    Mattermost signs nothing. What it keeps to itself is the button's context, in which our own signature of the page
    stands: whoever brings that was told of it by Mattermost, or holds the page's link anyway.
    """

    def __init__(self, answering: Answering) -> None:
        self._chat = Chat("Mattermost", WAY, answering)

    def takes(self, path: str) -> bool:
        """Whether an address is ours."""
        return path == PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await chats.serve("mattermost", scope, receive, send, self._answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return 405, "Mattermost posts here."
        length = dict(scope["headers"]).get(b"content-length")
        body = await read_body(receive, length, chats.MAX_BODY_BYTES)
        try:
            told = table(msgspec.json.decode(body))
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise Malformed(400, "This is nothing that Mattermost sends here.") from None
        context = table(told.get("context"))
        press = Press(
            token=text(context.get("token")), deed=text(context.get("deed")), name=text(told.get("user_name"))
        )
        outcome, words = await self._chat.press(press, chats.address(scope))
        if outcome.result is Result.DONE:
            done = "Acknowledged" if press.deed == "acknowledge" else "Resolved"
            return 200, {"update": {"message": _plain(f"{done} by {outcome.by}: {outcome.name}"), "props": {}}}
        return 200, {"ephemeral_text": words}


def _plain(words: str) -> str:
    """Nothing in it is markup, and nobody is mentioned."""
    return _MENTION.sub("\\1\u200b", _MARKDOWN.sub(r"\\\1", words))
