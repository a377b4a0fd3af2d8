"""What the channels to places share: a target's settings, a question over HTTP, a message in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import msgspec

from tocsin import __version__
from tocsin.kernel.net import HttpRequest, HttpResponse
from tocsin.notify.channels import later
from tocsin.notify.model import Answer, GiveUp, Message

TIMEOUT_SECONDS = 15.0
"""For one request with everything; two of them fit into the time that a worker gives a channel."""
MAX_ANSWER_BYTES = 64 * 1024
"""Of a provider's answer: enough for every explanation and for any list of transitions."""
USER_AGENT = f"Tocsin/{__version__}"
MAX_URL_CHARACTERS = 8_000
"""What web servers commonly accept in a request line."""

Headers = tuple[tuple[str, str], ...]
Form = TypeVar("Form", bound=msgspec.Struct)


class Fetches(Protocol):
    """The part of the network that these channels use."""

    async def fetch(self, request: HttpRequest, certificate: bool = False) -> HttpResponse: ...


def settings_of(message: Message, form: type[Form]) -> Form | GiveUp:
    """The target's settings in the form of its channel, or that they cannot be used."""
    if not message.target:
        return GiveUp("the target was deleted, or the key that opens its settings is lost: set it up again")
    try:
        return msgspec.convert(message.target, form)
    except msgspec.ValidationError as error:
        return GiveUp(f"the settings of “{message.target_name}” cannot be used ({error}): set them again")


async def ask(
    net: Fetches,
    method: str,
    url: str,
    body: Any = None,
    *,
    headers: Headers = (),
    form: bytes | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> HttpResponse:
    """One request: `body` goes as JSON, `form` as it is. Redirects are not followed: an address may not pass us on."""
    kind = "application/json" if form is None else "application/x-www-form-urlencoded"
    payload = form if form is not None else b"" if body is None else msgspec.json.encode(body)
    return await net.fetch(
        HttpRequest(
            url=url,
            method=method,
            headers=(
                ("User-Agent", USER_AGENT),
                ("Accept", "application/json"),
                *((("Content-Type", kind),) if payload else ()),
                *headers,
            ),
            body=payload,
            follow_redirects=False,
            remember_cookies=False,
            timeout_seconds=timeout_seconds,
            keep_body_bytes=MAX_ANSWER_BYTES,
        )
    )


def accepted(response: HttpResponse) -> bool:
    """Whether the provider took it (2xx)."""
    return response.status_code is not None and 200 <= response.status_code < 300


def decoded(response: HttpResponse) -> dict[str, Any]:
    """The JSON object in an answer; empty when there is none."""
    try:
        found = msgspec.json.decode(response.body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def strange(response: HttpResponse, provider: str, attempt: int | None = None) -> Answer:
    """What a 2xx means that says nothing of what the provider says: somebody else has answered (a portal, a proxy's
    sign-in page), so nobody has been told. `attempt`: as for `answered`."""
    why = f"something answered {response.status_code} in {provider}'s place: is the address right?"
    return later(why, None, attempt)


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list of somebody else's; empty for whatever is none."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """What stands in a list of somebody else's, as texts; empty for whatever is none."""
    return [str(each) for each in value] if isinstance(value, list) else []


def link_of(message: Message) -> str:
    """Where a person looks at it, and answers when there is something to answer."""
    return message.answer_url or message.notice.url


def plain(message: Message, limit: int) -> str:
    """Cause and facts, a line each, without the headline; at most `limit` characters, the most telling first."""
    lines = [message.notice.cause, *(f"{label}: {value}" for label, value in message.notice.facts if value)]
    return cut("\n".join(line for line in lines if line), limit)


def details(message: Message) -> Mapping[str, str]:
    """The facts by their labels; of two with the same label the first."""
    return {label: value for label, value in reversed(message.notice.facts) if value}


def cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def is_about_an_incident(message: Message) -> bool:
    """Whether it is part of an outage, and no test or other notice."""
    return message.notice.incident_id != 0


def web_address_complaint(url: str) -> str | None:
    """What is wrong with an address that somebody has given us, in words after the field's name."""
    try:
        parts = urlsplit(url)
        fine = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not url:
        return "can't be blank"
    if len(url) > MAX_URL_CHARACTERS:
        return f"is too long (maximum is {MAX_URL_CHARACTERS} characters)"
    if not fine or any(letter.isspace() or ord(letter) < 32 for letter in url):
        return "is not a web address: it must begin with http:// or https:// and name a host"
    return None


def key_complaints(**given: str) -> dict[str, str]:
    """Those of the fields that cannot stand in a header (RFC 9110, 5.5); empty ones may be left out."""
    wrong = "must be printable ASCII characters"
    return {name: wrong for name, value in given.items() if not (value.isascii() and (value + " ").isprintable())}


def blank_complaints(**given: str) -> dict[str, str]:
    """Those of the fields that must not be empty and are."""
    return {name: "can't be blank" for name, value in given.items() if not value.strip()}
