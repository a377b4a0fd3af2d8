"""What Slack tells us: somebody pressed a button below a page, or reported an incident with `/incident`."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec
import structlog

from tocsin.gateway import Door
from tocsin.gateway.identity import Credential
from tocsin.gateway.request import Request
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TocsinError
from tocsin.registry.input import Arguments
from tocsin.rest.body import Malformed, read_body
from tocsin.rest.callbacks import chats
from tocsin.rest.callbacks.chats import Answer, Chat, Press, table, text
from tocsin.rest.callbacks.deeds import Answering, Receive, Result, Scope, Send, Way

log = structlog.get_logger()

PATH = "/callbacks/slack"
WAY: Way = ("slack", "Slack message")
FRESH_SECONDS = 300
"""How old a signed request may be: later it is somebody's recording of one (Slack, Verifying requests)."""
MAX_FIELDS = 200
MAX_WHISPERS = 20
"""Answers to those who pressed too late that are on their way at once."""
WHISPER_TIMEOUT_SECONDS = 10.0
CREATES = frozenset({"incidents.create"})
"""What `/incident` may do, and only as the member who typed it."""
STRANGER = (
    "Only members of the team can report an incident, and Tocsin does not know you by the e-mail address that you have "
    "in Slack."
)
HOW_TO = "Say what is wrong: `/incident The shop takes no orders`."


class App(Protocol):
    """An app in somebody's Slack, and the channel in which it posts for a team."""

    @property
    def team_id(self) -> int: ...
    @property
    def channel_id(self) -> str: ...
    @property
    def bot_token(self) -> str: ...
    @property
    def signing_secret(self) -> str: ...


class Visitor(Protocol):
    """A Slack user."""

    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str | None: ...


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A person of the team for which a channel is."""

    user_id: int
    email: str
    team_name: str


class Desk(Protocol):
    """What the surface asks of those who know Slack and our records."""

    async def app_of(self, token: str) -> App | None:
        """Through which app the page with this answer token was posted."""
        ...

    async def apps_in(self, channel_id: str) -> list[App]:
        """The apps that post in this channel."""
        ...

    async def who(self, app: App, user_id: str, team_id: str) -> Visitor | None:
        """Who a Slack user is, as far as Slack says so at once; `team_id`: the workspace in which they act."""
        ...

    async def member(self, app: App, email: str) -> Member | None:
        """The member of the app's team with this address."""
        ...

    async def whisper(self, response_url: str, words: str) -> None:
        """Say something that only whoever pressed reads."""
        ...


class SlackCallbacks:
    """An ASGI application for `/callbacks/slack`. Nothing is believed that Slack has not signed just now."""

    def __init__(self, answering: Answering, desk: Desk, door: Door, clock: Clock, base_url: str) -> None:
        self._chat = Chat("Slack", WAY, answering)
        self._desk = desk
        self._door = door
        self._clock = clock
        self._base_url = base_url
        self._whispers: set[asyncio.Task[None]] = set()

    def takes(self, path: str) -> bool:
        """Whether an address is ours."""
        return path == PATH

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await chats.serve("slack", scope, receive, send, self._answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["method"] != "POST":
            return 405, "Slack posts here."
        headers = dict(scope["headers"])
        body = await read_body(receive, headers.get(b"content-length"), chats.MAX_BODY_BYTES)
        form = _form(body)
        if "payload" in form:
            return await self._pressed(scope, body, _payload(form["payload"]))
        if form.get("command"):
            return await self._commanded(scope, body, form)
        # What Slack asks when an address is entered there; it tells nobody anything.
        return (200, "") if form.get("ssl_check") == "1" else (400, "This is nothing that Slack sends here.")

    async def _pressed(self, scope: Scope, body: bytes, payload: dict[str, Any]) -> Answer:
        actions = payload.get("actions")
        action = table(actions[0]) if isinstance(actions, list) and actions else {}
        token = text(action.get("value"))
        app = await self._desk.app_of(token) if token else None
        if app is None or not self._signed(scope, body, app):
            return 401, "The signature does not match: is the signing secret of the target that of this app?"
        user = table(payload.get("user"))
        visitor = await self._desk.who(app, text(user.get("id")), text(table(payload.get("team")).get("id")))
        press = Press(
            token=token,
            deed=text(action.get("action_id")),
            name=(visitor.name if visitor else "") or text(user.get("name")) or text(user.get("username")),
            email=visitor.email if visitor else None,
        )
        outcome, words = await self._chat.press(press, chats.address(scope))
        if outcome.result is not Result.DONE or press.deed in chats.DECISIONS:
            # what was done about an incident shows in the message itself, and in its thread
            self._whisper(text(payload.get("response_url")), words)
        return 200, ""

    async def _commanded(self, scope: Scope, body: bytes, form: dict[str, str]) -> Answer:
        apps = await self._desk.apps_in(form.get("channel_id", ""))
        app = next((app for app in apps if self._signed(scope, body, app)), None)
        if app is None:
            return 200, _only_you("This channel is not connected with Tocsin, so it is not known whom to alert.")
        said = " ".join(form.get("text", "").split())
        if not said:
            return 200, _only_you(HOW_TO)
        visitor = await self._desk.who(app, form.get("user_id", ""), form.get("team_id", ""))
        member = await self._desk.member(app, visitor.email) if visitor and visitor.email else None
        if member is None:
            return 200, _only_you(STRANGER)
        signature = dict(scope["headers"]).get(b"x-slack-signature", b"").decode("latin-1")
        try:
            reply = await self._door.call(
                Request(
                    operation=self._door.catalogue["incidents.create"],
                    route=self._door.catalogue["incidents.create"].routes[0],
                    credential=Credential(
                        user_id=member.user_id, through=WAY[1], only=CREATES, client_address=chats.address(scope)
                    ),
                    arguments=Arguments(
                        path={},
                        body={"name": said[:255], "summary": said, "requester_email": member.email,
                              "team_name": member.team_name},
                    ),
                    surface=WAY[0],
                    base_url=self._base_url,
                    idempotency_key=signature,  # the same request brought twice is one incident
                    render=_nothing,
                )
            )  # fmt: skip
        except TocsinError as error:
            return 200, _only_you(f"The incident could not be opened: {error.message}")
        if reply.replayed:
            return 200, _only_you("The incident was opened already.")
        return 200, {
            "response_type": "in_channel",
            "text": f"Incident {reply.value.id} is open: {_escape(said)}",
        }

    def _signed(self, scope: Scope, body: bytes, app: App) -> bool:
        headers = dict(scope["headers"])
        seconds = headers.get(b"x-slack-request-timestamp", b"")
        given = headers.get(b"x-slack-signature", b"")
        if not app.signing_secret or not seconds.isdigit() or len(seconds) > 12:
            return False
        expected = signature(app.signing_secret, seconds, body).encode()
        # Compared first and in constant time: how long this takes says nothing about either.
        matches = hmac.compare_digest(expected, given)
        return matches and abs(self._clock.now().timestamp() - int(seconds)) <= FRESH_SECONDS

    def _whisper(self, response_url: str, words: str) -> None:
        """Answer beside the request: Slack waits three seconds, and its own server may take longer."""
        if not response_url.startswith(("http://", "https://")) or len(self._whispers) >= MAX_WHISPERS:
            return
        task = asyncio.create_task(self._say(response_url, words), name="whisper")
        self._whispers.add(task)
        task.add_done_callback(self._whispers.discard)

    async def _say(self, response_url: str, words: str) -> None:
        try:
            async with asyncio.timeout(WHISPER_TIMEOUT_SECONDS):
                await self._desk.whisper(response_url, words)
        except Exception as error:  # nothing hangs on it, and nobody waits for it
            log.warning("an answer in Slack was lost", why=str(error))

    async def drain(self) -> None:
        """Wait for what is on its way."""
        while self._whispers:
            await asyncio.wait(set(self._whispers))


def signature(secret: str, seconds: bytes, body: bytes) -> str:
    """X-Slack-Signature, version v0: HMAC-SHA256 over version, instant and body (Slack, Verifying requests)."""
    return "v0=" + hmac.new(secret.encode(), b"v0:" + seconds + b":" + body, hashlib.sha256).hexdigest()


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(
            parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
        )
    except ValueError:
        raise Malformed(400, "This is no form of Slack's.") from None


def _payload(written: str) -> dict[str, Any]:
    try:
        return table(msgspec.json.decode(written.encode()))
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise Malformed(400, "This is no payload of Slack's.") from None


def _only_you(words: str) -> dict[str, str]:
    return {"response_type": "ephemeral", "text": words}


def _escape(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _nothing(_reply: object) -> bytes:
    return b""
