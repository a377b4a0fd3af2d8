"""Calls people: a calm voice says what is wrong, and a key takes it on or passes it on."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from tocsin.kernel.net import Net
from tocsin.notify.channels import twilio
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Sent

KIND = "call"
CONNECTIONS = 5
"""Twilio rings one number a second for most accounts and queues the rest."""
TELLS = frozenset({Kind.PAGE.value})
"""Nobody wants a call to say that all is well."""
RING_SECONDS = 30
"""Before most mailboxes pick up; then somebody else is called."""
RECEIVED_WITHIN_SECONDS = 180
"""Ringing, both readings and the pauses for a key; then Twilio has said how the call ended, or cannot reach us."""
LIVE_SECONDS = 900
"""Twilio rings one number a second and queues the rest: in a storm the last of them rings after minutes."""
CALL_OFF_SECONDS = 300
"""A call rings for half a minute and speaks for a minute or two: whatever was not hung up by then has ended by itself.
"""
KEY_SECONDS = 6
"""How long a key is waited for after each reading."""
MAX_SPOKEN_CHARACTERS = 250
"""Of one sentence: half a minute at night."""
VOICE = "en-US"
OVER = "was over already"
_IN_PROGRESS = "in-progress"
_NOT_PICKED_UP = frozenset({"queued", "initiated", "ringing", "canceled"})
"""What Twilio calls a call that it has just cancelled, or is about to."""
_OVER = frozenset({"completed", "busy", "no-answer", "failed"})
_KEYS = "Press 1 to acknowledge. Press 2 to alert the next person."
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://(?:[^\s/@]*@)?([^\s/?#]+)[^\s]*")
_CODE = re.compile(r"(?<!\d)\d{4,10}(?!\d)")
_SPOKEN = str.maketrans({"&": " and ", "<": " ", ">": " "})
_UNSPEAKABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold (section 2.2)."""


class Settings(twilio.Settings, frozen=True, kw_only=True):
    """See `twilio.Settings`."""

    @property
    def received_within_seconds(self) -> float | None:
        """None where Twilio cannot tell us: then silence says nothing."""
        return RECEIVED_WITHIN_SECONDS if self.callbacks else None


async def send(message: Message, settings: twilio.Settings, net: Net) -> Answer:
    """Have Twilio ring one person.

    What is said travels with the request: a call speaks although Twilio cannot fetch anything from us, e.g. because
    the outage is our own. Only pressing a key needs us. A message of the kind `call_off` ends `message.parent`.
    """
    if message.notice.kind == Kind.CALL_OFF:
        return await _hang_up(message, settings, net)
    if not message.endpoint.startswith("+"):
        return GiveUp(f"“{message.endpoint[:40]}” is not a phone number in the form +420777123456")
    if settings.account_sid and not settings.from_number:
        return GiveUp("no number to call from is configured: set TOCSIN_TWILIO_FROM")
    status = twilio.callback(message, settings, "status")
    asks_who = settings.machine_detection and status is not None
    return await twilio.post(
        message,
        settings,
        net,
        "Calls",
        [
            ("To", message.endpoint),
            ("From", settings.from_number),
            ("Twiml", script(message, settings)),
            ("Timeout", str(RING_SECONDS)),
            ("StatusCallback", status),
            ("MachineDetection", "Enable" if asks_who else None),
            ("AsyncAmd", "true" if asks_who else None),  # else whoever picks up hears nothing for seconds
            ("AsyncAmdStatusCallback", status if asks_who else None),
        ],
    )


async def _hang_up(message: Message, settings: twilio.Settings, net: Net) -> Answer:
    """End a call: whoever listens is told why; a phone that still rings, or is to ring, is silent.

    Twilio is asked which of the two it is, not the ledger, which may not have heard yet. New words are only taken by a
    call in progress, and `canceled` only ends one that nobody has picked up, so whoever picks up between the two
    requests is told by a third one, instead of listening to a dead line.
    """
    call, why = message.parent, message.notice.headline
    if call is None:
        return GiveUp("Tocsin does not know which call it was")
    words = ("Twiml", f"<Response>{_say(_sentence(why) + ' Goodbye.')}<Hangup/></Response>")
    told = await twilio.change_call(message, settings, net, call, [words])
    if isinstance(told, str) and told != _IN_PROGRESS:
        ended = await twilio.change_call(message, settings, net, call, [("Status", "canceled")])
        if not isinstance(ended, str):
            return ended
        if ended in _NOT_PICKED_UP:
            return Sent(f"hung up before anybody picked up: {why}")
        if ended in _OVER:
            return Sent(OVER)
        told = await twilio.change_call(message, settings, net, call, [words])
    if not isinstance(told, str):
        return told
    return Sent(f"interrupted with the words “{why}”" if told == _IN_PROGRESS else OVER)


def script(message: Message, settings: twilio.Settings) -> str:
    """What the voice says and which keys it waits for, in Twilio's markup (TwiML: Say, Gather, Pause)."""
    words = " ".join(_sentences(message))
    keys = None
    if message.answer_token is not None:
        keys = twilio.callback(message, settings, "voice", message.answer_token)
    if keys is None:
        readings = f'{_say(words)}<Pause length="1"/>{_say("I repeat. " + words)}'
        return f"<Response>{readings}{_say('Goodbye.')}</Response>"
    gather = f'<Gather numDigits="1" timeout="{KEY_SECONDS}" method="POST" action={quoteattr(keys)}>'
    readings = "".join(
        f"{gather}{_say(spoken)}</Gather>" for spoken in (f"{words} {_KEYS}", f"I repeat. {words} {_KEYS}")
    )
    return f"<Response>{readings}{_say('No key was pressed, so this is not acknowledged. Goodbye.')}</Response>"


def _sentences(message: Message) -> list[str]:
    notice = message.notice
    greeting = "This is Tocsin"
    if notice.kind == Kind.PAGE:
        greeting += " with a critical alert" if notice.critical else " with an alert"
    if message.recipient:
        greeting += f" for {message.recipient}"
    said = [greeting, notice.headline]
    if notice.cause and notice.cause not in notice.headline:
        said.append(notice.cause if notice.incident_id == 0 else f"The cause: {notice.cause}")
    if notice.incident_id == 0:  # a code is dictated, not read as a number in the millions
        said = [_CODE.sub(lambda found: ", ".join(found.group()), sentence) for sentence in said]
    return [_sentence(each) for each in said]


def _sentence(text: str) -> str:
    # Without marks that are written in more characters than they have: Twilio takes 4,000 in all.
    text = " ".join(_URL.sub(r"\1", text).translate(_SPOKEN).split())
    if len(text) > MAX_SPOKEN_CHARACTERS:
        text = text[:MAX_SPOKEN_CHARACTERS].rsplit(" ", 1)[0]
    return text if text.endswith((".", "!", "?")) else text + "."


def _say(text: str) -> str:
    return f'<Say language="{VOICE}">{escape(_UNSPEAKABLE.sub(" ", text))}</Say>'
