"""What makes an address one that a message can reach, and how it is shown without giving a secret away."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import msgspec

from tocsin.accounts.rules import checked_email
from tocsin.contacts.model import Kind
from tocsin.kernel.errors import Invalid

MAX_LABEL_CHARACTERS = 100
MAX_ENDPOINT_CHARACTERS = 4_000
"""Push subscriptions are a few hundred characters long, apprise URLs hold whole webhooks."""
SHOWN_CHARACTERS = 4
"""Of the end of a secret: enough to tell two apart."""

_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
"""ITU-T E.164, 6: at most 15 digits, the country's first; the shortest numbers in use have 7."""
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u2010-\u2015]")
_CHAT_ID = re.compile(r"-?[1-9][0-9]{0,18}")
_PUSHOVER_KEY = re.compile(r"[A-Za-z0-9]{30}")
_APPRISE = re.compile(r"[A-Za-z][A-Za-z0-9.+-]{0,30}://[^\s\x00-\x1f]+")


class Address(msgspec.Struct, frozen=True):
    """An address that was found good."""

    shown: str
    endpoint: str | None
    """The secret to be sealed; None when `shown` is all there is."""
    key: str
    """Equal for equal addresses, however they were written. A secret: to be hashed when `endpoint` is set."""


def checked_address(kind: Kind, text: str) -> Address:
    """The address in the one form in which it is kept. Raises Invalid (field `address`)."""
    text = text.strip()
    if not text:
        raise Invalid.fields(address="can't be blank")
    if len(text) > MAX_ENDPOINT_CHARACTERS:
        raise Invalid.fields(address=f"is too long (maximum is {MAX_ENDPOINT_CHARACTERS:,} characters)")
    match kind:
        case Kind.EMAIL:
            return _email(text)
        case Kind.PHONE:
            return _phone(text)
        case Kind.TELEGRAM:
            if not _CHAT_ID.fullmatch(text):
                raise Invalid.fields(address="must be a numeric Telegram chat id, e.g. 123456789")
            return Address(text, None, text)
        case Kind.NTFY:
            return _ntfy(text)
        case Kind.PUSHOVER:
            if not _PUSHOVER_KEY.fullmatch(text):
                raise Invalid.fields(address="must be a Pushover user key: 30 letters and digits")
            return Address(_shortened("", text), text, text)
        case Kind.APPRISE:
            if not _APPRISE.fullmatch(text):
                raise Invalid.fields(address="must be an Apprise URL, e.g. signal://…")
            return Address(_shortened(f"{urlsplit(text).scheme}://", text), text, text)
        case Kind.PUSH:
            raise Invalid.fields(
                kind="is made in the browser that is to be reached: ask for a push link and open it there"
            )


def checked_label(text: str) -> str:
    """What the person calls it. Raises Invalid (field `label`)."""
    text = " ".join(text.split())
    if len(text) > MAX_LABEL_CHARACTERS:
        raise Invalid.fields(label=f"is too long (maximum is {MAX_LABEL_CHARACTERS} characters)")
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise Invalid.fields(label="must not contain control characters")
    return text


def _email(text: str) -> Address:
    try:
        address = checked_email(text)
    except Invalid as error:
        raise Invalid.of({"address": error.field_errors["email"]}) from None
    return Address(address, None, address.lower())


def _phone(text: str) -> Address:
    """Digits as people write them: `+420 777 123 456`, `00420-777-123-456`."""
    bare = _SEPARATORS.sub("", text)
    bare = f"+{bare[2:]}" if bare.startswith("00") else bare
    if not _PHONE.fullmatch(bare):
        raise Invalid.fields(address="must be an international phone number, e.g. +420777123456 (E.164)")
    return Address(bare, None, bare)


def _ntfy(text: str) -> Address:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    topic = parts.path.strip("/") if host else ""
    if not host or parts.scheme not in ("http", "https") or not topic:
        raise Invalid.fields(address="must be the address of an ntfy topic, e.g. https://ntfy.sh/my-secret-topic")
    where = host if port is None else f"{host}:{port}"
    return Address(_shortened(f"{where}/", topic), text, text)


def _shortened(beginning: str, secret: str) -> str:
    """`ntfy.sh/…k3Vt`: only the end, and only of what is long enough to stay a secret."""
    end = secret[-SHOWN_CHARACTERS:] if len(secret) >= 3 * SHOWN_CHARACTERS else ""
    return f"{beginning}…{end}"
