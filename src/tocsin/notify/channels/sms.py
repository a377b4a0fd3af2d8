"""Sends text messages: short enough to be read at a glance, answered with the code in them."""

from __future__ import annotations

import unicodedata

from tocsin.kernel.net import Net
from tocsin.notify.channels import twilio
from tocsin.notify.model import Answer, GiveUp, Kind, Message

KIND = "sms"
CONNECTIONS = 10
"""Twilio queues what goes beyond a number's rate by itself."""
TELLS = frozenset({Kind.PAGE.value, Kind.ACKNOWLEDGED.value, Kind.RESOLVED.value, Kind.NOTICE.value})
RECEIVED_WITHIN_SECONDS = 180
"""Carriers report within seconds or, when the phone is off, not at all."""

MAX_GSM_CHARACTERS = 306
"""Two parts of 153 characters of seven bits (3GPP TS 23.040, 9.2.3.24.1): more costs more and is not read."""
MAX_UCS_CHARACTERS = 201
"""Three parts of 67, where a script is not in that alphabet: two would not hold the link and a reason."""
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€")
"""Two places each (3GPP TS 23.038, 6.2.1.1)."""
_PLAIN = str.maketrans({
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'", "‚": ",", "–": "-", "—": "-", "−": "-",
    "…": "...", "·": ".", "•": "-", "→": "->", "\u00a0": " ", "\t": " ", "`": "'", "×": "x",
})  # fmt: skip


class Settings(twilio.Settings, frozen=True, kw_only=True):
    """See `twilio.Settings`."""

    @property
    def received_within_seconds(self) -> float | None:
        """None where Twilio cannot tell us: then silence says nothing."""
        return RECEIVED_WITHIN_SECONDS if self.callbacks else None


async def send(message: Message, settings: twilio.Settings, net: Net) -> Answer:
    """Hand one text message to Twilio."""
    if not message.endpoint.startswith("+"):
        return GiveUp(f"“{message.endpoint[:40]}” is not a phone number in the form +420777123456")
    service = settings.messaging_service or None
    return await twilio.post(
        message,
        settings,
        net,
        "Messages",
        [
            ("To", message.endpoint),
            ("From", None if service else settings.from_number),
            ("MessagingServiceSid", service),
            ("Body", text(message, can_answer=settings.callbacks)),
            ("StatusCallback", twilio.callback(message, settings, "status")),
        ],
    )


def text(message: Message, *, can_answer: bool = True) -> str:
    """The words: what is wrong, why, how to answer. What is too long is cut in the reason, never in the link."""
    notice = message.notice
    ask = ""
    if message.answer_url:
        reply = f"Reply {message.code} to acknowledge, or open " if message.code and can_answer else "Acknowledge: "
        ask = reply + message.answer_url
    elif notice.kind == Kind.PAGE and notice.url:
        ask = notice.url
    head = f"{'CRITICAL: ' if notice.critical and notice.kind == Kind.PAGE else ''}{notice.headline}"
    cause = "" if notice.cause in head or notice.kind in (Kind.ACKNOWLEDGED, Kind.RESOLVED) else notice.cause
    whole = _simple(f"{head}\n{cause}\n{ask}")
    head, cause, ask = (part.strip() for part in whole.split("\n"))
    limit = MAX_GSM_CHARACTERS if all(c in _BASIC or c in _EXTENDED for c in whole) else MAX_UCS_CHARACTERS
    left = limit - _length(ask) - 2
    head = _cut(head, left)
    cause = _cut(cause, left - _length(head) - 2)
    said = f"{head}: {cause}" if cause else head
    return f"{said}. {ask}" if ask and not said.endswith(".") else f"{said} {ask}".strip()


def _simple(text: str) -> str:
    """The same in the alphabet of text messages where that can be done: typographic marks and rare accents go."""
    text = "\n".join(" ".join(part.split()) for part in text.translate(_PLAIN).split("\n", 2))
    simple = "".join(c if c in _BASIC or c in _EXTENDED else _without_accents(c) for c in text)
    return simple if all(c in _BASIC or c in _EXTENDED for c in simple) else text


def _without_accents(character: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))


def _length(text: str) -> int:
    """Places that it takes."""
    return sum(2 if c in _EXTENDED or ord(c) > 0xFFFF else 1 for c in text)


def _cut(text: str, places: int) -> str:
    if _length(text) <= places:
        return text
    if places < 4:
        return ""
    kept, used = [], 3
    for character in text:
        used += _length(character)
        if used > places:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "..."
