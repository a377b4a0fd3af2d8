"""Takes an e-mail apart as its reader would see it: sender, subject and readable text, whatever its form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr

from lxml import etree, html

from tocsin.inbound.model import ReceivedMail

MAX_PARTS = 100
"""Of one mail that are looked at."""
MAX_TEXT_CHARACTERS = 500_000
"""Of the readable text that is kept."""
MAX_HTML_CHARACTERS = 500_000
MAX_REPORT_CHARACTERS = 20_000
MAX_HEADERS = 100
MAX_HEADER_CHARACTERS = 5_000

_UNSEEN = "script, style, head, template, noscript"


def parse_mail(content: bytes, *, sender: str, recipient: str, at: datetime) -> ReceivedMail:
    """`content`: as it came by SMTP. `sender`, `recipient`: of the envelope. Never raises for what is in a mail."""
    try:
        message = message_from_bytes(content)
        plain, markup = _bodies(message)
        headers = tuple(_headers(message))
        report = _report(message)
    except (RecursionError, ValueError, LookupError):  # parts within parts without end
        plain, markup, headers = content.decode("utf-8", "replace"), "", ()
        report = ""
    named = dict(reversed(headers))
    text = plain if plain.strip() or not markup else readable(markup)
    author = parseaddr(named.get("from", ""))[1] or sender
    return ReceivedMail(
        sender=author.strip().lower()[:MAX_HEADER_CHARACTERS],
        recipient=recipient,
        subject=" ".join(named.get("subject", "").split()),
        text=_clean(text)[:MAX_TEXT_CHARACTERS],
        html=_clean(markup)[:MAX_HTML_CHARACTERS],
        headers=headers,
        at=at,
        message_id=named.get("message-id", "").strip()[:MAX_HEADER_CHARACTERS],
        report=_clean(report)[:MAX_REPORT_CHARACTERS],
    )


def readable(markup: str) -> str:
    """The text of an HTML page without its markup; a line for each block."""
    try:
        root = html.document_fromstring(_clean(markup)[:MAX_HTML_CHARACTERS] or "<p></p>")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return re.sub(r"<[^>]*>", " ", markup)
    for unseen in root.cssselect(_UNSEEN):
        unseen.drop_tree()
    for element in root.iter("br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "table", "pre"):
        element.tail = "\n" + (element.tail or "")
    text = str(root.text_content())
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _bodies(message: Message) -> tuple[str, str]:
    """(plain text, HTML): of each the first part that is no attachment."""
    plain = markup = ""
    for number, part in enumerate(message.walk()):
        if number >= MAX_PARTS or (plain and markup):
            break
        if part.is_multipart() or part.get_content_disposition() == "attachment":
            continue
        kind = part.get_content_type()
        if kind == "text/plain" and not plain:
            plain = _decoded(part)
        elif kind == "text/html" and not markup:
            markup = _decoded(part)
    return plain, markup


def _report(message: Message) -> str:
    """The fields of a delivery report, a line each; empty when it is none."""
    for number, part in enumerate(message.walk()):
        if number >= MAX_PARTS:
            break
        if part.get_content_type() == "message/delivery-status":
            groups = part.get_payload()
            fields = [each for each in groups if isinstance(each, Message)] if isinstance(groups, list) else []
            return "\n".join(f"{name}: {value}" for group in fields[:MAX_PARTS] for name, value in group.items())
    return ""


def _decoded(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    charset = part.get_content_charset() or "utf-8"
    try:
        return content.decode(charset, "replace")
    except (LookupError, ValueError):
        return content.decode("utf-8", "replace")


def _headers(message: Message) -> Iterator[tuple[str, str]]:
    for name, value in list(message.raw_items())[:MAX_HEADERS]:
        yield _clean(str(name)).lower(), _words(_clean(str(value)))[:MAX_HEADER_CHARACTERS]


def _words(value: str) -> str:
    """A header's value with its encoded words decoded (RFC 2047)."""
    value = value[:MAX_HEADER_CHARACTERS]
    try:
        parts = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    return "".join(_word(part, charset) for part, charset in parts)


def _word(part: bytes | str, charset: str | None) -> str:
    if isinstance(part, str):
        return part
    try:
        return part.decode(charset or "latin-1", "replace")
    except (LookupError, ValueError):
        return part.decode("utf-8", "replace")


def _clean(text: str) -> str:
    """Text that both databases can hold. Bytes that were no ASCII come as lone surrogates: mostly they are UTF-8."""
    try:
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\x00", "\ufffd")
