"""A Twilio on loopback: takes calls and text messages as the real one does, and lets a test be the phones.

Speaks the 2010-04-01 REST API (Calls.json, Calls/{sid}.json, Messages.json), reads TwiML, and posts signed callbacks.
What the real one would refuse, it refuses with the real one's numbers.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree

import msgspec

from tocsin.notify.channels import call, sms
from tocsin.notify.channels.twilio import Settings

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "a token for tests alone"
NUMBER = "+15005550006"
"""From which everything is sent."""
INBOUND = "/callbacks/twilio/sms"
"""Where the operator has told Twilio to bring answers to text messages."""
MAX_TWIML_CHARACTERS = 4_000
MAX_BODY_CHARACTERS = 1_600

Reach = Callable[[str, bytes, dict[str, str]], Awaitable[tuple[int, str]]]
"""`reach(url, body, headers)`: posts to Tocsin; returns (status, text)."""
Form = dict[str, str]
_E164 = re.compile(r"\+[1-9]\d{6,14}")


class Phone:
    """One call that was made, and what can be done at its other end."""

    def __init__(self, twilio: Twilio, sid: str, form: Form) -> None:
        self._twilio = twilio
        self.sid = sid
        self.form = form
        self.to = form["To"]
        self.heard: list[str] = []
        """What was said, in order."""
        self._keys: str | None = None
        self.state = "queued"
        """In the real one's words: `queued`, `ringing`, `in-progress`, and how it ended."""
        self._reports = False
        """Whether its end is still to be reported: by us it was ended, and nobody was told."""

    @property
    def ended(self) -> bool:
        """Whether the line is dead."""
        return self.state not in ("queued", "ringing", "in-progress")

    async def pick_up(self) -> str:
        """Listen to all that is said if no key is pressed; returns the words."""
        assert not self.ended
        self.state = "in-progress"
        words = self._play(self.form["Twiml"])
        await self._answered_by("human")
        return words

    async def press(self, key: str) -> str:
        """Press a key while the menu is read; returns what is said then."""
        if not self.heard:
            await self.pick_up()
        assert not self.ended
        assert self._keys is not None, "no key is waited for"
        status, text = await self._twilio.tell(self._keys, {**self._facts("in-progress"), "Digits": key})
        assert status == 200, (status, text)
        return self._play(text)

    async def hang_up(self) -> None:
        """The call is over; whoever had picked up heard what they heard."""
        await self._end("completed", CallDuration="21")

    async def ring_out(self, status: str = "no-answer") -> None:
        """Nobody picks up (`no-answer`), or it is `busy`, `failed` or `canceled`."""
        await self._end(status, CallDuration="0")

    async def mailbox(self) -> None:
        """A machine picks up, listens, and the call ends."""
        self.state = "in-progress"
        self._play(self.form["Twiml"])
        await self._answered_by("machine_start")
        await self.hang_up()

    async def report(self) -> None:
        """Tell Tocsin that the call has ended that it has ended itself."""
        assert self._reports
        self._reports = False
        await self._end(self.state, CallDuration="9" if self.state == "completed" else "0")

    def change(self, form: Form) -> tuple[int, Any]:
        """What the API is asked of a call that was made: new words for whoever listens, or its end."""
        if "Twiml" in form:
            if self.state != "in-progress":
                return 400, _error(400, 21220, "Call is not in-progress. Cannot redirect.")
            self._play(form["Twiml"])
            if form["Twiml"].endswith("<Hangup/></Response>"):
                self.state, self._reports = "completed", True
            return 200, {"sid": self.sid, "status": "in-progress", "to": self.to}
        if form.get("Status") not in ("canceled", "completed"):
            return 400, _error(400, 20001, "Invalid Status")
        if self.ended:
            return 400, _error(400, 21220, "Invalid call state")
        if form["Status"] == "completed" or self.state != "in-progress":
            self.state, self._reports = form["Status"], True
        return 200, {"sid": self.sid, "status": self.state, "to": self.to}

    async def _answered_by(self, who: str) -> None:
        url = self.form.get("AsyncAmdStatusCallback")
        if url:
            await self._twilio.tell(url, {"CallSid": self.sid, "AccountSid": ACCOUNT_SID, "AnsweredBy": who})

    async def _end(self, status: str, **facts: str) -> None:
        self.state = status
        if "StatusCallback" in self.form:
            await self._twilio.tell(self.form["StatusCallback"], {**self._facts(status), **facts})

    def _facts(self, status: str) -> Form:
        return {"CallSid": self.sid, "AccountSid": ACCOUNT_SID, "From": NUMBER, "To": self.to, "CallStatus": status,
                "Direction": "outbound-api", "ApiVersion": "2010-04-01"}  # fmt: skip

    def _play(self, twiml: str) -> str:
        """Say what TwiML says, as if no key were pressed; keeps where a key would go."""
        self._keys = None
        said: list[str] = []
        root = ElementTree.fromstring(twiml)
        assert root.tag == "Response"
        for verb in root:
            assert verb.tag in ("Say", "Gather", "Pause", "Hangup"), verb.tag
            if verb.tag == "Gather":
                assert verb.get("numDigits") == "1"
                self._keys = self._keys or verb.get("action")
            said += ["".join(each.itertext()) for each in ([verb] if verb.tag == "Say" else verb.iter("Say"))]
        self.heard += said
        return " ".join(said)


class Text:
    """One text message that was taken."""

    def __init__(self, twilio: Twilio, sid: str, form: Form) -> None:
        self._twilio = twilio
        self.sid = sid
        self.form = form
        self.to = form["To"]
        self.body = form["Body"]

    @property
    def code(self) -> str:
        """With which it is answered."""
        found = re.search(r"Reply (\d+)", self.body)
        assert found, self.body
        return found[1]

    async def arrive(self, status: str = "delivered", error_code: str = "") -> None:
        """The carrier reports: `sent`, `delivered`, `undelivered` or `failed`."""
        if "StatusCallback" not in self.form:
            return
        facts = {"MessageSid": self.sid, "SmsSid": self.sid, "AccountSid": ACCOUNT_SID, "MessageStatus": status,
                 "SmsStatus": status, "To": self.to, "From": NUMBER}  # fmt: skip
        if error_code:
            facts["ErrorCode"] = error_code
        await self._twilio.tell(self.form["StatusCallback"], facts)


class Twilio:
    """The provider: what it was asked, what it took, and how it is to behave."""

    def __init__(self, reach: Reach | None = None, public_url: str = "") -> None:
        """`reach`: how it posts to Tocsin; `public_url`: Tocsin's base URL, for answers to text messages."""
        self.reach = reach
        self.public_url = public_url
        self.port = 0
        self.asked: list[tuple[str, Form]] = []
        """Every request, refused ones too: (resource, form)."""
        self.calls: list[Phone] = []
        self.texts: list[Text] = []
        self.refusals: dict[tuple[str, str], tuple[int, int, str]] = {}
        """By resource (`Calls`, `Messages`) and number: (HTTP status, error code, words)."""
        self.answers: list[tuple[int, dict[str, str]]] = []
        """Statuses and headers with which the next requests are answered before any is taken."""
        self.told: list[tuple[str, Form]] = []
        """What it posted to Tocsin: (address, facts)."""
        self.silent = False
        """Take connections and say nothing."""
        self._ids = itertools.count(1)
        self._read = 0

    @property
    def settings(self) -> Settings:
        """How to reach it."""
        return Settings(**self._settings)

    @property
    def providers(self) -> dict[str, msgspec.Struct]:
        """The same by channel, for a whole Tocsin."""
        return {"sms": sms.Settings(**self._settings), "call": call.Settings(**self._settings)}

    @property
    def _settings(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.port}"
        return {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from_number": NUMBER, "base_url": url}

    def refuse(
        self, number: str, code: int = 21211, words: str = "", *, status: int = 400, only: str = ""
    ) -> None:  # fmt: skip
        """Take nothing for this number, or no `only` (`Calls`, `Messages`)."""
        for resource in [only] if only else ["Calls", "Messages"]:
            words = words or f"The 'To' number {number} is not a valid phone number."
            self.refusals[resource, number] = (status, code, words)

    @property
    def changes(self) -> list[tuple[str, str]]:
        """(the call's sid, `Twiml` or its new status) of every request about a call that was made, refused ones too."""
        about = [(resource.removeprefix("Calls/"), form) for resource, form in self.asked if resource[:6] == "Calls/"]
        return [(sid, form.get("Status", "Twiml")) for sid, form in about]

    def new(self) -> list[tuple[str, str]]:
        """(`call` or `sms`, number) of what was taken since the last time, in order."""
        taken = [("call" if resource == "Calls" else "sms", form["To"]) for resource, form in self._taken]
        new, self._read = taken[self._read :], len(taken)
        return new

    async def write(self, number: str, body: str, sid: str | None = None) -> str:
        """Somebody sends a text message to our number; returns the answer, empty when there is none."""
        facts = {"MessageSid": sid or self._sid("SM"), "AccountSid": ACCOUNT_SID, "From": number, "To": NUMBER,
                 "Body": body, "NumMedia": "0"}  # fmt: skip
        status, text = await self.tell(self.public_url + INBOUND, facts)
        assert status == 200, (status, text)
        return " ".join(each.text or "" for each in ElementTree.fromstring(text).iter("Message"))

    async def tell(self, url: str, facts: Form, *, token: str = AUTH_TOKEN) -> tuple[int, str]:
        """Post facts to Tocsin, signed as Twilio signs. (0, "") when nobody has said how Tocsin is reached."""
        if self.reach is None:
            return 0, ""
        self.told.append((url, facts))
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature(url, facts, token),
        }
        return await self.reach(url, urlencode(facts).encode(), headers)

    async def repeat(self) -> str:
        """Tell once more what was told last, as after a lost answer; returns what is answered."""
        url, facts = self.told[-1]
        return (await self.tell(url, facts))[1]

    @property
    def _taken(self) -> list[tuple[str, Form]]:
        both: list[Phone | Text] = [*self.calls, *self.texts]
        ordered = sorted(both, key=lambda each: int(each.sid[2:]))
        return [("Calls" if isinstance(each, Phone) else "Messages", each.form) for each in ordered]

    def _sid(self, prefix: str) -> str:
        return f"{prefix}{next(self._ids):032d}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request at a time."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                fields = (line.partition(":") for line in head[1:] if line)
                headers = {name.lower(): value.strip() for name, _, value in fields}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if self.silent:
                    await asyncio.sleep(60)
                method, path, _ = head[0].split(" ")
                status, answer, more = self._answer(method, urlsplit(path).path, headers, body)
                content = json.dumps(answer).encode()
                lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(content)}"]
                lines += [f"{name}: {value}" for name, value in more.items()]
                writer.write("\r\n".join([*lines, "", ""]).encode() + content)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, method: str, path: str, headers: Form, body: bytes) -> tuple[int, Any, dict[str, str]]:
        found = re.fullmatch(rf"/2010-04-01/Accounts/{ACCOUNT_SID}(?:/(Calls|Messages|Calls/\w+))?\.json", path)
        if found is None or method != ("POST" if found[1] else "GET"):
            return 404, _error(404, 20404, f"The requested resource {path} was not found"), {}
        given = base64.b64decode(headers.get("authorization", "").removeprefix("Basic ")).decode()
        if given != f"{ACCOUNT_SID}:{AUTH_TOKEN}":
            return 401, _error(401, 20003, "Authenticate"), {}
        if found[1] is None:
            return 200, {"sid": ACCOUNT_SID, "status": "active"}, {}
        form = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        self.asked.append((found[1], form))
        if self.answers:
            status, more = self.answers.pop(0)
            words = "Too Many Requests" if status == 429 else "Service unavailable"
            return status, _error(status, 20000 + status, words), more
        if found[1].startswith("Calls/"):
            phone = next((each for each in self.calls if each.sid == found[1].removeprefix("Calls/")), None)
            if phone is None:
                return 404, _error(404, 20404, f"The requested resource {path} was not found"), {}
            return *phone.change(form), {}
        to = form.get("To", "")
        if (found[1], to) in self.refusals:
            status, code, words = self.refusals[found[1], to]
            return status, _error(status, code, words), {}
        if not _E164.fullmatch(to):
            return 400, _error(400, 21211, f"The 'To' number {to} is not a valid phone number."), {}
        refusal = _fault(found[1], form)
        if refusal:
            return 400, _error(400, *refusal), {}
        sid = self._sid("CA" if found[1] == "Calls" else "SM")
        if found[1] == "Calls":
            self.calls.append(Phone(self, sid, form))
        else:
            self.texts.append(Text(self, sid, form))
        return 201, {"sid": sid, "status": "queued", "to": to, "error_code": None, "error_message": None}, {}


def signature(url: str, facts: Form, token: str = AUTH_TOKEN) -> str:
    """X-Twilio-Signature: HMAC-SHA1 over the address and all fields in the order of their names."""
    signed = url + "".join(name + facts[name] for name in sorted(facts))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


@asynccontextmanager
async def twilio_server(reach: Reach | None = None, public_url: str = "") -> AsyncIterator[Twilio]:
    """Run one while the block lasts."""
    twilio = Twilio(reach, public_url)
    server = await asyncio.start_server(twilio.serve, "127.0.0.1", 0)
    twilio.port = server.sockets[0].getsockname()[1]
    try:
        yield twilio
    finally:
        server.close()


def _fault(resource: str, form: Form) -> tuple[int, str] | None:
    if resource == "Messages":
        if not form.get("From") and not form.get("MessagingServiceSid"):
            return 21603, "A 'From' phone number is required"
        if not form.get("Body"):
            return 21602, "Message body is required"
        if len(form["Body"]) > MAX_BODY_CHARACTERS:
            return 21617, "The concatenated message body exceeds the 1600 character limit"
        return None
    if not form.get("From"):
        return 21213, "Caller phone number is required"
    if not 0 < len(form.get("Twiml", "")) <= MAX_TWIML_CHARACTERS:
        return 21205, "Url or Twiml is required, of at most 4000 characters"
    return None


def _error(status: int, code: int, words: str) -> dict[str, Any]:
    return {"code": code, "message": words, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
