"""What Twilio tells us: which key was pressed, whether a message arrived, what somebody wrote back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit, urlunsplit
from xml.sax.saxutils import escape, quoteattr

import msgspec
import structlog

from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TocsinError
from tocsin.rest.body import Gone, Malformed, read_body
from tocsin.rest.callbacks.deeds import OPERATION_KEY, Answering, Ledger, Outcome, Receive, Result, Scope, Send, Way
from tocsin.rest.callbacks.guesses import Guesses

log = structlog.get_logger()

PREFIX = "/callbacks/twilio/"
MAX_BODY_BYTES = 64 * 1024
"""Of a form of Twilio's; a long text message is two kilobytes."""
MAX_FIELDS = 200
KEY_SECONDS = 8
"""How long a key is waited for."""
VOICE = "en-US"
PHONE: Way = ("phone", "phone call")
SMS: Way = ("sms", "text message")

_FAILED_CALLS = {
    "busy": "the line was busy",
    "no-answer": "nobody picked up",
    "failed": "the call failed",
    "canceled": "the call was cancelled",
}
_MENU = "Press 1 to acknowledge. Press 2 to alert the next person."
_CONTROL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORDS = re.compile(r"(?P<word>[a-z]+)?[\s:#-]*(?P<code>\d{4})?[\s.!]*")
_DEEDS = {
    "": "incidents.acknowledge", "ack": "incidents.acknowledge", "acknowledge": "incidents.acknowledge",
    "ok": "incidents.acknowledge", "okay": "incidents.acknowledge", "yes": "incidents.acknowledge",
    "resolve": "incidents.resolve", "resolved": "incidents.resolve", "done": "incidents.resolve",
}  # fmt: skip
_CARRIERS_OWN = frozenset(
    {"stop", "stopall", "unsubscribe", "cancel", "end", "quit", "start", "unstop", "help", "info"}
)
"""Answered by Twilio itself."""

Form = Sequence[tuple[str, str]]


class TwilioCallbacks:
    """An ASGI application for `/callbacks/twilio/…`. Nothing is believed that Twilio has not signed."""

    def __init__(self, answering: Answering, ledger: Ledger, clock: Clock, settings: CallbackSettings) -> None:
        self._answering = answering
        self._ledger = ledger
        self._settings = settings
        self._guesses = Guesses(clock)

    def takes(self, path: str) -> bool:
        """Whether an address is one of ours."""
        return path.startswith(PREFIX)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind, _, token = scope["path"][len(PREFIX) :].partition("/")
        scope[OPERATION_KEY] = f"callback.twilio.{kind}" if kind in ("voice", "status", "sms") else "other"
        try:
            status, content = await self._answer(scope, receive, kind, token)
        except Gone:
            return
        except Malformed as error:
            status, content = error.status, str(error)
        except TocsinError as error:
            log.warning("a callback of Twilio's could not be taken", kind=kind, why=str(error))
            status, content = 503, "Try again in a moment."
        except Exception:
            log.exception("a callback of Twilio's failed", kind=kind)
            status, content = 500, "This is a fault of Tocsin's own."
        media = b"text/xml; charset=utf-8" if content.startswith("<") else b"text/plain; charset=utf-8"
        body = content.encode()
        headers = [
            (b"content-type", media),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive, kind: str, token: str) -> tuple[int, str]:
        if scope["method"] != "POST":
            return 405, "Twilio posts here."
        body = await read_body(receive, dict(scope["headers"]).get(b"content-length"), MAX_BODY_BYTES)
        form = _form(body)
        if not self._signed(scope, form):
            return 403, "The signature does not match: is this the account whose auth token Tocsin has?"
        facts = dict(form)
        if kind == "voice":
            return await self._voice(scope, token, facts)
        if kind == "status":
            return await self._status(token, facts)
        if kind == "sms" and not token:
            return 200, await self._sms(scope, facts)
        return 404, "There is no such callback."

    def _signed(self, scope: Scope, form: Form) -> bool:
        given = dict(scope["headers"]).get(b"x-twilio-signature", b"")
        if not self._settings.auth_token:
            return False
        query = scope["query_string"].decode("latin-1")
        url = f"{self._settings.base_url.rstrip('/')}{scope['path']}" + (f"?{query}" if query else "")
        # Each is compared, whatever the first said: Twilio writes a port into the address or leaves it out.
        matches = [
            hmac.compare_digest(signature(each, form, self._settings.auth_token).encode(), given)
            for each in _spellings(url)
        ]
        return any(matches)

    async def _voice(self, scope: Scope, token: str, facts: dict[str, str]) -> tuple[int, str]:
        """A key was pressed during a call; the answer is what the voice says next."""
        here = f"{self._settings.base_url.rstrip('/')}{PREFIX}voice/{token}"
        key = facts.get("Digits", "")
        if key:
            await self._ledger.seen(token, f"{key[:1]} was pressed")
        if key == "1":
            outcome = await self._answering.do(token, "incidents.acknowledge", PHONE, _address(scope))
            return 200, _spoken(outcome, "Thank you. You have it. Nobody else will be alerted. Goodbye.", here)
        if key == "2":
            outcome = await self._answering.do(token, "incidents.alert_next", PHONE, _address(scope))
            return 200, _spoken(outcome, "The next person is being alerted now. Goodbye.", here)
        return 200, _twiml(_gather(here, f"Sorry, that key does nothing. {_MENU}"), _say("Goodbye."))

    async def _status(self, token: str, facts: dict[str, str]) -> tuple[int, str]:
        """How a message or a call went."""
        receipt, detail = _receipt(facts, self._settings.machine_detection)
        if receipt is not None and not await self._ledger.told(token, receipt, detail):
            return 404, "There is no such message."
        return 200, "<Response/>"

    async def _sms(self, scope: Scope, facts: dict[str, str]) -> str:
        """Somebody wrote to our number. A stranger learns nothing, not even whether there is an alert."""
        number = facts.get("From", "")
        said = " ".join(facts.get("Body", "").casefold().split())
        if said in _CARRIERS_OWN:
            return _message("")
        read = _WORDS.fullmatch(said) if said != "1" else _WORDS.fullmatch("ok")
        deed = None if read is None else _DEEDS.get(read["word"] or "")
        code = None if read is None else read["code"]
        found = await self._ledger.open_pages(number, code)
        if not self._guesses.listens_to(number, known=found is not None):
            return _message("")
        if read is None or deed is None or not said:
            self._guesses.failed(number, known=found is not None)
            return _message("Sorry, this was not understood. Reply with the code of an alert to acknowledge it.")
        if not found:
            self._guesses.failed(number, known=found is not None)
            return _message("Sorry, that matches no alert.")
        tokens = found
        if len(tokens) > 1 and code is None:
            return _message(f"There are {len(tokens)} open alerts: reply with the code of the one that you mean.")
        return _message(_written(await self._answering.do(tokens[0], deed, SMS, _address(scope)), deed))


class CallbackSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to believe Twilio."""

    auth_token: str = ""
    """Signs what Twilio sends; the empty text believes nobody."""
    base_url: str
    """Our public address, as Twilio knows it."""
    machine_detection: bool = True
    """Whether Twilio says apart from the end of a call who picked up."""


def signature(url: str, form: Form, auth_token: str) -> str:
    """X-Twilio-Signature of a request (Twilio, "Webhooks security"): HMAC-SHA1 over address and sorted fields."""
    signed = url + "".join(name + value for name, value in sorted(form))
    return base64.b64encode(hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def _spellings(url: str) -> tuple[str, ...]:
    """The address as it is, and with the port that its scheme means anyway written out or left out."""
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    if parts.port is None:
        return url, urlunsplit(parts._replace(netloc=f"{parts.netloc}:{usual}"))
    if parts.port == usual:
        return url, urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0]))
    return (url,)


def _form(body: bytes) -> Form:
    try:
        text = body.decode("ascii")
        return parse_qsl(text, keep_blank_values=True, errors="replace", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise Malformed(400, "This is no form of Twilio's.") from None


def _receipt(facts: dict[str, str], asks_who: bool) -> tuple[str | None, str]:
    """(what it says of the message, in words); None = nothing that counts."""
    who = facts.get("AnsweredBy", "")
    if who.startswith(("machine", "fax")):
        return "undelivered", "Twilio: a machine picked up"
    call = facts.get("CallStatus", "")
    if call in _FAILED_CALLS:
        code = facts.get("ErrorCode") or facts.get("SipResponseCode")
        return "undelivered", f"Twilio: {_FAILED_CALLS[call]}" + (f" ({code})" if code else "")
    if who:
        return "delivered", "Twilio: somebody picked up"
    if call == "completed":
        # Whether that was a person is told apart, if it was asked for; the end of a call then says nothing new.
        return (None, "") if asks_who else ("delivered", f"Twilio: a call of {facts.get('CallDuration', '0')} s")
    message = facts.get("MessageStatus", "")
    if message in ("delivered", "read"):
        return ("seen" if message == "read" else "delivered"), f"Twilio: {message}"
    if message in ("undelivered", "failed"):
        code = facts.get("ErrorCode", "")
        return "undelivered", f"Twilio: {message}" + (f" (error {code})" if code else "")
    return None, ""


def _spoken(outcome: Outcome, done: str, again: str) -> str:
    if outcome.result is Result.DONE:
        return _twiml(_say(done))
    if outcome.result is Result.LATER:
        return _twiml(_gather(again, f"Sorry, that could not be done just now. {_MENU}"), _say("Goodbye."))
    if outcome.result is Result.UNKNOWN:
        return _twiml(_say("This alert is not known any more. Goodbye."))
    if outcome.resolved or outcome.by:
        return _twiml(_say(f"{_stands(outcome)} Goodbye."))
    return _twiml(_gather(again, f"{outcome.why}. {_MENU}"), _say("Goodbye."))


def _written(outcome: Outcome, deed: str) -> str:
    if outcome.result is Result.LATER:
        return "Sorry, that could not be done just now: nothing has changed. Please send it again."
    if outcome.result is Result.UNKNOWN:
        return "Sorry, that matches no alert."
    if outcome.result is Result.LATE:
        return _stands(outcome)
    if deed == "incidents.resolve":
        return f"Resolved: {outcome.name}."
    return f"You have it: {outcome.name}. Nobody else will be alerted."


def _stands(outcome: Outcome) -> str:
    """How things stand, for whoever came too late."""
    if outcome.resolved:
        return f"{outcome.name} is resolved already" + (f", by {outcome.by}." if outcome.by else ".")
    return f"{outcome.by} has it already: {outcome.name}." if outcome.by else f"{outcome.why}."


def _twiml(*verbs: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{"".join(verbs)}</Response>'


def _say(text: str) -> str:
    return f'<Say language="{VOICE}">{escape(_CONTROL.sub(" ", text))}</Say>'


def _gather(url: str, text: str) -> str:
    waits = f'<Gather numDigits="1" timeout="{KEY_SECONDS}" method="POST" action={quoteattr(url)}>'
    return f"{waits}{_say(text)}</Gather>"


def _message(text: str) -> str:
    return _twiml(f"<Message>{escape(_CONTROL.sub(' ', text))}</Message>" if text else "")


def _address(scope: Scope) -> str | None:
    client = scope.get("client")
    return client[0] if client else None
