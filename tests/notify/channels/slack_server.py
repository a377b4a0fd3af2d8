"""A Slack on loopback: takes and refuses messages as the real one does, and lets a test press their buttons.

Speaks chat.postMessage, chat.update, conversations.create, users.info, incoming webhooks, and signs what it posts to an
app (version v0).
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlencode

from tests.notify.channels.web_server import Answer, Headers, WebServer
from tocsin.notify.channels.slack import Settings

BOT_TOKEN = "xoxb-for-tests"
SIGNING_SECRET = "a signing secret for tests alone"
OPS = "C0000000001"
HOOK = "/services/T1/B1/secret"
MAX_BLOCKS = 50
MAX_ALL_BLOCKS_CHARACTERS = 13_000

Reach = Callable[[bytes, Headers], Awaitable[tuple[int, bytes]]]
"""`reach(body, headers)`: posts to Tocsin's /callbacks/slack; returns (status, body)."""


class Posted:
    """One message in a channel, as it looks now."""

    def __init__(self, channel: str, ts: str, form: dict[str, Any]) -> None:
        self.channel = channel
        self.ts = ts
        self.thread_ts: str | None = form.get("thread_ts")
        self.broadcast = bool(form.get("reply_broadcast"))
        self.form = form
        self.versions = [form]

    @property
    def text(self) -> str:
        """All that is read in it, markup and all."""
        blocks = self.form.get("blocks")
        if blocks is None:
            return str(self.form["text"])
        texts = []
        for block in blocks:
            texts += [part["text"] for part in ([block["text"]] if "text" in block else []) + block.get("fields", [])]
        return "\n".join(texts)

    @property
    def buttons(self) -> dict[str, str]:
        """What each button gives back, by what stands on it."""
        blocks = [block for block in self.form.get("blocks", ()) if block["type"] == "actions"]
        return {each["text"]["text"]: each["value"] for block in blocks for each in block["elements"]}


class Slack(WebServer):
    """One workspace."""

    def __init__(self, reach: Reach | None = None) -> None:
        super().__init__()
        self.reach = reach
        self.channels = {OPS: "ops"}
        self.messages: list[Posted] = []
        self.asked: list[str] = []
        """The methods that were called, in order."""
        self.error: dict[str, str] = {}
        """With which error a method is refused."""
        self.users = {"U1": ("ann", "Ann Smith", "ann@elsewhere.example"), "U2": ("alice", "Al", "alice@example.com")}
        self.may_read_mail = True
        self.foreign: set[str] = set()
        """Users of another company, with which the channel is shared."""
        self.said_to: dict[str, list[dict[str, Any]]] = {}
        """What was answered to a press that nobody else sees, by user."""
        self._ids = itertools.count(100)

    @property
    def settings(self) -> Settings:
        return Settings(base_url=f"{self.url}/api")

    @property
    def target(self) -> dict[str, Any]:
        """The settings of a target that posts in #ops."""
        return {
            "bot_token": BOT_TOKEN, "signing_secret": SIGNING_SECRET, "slack_channel_id": OPS,
            "slack_channel_name": "#ops",
        }  # fmt: skip

    def in_channel(self, channel: str = OPS) -> list[Posted]:
        """What stands in a channel outside of threads."""
        return [each for each in self.messages if each.channel == channel and not each.thread_ts]

    def in_thread(self, first: Posted) -> list[Posted]:
        """What was said below a message."""
        return [each for each in self.messages if each.thread_ts == first.ts and each.channel == first.channel]

    async def press(
        self, message: Posted, label: str, user: str = "U1", *, secret: str = SIGNING_SECRET, at: float | None = None
    ) -> tuple[int, bytes]:
        """Somebody presses a button."""
        deed = label.lower()
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": self.users[user][0], "name": self.users[user][0], "team_id": "T1"},
            "team": {"id": "T1", "domain": "example"},
            "channel": {"id": message.channel, "name": "ops"},
            "message": {"ts": message.ts, "type": "message"},
            "response_url": f"{self.url}/actions/{user}",
            "actions": [{"type": "button", "action_id": deed, "block_id": "b", "value": message.buttons[label],
                         "text": {"type": "plain_text", "text": label}}],
        }  # fmt: skip
        return await self.tell(urlencode({"payload": json.dumps(payload)}).encode(), secret=secret, at=at)

    async def command(self, text: str, user: str = "U2", channel: str = OPS) -> dict[str, Any]:
        """Somebody types `/incident …`; returns what they read."""
        form = {"command": "/incident", "text": text, "user_id": user, "user_name": self.users[user][0],
                "channel_id": channel, "team_id": "T1", "response_url": f"{self.url}/actions/{user}"}  # fmt: skip
        status, body = await self.tell(urlencode(form).encode())
        assert status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found

    async def tell(self, body: bytes, *, secret: str = SIGNING_SECRET, at: float | None = None) -> tuple[int, bytes]:
        """Post to the app, signed; `at` = seconds since 1970 (the test's noon when not given)."""
        assert self.reach is not None, "nobody has said how Tocsin is reached"
        seconds = str(int(self.now() if at is None else at))
        return await self.reach(body, signed(body, seconds, secret))

    now: Callable[[], float] = staticmethod(lambda: 1_772_452_800.0)

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        if path == HOOK:
            return self._hook(json.loads(body))
        if path.startswith("/actions/"):
            self.said_to.setdefault(path.removeprefix("/actions/"), []).append(json.loads(body))
            return 200, b"ok", {}
        name = path.removeprefix("/api/")
        self.asked.append(name)
        if headers.get("authorization") != f"Bearer {BOT_TOKEN}":
            return 200, {"ok": False, "error": "invalid_auth"}, {}
        if name in self.error:
            return 200, {"ok": False, "error": self.error[name], "needed": "channels:manage"}, {}
        form = json.loads(body) if body else {key: each[0] for key, each in parse_qs(query).items()}
        found = getattr(self, "_" + name.replace(".", "_"))(form)
        return 200, found if isinstance(found, dict) else {"ok": False, "error": found}, {}

    def _chat_postMessage(self, form: dict[str, Any]) -> dict[str, Any] | str:
        fault = _fault(form)
        if fault:
            return fault
        if form["channel"] not in self.channels:
            return "channel_not_found"
        posted = Posted(form["channel"], f"1700000{next(self._ids)}.000200", form)
        self.messages.append(posted)
        return {"ok": True, "channel": posted.channel, "ts": posted.ts, "message": {"ts": posted.ts}}

    def _chat_update(self, form: dict[str, Any]) -> dict[str, Any] | str:
        fault = _fault(form)
        if fault:
            return fault
        found = [each for each in self.messages if (each.channel, each.ts) == (form["channel"], form["ts"])]
        if not found:
            return "message_not_found"
        found[0].form = form
        found[0].versions.append(form)
        return {"ok": True, "channel": form["channel"], "ts": form["ts"], "text": form["text"]}

    def _conversations_create(self, form: dict[str, Any]) -> dict[str, Any] | str:
        if form["name"] in self.channels.values():
            return "name_taken"
        id = f"C{next(self._ids):010d}"
        self.channels[id] = form["name"]
        return {"ok": True, "channel": {"id": id, "name": form["name"]}}

    def _users_info(self, form: dict[str, Any]) -> dict[str, Any] | str:
        if form["user"] not in self.users:
            return "user_not_found"
        name, real, email = self.users[form["user"]]
        profile = {"real_name": real, "display_name": real, **({"email": email} if self.may_read_mail else {})}
        return {
            "ok": True,
            "user": {
                "id": form["user"],
                "name": name,
                "profile": profile,
                "deleted": False,
                "team_id": "T2" if form["user"] in self.foreign else "T1",
            },
        }

    def _hook(self, form: dict[str, Any]) -> Answer:
        if _fault(form):
            return 400, b"invalid_payload", {}
        self.messages.append(Posted(OPS, f"1700000{next(self._ids)}.000200", form))
        return 200, b"ok", {}


def signed(body: bytes, seconds: str, secret: str = SIGNING_SECRET) -> Headers:
    """The headers by which Slack proves that it is Slack."""
    digest = hmac.new(secret.encode(), b"v0:" + seconds.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": seconds,
        "X-Slack-Signature": f"v0={digest}",
        "Content-Type": "application/x-www-form-urlencoded",
    }


def _fault(form: dict[str, Any]) -> str | None:
    """What Slack does not take (Block Kit's limits)."""
    if not form.get("text") and not form.get("blocks"):
        return "no_text"
    if len(form.get("text", "")) > 40_000:
        return "msg_too_long"
    blocks = form.get("blocks", [])
    if len(blocks) > MAX_BLOCKS:
        return "invalid_blocks"
    for block in blocks:
        texts = [block["text"]] if "text" in block else []
        fields = block.get("fields", [])
        elements = block.get("elements", [])
        if any(not 0 < len(text["text"]) <= 3_000 for text in texts) or len(fields) > 10 or len(elements) > 25:
            return "invalid_blocks"
        if any(not 0 < len(field["text"]) <= 2_000 for field in fields):
            return "invalid_blocks"
        if len({each["action_id"] for each in elements}) != len(elements):
            return "invalid_blocks"
        if any(len(each["text"]["text"]) > 75 or len(each["value"]) > 2_000 for each in elements):
            return "invalid_blocks"
    if len(json.dumps(blocks, ensure_ascii=False)) > MAX_ALL_BLOCKS_CHARACTERS:
        return "msg_blocks_too_long"
    return None
