"""The demo's telephones: a page on which calls ring and text messages arrive, and can be answered.

Behind it is as much of Twilio's API as Tocsin uses, so that Tocsin itself cannot tell the difference. No call leaves
this machine.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import urllib.parse
import urllib.request
from collections.abc import Callable, Coroutine, Iterator
from datetime import datetime
from html import escape
from typing import Any
from xml.etree import ElementTree

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

ACCOUNT, TOKEN, NUMBER = "AC" + "0" * 32, "demo-phones", "+15005550006"
RINGS_SECONDS = 60
"""After which nobody has picked up."""
KEPT = 200
"""Calls and messages on the page; older ones are forgotten."""
Form = dict[str, str]


class Call:
    """One call: what it says, and which address takes a key."""

    def __init__(self, sid: str, form: Form) -> None:
        self.sid, self.form, self.at = sid, form, _now()
        self.state = "ringing"
        self.said: list[str] = []
        self.keys = self.play(form["Twiml"])

    def play(self, twiml: str) -> str | None:
        """Say what TwiML says; returns where a key goes."""
        root = ElementTree.fromstring(twiml)
        self.said += [text for each in root.iter("Say") if (text := "".join(each.itertext())) not in self.said]
        gather = next(root.iter("Gather"), None)
        return None if gather is None else gather.get("action")


class Phones:
    """Everything that was sent, and the switchboard behind it."""

    def __init__(self, tocsin_url: str, say: Callable[[str], None]) -> None:
        self.tocsin_url, self.say = tocsin_url, say
        self.calls: dict[str, Call] = {}
        self.texts: list[tuple[datetime, str, str]] = []
        self._ids = itertools.count(1)
        self._ringing: set[asyncio.Task[None]] = set()

    async def serve(self, port: int) -> None:
        routes = [
            Route("/", self.page),
            Route("/calls/{sid}", self.press, methods=["POST"]),
            Route("/texts", self.reply, methods=["POST"]),
            Route(f"/2010-04-01/Accounts/{ACCOUNT}/{{resource}}.json", self.take, methods=["POST"]),
            Route(f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{{sid}}.json", self.change, methods=["POST"]),
        ]
        app = Starlette(routes=routes)
        config = uvicorn.Config(app, port=port, lifespan="off", log_level="error", access_log=False)
        await _Server(config).serve()

    async def take(self, request: Request) -> Response:
        """Twilio's API: a call or a message to be made."""
        form = await _form(request)
        calls = request.path_params["resource"] == "Calls"
        sid = f"{'CA' if calls else 'SM'}{next(self._ids):032d}"
        if calls:
            self.calls[sid] = Call(sid, form)
            self.say(f"{form['To']} is ringing")
            self._later(self._ring(self.calls[sid]))
        else:
            self.texts.append((_now(), form["To"], form["Body"]))
            self.say(f"text to {form['To']}: {form['Body'].splitlines()[0]}")
            if url := form.get("StatusCallback"):
                facts = {"MessageSid": sid, "MessageStatus": "delivered", "To": form["To"]}
                self._later(self._tell_later(url, facts))
        del self.texts[:-KEPT]
        for old in list(self.calls)[:-KEPT]:
            del self.calls[old]
        return JSONResponse({"sid": sid, "status": "queued", "to": form["To"]}, status_code=201)

    async def change(self, request: Request) -> Response:
        """Twilio's API: a call that was made gets other words, or ends. What is said stands on the page at once, so
        that every call that rings is one that somebody listens to."""
        call = self.calls.get(request.path_params["sid"])
        form = await _form(request)
        if call is None:
            return JSONResponse({"code": 20404, "message": "There is no such call", "status": 404}, status_code=404)
        if call.state != "ringing":
            words = "Call is not in-progress. Cannot redirect."
            return JSONResponse({"code": 21220, "message": words, "status": 400}, status_code=400)
        if form.get("Status") != "canceled":  # which does nothing to a call in progress
            call.play(form.get("Twiml", "<Response/>"))
            call.state = "hung up"
            self.say(f"{call.form['To']} rings no more: {call.said[-1]}")
            self._later(self._end(call, "completed"))
        return JSONResponse({"sid": call.sid, "status": "in-progress", "to": call.form["To"]})

    async def press(self, request: Request) -> Response:
        """Somebody presses a key on the page, or hangs up."""
        call = self.calls.get(request.path_params["sid"])
        key = (await _form(request)).get("key", "")
        if call is not None and call.state == "ringing":
            if key in ("1", "2") and call.keys:
                _, answer = await self._tell(call.keys, {**self._facts(call, "in-progress"), "Digits": key})
                call.play(answer)
                call.state = f"pressed {key}"
                await self._end(call, "completed")
            else:
                call.state = "declined"
                await self._end(call, "busy")
        return RedirectResponse("/", status_code=303)

    async def reply(self, request: Request) -> Response:
        """Somebody answers a text message."""
        form = await _form(request)
        number, words = form.get("from", ""), form.get("words", "")
        facts = {"MessageSid": f"SM{next(self._ids):032d}", "From": number, "To": NUMBER, "Body": words}
        _, answer = await self._tell(f"{self.tocsin_url}/callbacks/twilio/sms", facts)
        if answer:
            said = " ".join(each.text or "" for each in ElementTree.fromstring(answer).iter("Message"))
            self.texts += [(_now(), number, f"you: {words}"), (_now(), number, said)]
        return RedirectResponse("/", status_code=303)

    async def page(self, request: Request) -> Response:
        """All phones, newest first."""
        lines = [(call.at, self._call(call)) for call in self.calls.values()]
        lines += [(at, self._text(number, body)) for at, number, body in self.texts]
        rows = "".join(f"<li><time>{at:%H:%M:%S}</time> {line}" for at, line in sorted(lines, reverse=True))
        return HTMLResponse(_PAGE.replace("{rows}", rows or "<li>Nothing has rung yet."))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something while Tocsin has its answer already."""
        task = asyncio.create_task(work)
        self._ringing.add(task)
        task.add_done_callback(self._ringing.discard)

    async def _ring(self, call: Call) -> None:
        await asyncio.sleep(RINGS_SECONDS)
        if call.state == "ringing":
            call.state = "nobody picked up"
            await self._end(call, "no-answer")

    async def _end(self, call: Call, status: str) -> None:
        if url := call.form.get("StatusCallback"):
            await self._tell(url, self._facts(call, status) | {"CallDuration": "9" if status == "completed" else "0"})

    async def _tell_later(self, url: str, facts: Form) -> None:
        await asyncio.sleep(1)
        await self._tell(url, facts)

    async def _tell(self, url: str, facts: Form) -> tuple[int, str]:
        """Post to Tocsin, signed as Twilio signs."""
        signed = url + "".join(name + facts[name] for name in sorted(facts))
        signature = base64.b64encode(hmac.new(TOKEN.encode(), signed.encode(), hashlib.sha1).digest()).decode()
        body = urllib.parse.urlencode(facts).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}

        def post() -> tuple[int, str]:
            request = urllib.request.Request(url, data=body, headers=headers)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()

        try:
            return await asyncio.to_thread(post)
        except OSError as error:
            self.say(f"Tocsin did not take it: {error}")
            return 0, ""

    def _facts(self, call: Call, status: str) -> Form:
        return {"CallSid": call.sid, "From": NUMBER, "To": call.form["To"], "CallStatus": status}

    def _call(self, call: Call) -> str:
        words = escape(" ".join(call.said))
        keys = "".join(f'<button name="key" value="{key}">{name}</button>' for key, name in _KEYS)
        form = f'<form method="post" action="/calls/{call.sid}">{keys}</form>' if call.state == "ringing" else ""
        return f"<b>☎ {escape(call.form['To'])}</b> <i>{escape(call.state)}</i><p>{words}</p>{form}"

    def _text(self, number: str, body: str) -> str:
        form = (
            f'<form method="post" action="/texts"><input type="hidden" name="from" value="{escape(number)}">'
            '<input name="words" aria-label="Answer" size="12"><button>Reply</button></form>'
        )
        return f"<b>✉ {escape(number)}</b><p>{escape(body)}</p>{form}"


class _Server(uvicorn.Server):
    """Leaves Ctrl-C to the demo."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _form(request: Request) -> Form:
    return dict(urllib.parse.parse_qsl((await request.body()).decode(), keep_blank_values=True))


def _now() -> datetime:
    return datetime.now().astimezone()


_KEYS = (("1", "1: I have it"), ("2", "2: pass it on"), ("0", "Decline"))
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>Demo phones</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem}
li{margin:0 0 1rem;list-style:none;border-left:3px solid #888;padding-left:1rem}ul{padding:0}time{opacity:.7}
p{margin:.2rem 0;white-space:pre-wrap}button{font:inherit;margin-right:.5rem}form{display:inline}</style>
<h1>Demo phones</h1><p>Calls ring for a minute. What you press here is what a telephone would press.</p>
<ul>{rows}</ul></html>"""

if __name__ == "__main__":
    TOCSIN_URL, PORT = "http://127.0.0.1:8080", 8083
    print(
        f"""Phones on http://127.0.0.1:{PORT}/ for a Tocsin on {TOCSIN_URL}. Tell it so, then start it:

export TOCSIN_TWILIO_ACCOUNT_SID={ACCOUNT} TOCSIN_TWILIO_AUTH_TOKEN={TOKEN} \\
  TOCSIN_TWILIO_FROM={NUMBER} TOCSIN_TWILIO_BASE_URL=http://127.0.0.1:{PORT} TOCSIN_BASE_URL={TOCSIN_URL}
""",
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(Phones(TOCSIN_URL, print).serve(PORT))
