"""Who may subscribe to a page, by what, and how often a stranger may have us write to an address."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from tocsin.accounts.rules import checked_email
from tocsin.kernel.errors import Invalid
from tocsin.kernel.net.address import PUBLIC
from tocsin.status_pages.model import Subscriber, SubscriberKind

MAX_SUBSCRIBERS_PER_PAGE = 100_000
"""More are no audience of one page: telling them all would take over an hour at the usual rate."""
MAX_PLACES_PER_ADDRESS = 10
"""Webhooks and chats on one page that one mail address vouches for: nobody is to point a thousand at one victim."""
MAX_RESOURCES = 1_000
"""That one subscriber chooses: more than stand on any page."""
MAX_URL_CHARACTERS = 2_000
MAX_SUBSCRIPTION_CHARACTERS = 4_000
"""A browser's is a few hundred characters long."""

CONFIRMATION_LIFETIME = timedelta(days=7)
"""How long the link in a mail that asks for a confirmation is good."""
KEPT_UNCONFIRMED = timedelta(days=30)
"""How long we remember an address that nobody confirmed, or whose owner has left."""

PAUSE_BETWEEN_MAILS = timedelta(minutes=10)
"""Between two mails to one address that ask it to confirm something about one page, whoever asks."""
MAILS_COUNTED_FOR = timedelta(days=1)
MAX_MAILS_PER_ADDRESS = 5
"""Of these within a day."""
MAX_MAILS_PER_ADDRESS_IN_ALL = 20
"""About all pages here together: hundreds of them are not to be made to write to somebody hundreds of times."""
ASKED_COUNTED_FOR = timedelta(hours=1)
MAX_ASKED_PER_PAGE = 2_000
"""How many may ask a page within the hour: what a large outage brings, and a bound to the junk that one can order."""

LANGUAGES = ("en", "de", "fr", "es", "pt", "ja", "zh", "cs")
"""In which updates are sent; any other reads the first."""
PUSH_SERVICES = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "push.services.mozilla.com",
    "notify.windows.com",
    "push.apple.com",
)
"""The services that browsers subscribe with. Nobody confirms a browser by mail, so no other server is asked: else a
stranger could have us call anyone."""
PRIVATE_NAMES = ("localhost", "localdomain", "local", "internal", "home.arpa")
"""Names below which nothing is on the public internet (RFC 6761, 6762 and 8375; `internal`: ICANN, 2024)."""
SLACK_HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
_NUMERIC = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}")
"""What programs take for an IPv4 address though no person writes one so: 127.1, 0x7f000001, 2130706433."""
_POINT_BYTES, _AUTH_BYTES = 65, 16
"""The browser's public key, uncompressed, and its secret (RFC 8291, 3.1 and 3.2)."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to be told by, found good."""

    kind: SubscriberKind
    email: str | None
    address: str = ""
    """A secret: to be sealed."""

    @property
    def key(self) -> str:
        """Equal for equal addresses; a secret unless `kind` is `email`."""
        if self.kind is SubscriberKind.EMAIL:
            return self.email or ""
        return _endpoint(self.address) if self.kind is SubscriberKind.PUSH else self.address


class _Keys(msgspec.Struct):
    p256dh: str
    auth: str


class _Subscription(msgspec.Struct):
    """What a browser's PushSubscription says of itself (W3C Push API, 8)."""

    endpoint: str
    keys: _Keys


def asked(kind: SubscriberKind, *, email: str | None, url: str | None, subscription: str | None) -> Asked:
    """What was asked for, in the one form in which it is kept. Raises Invalid (fields email, url, subscription)."""
    if kind is SubscriberKind.PUSH:
        return Asked(kind=kind, email=None, address=_browser(subscription or ""))
    errors: dict[str, list[str]] = {}
    address = ""
    try:
        email = checked_email(email or "").lower()
    except Invalid as error:
        errors |= error.field_errors
    if kind in (SubscriberKind.WEBHOOK, SubscriberKind.SLACK):
        address = (url or "").strip()
        complaint = _complaint(address, kind)
        if complaint:
            errors["url"] = [complaint]
    if errors:
        raise Invalid.of(errors)
    return Asked(kind=kind, email=email, address=address)


def chosen(ids: Sequence[int], on_the_page: Collection[int]) -> tuple[int, ...]:
    """The resources that somebody wants to hear of; all of them is the same as none named. Raises Invalid."""
    if len(ids) > MAX_RESOURCES:
        raise Invalid.fields(status_page_resource_ids=f"has too many resources (maximum is {MAX_RESOURCES:,})")
    unknown = sorted(set(ids) - set(on_the_page))
    if unknown:
        raise Invalid.fields(status_page_resource_ids=f"has no resource {unknown[0]} on this page")
    return tuple(sorted(set(ids)))


def language_of(wanted: str) -> str:
    """A language that we have words in."""
    short = wanted.strip().lower().replace("_", "-").partition("-")[0]
    return short if short in LANGUAGES else LANGUAGES[0]


def may_be_written_to(last_at: datetime | None, here: int, everywhere: int, now: datetime) -> bool:
    """Whether an address may be asked to confirm once more; when not, the same answer is given and no mail is sent."""
    if here >= MAX_MAILS_PER_ADDRESS or everywhere >= MAX_MAILS_PER_ADDRESS_IN_ALL:
        return False
    return last_at is None or last_at + PAUSE_BETWEEN_MAILS <= now


def listening(subscriber: Subscriber) -> bool:
    """Whether they are told of updates."""
    return subscriber.confirmed_at is not None and subscriber.unsubscribed_at is None


def confirmable(subscriber: Subscriber, asked_at: datetime, now: datetime) -> bool:
    """Whether a link made at `asked_at` still confirms: in time, and not if its owner has left since."""
    if not asked_at <= now < asked_at + CONFIRMATION_LIFETIME:
        return False
    return subscriber.unsubscribed_at is None or subscriber.unsubscribed_at <= asked_at


def shown(subscriber: Subscriber) -> str:
    """Their address as it may be read over somebody's shoulder, e.g. `a…@example.com` or `hooks.example.com/…`."""
    if subscriber.kind is SubscriberKind.EMAIL or not subscriber.address:
        return masked(subscriber.email or "")
    return where(subscriber.kind, subscriber.address)


def masked(email: str) -> str:
    """`a…@example.com`."""
    local, at, domain = email.rpartition("@")
    return f"{local[:1]}…{at}{domain}" if at else ""


def where(kind: SubscriberKind, address: str) -> str:
    """The host of a secret address: enough to tell two apart."""
    try:
        host = urlsplit(_endpoint(address) if kind is SubscriberKind.PUSH else address).hostname
    except ValueError:
        host = None
    return f"{host}/…" if host else "…"


def _browser(text: str) -> str:
    if not text.strip():
        raise Invalid.fields(subscription="can't be blank")
    if len(text) > MAX_SUBSCRIPTION_CHARACTERS:
        raise Invalid.fields(subscription=f"is too long (maximum is {MAX_SUBSCRIPTION_CHARACTERS:,} characters)")
    try:
        found = msgspec.json.decode(text, type=_Subscription)
        parts = urlsplit(found.endpoint)
        host, port = parts.hostname or "", parts.port
    except (msgspec.DecodeError, ValueError):
        raise Invalid.fields(subscription="must be a push subscription as a browser makes it") from None
    sizes = [_size(found.keys.p256dh), _size(found.keys.auth)]
    if parts.scheme != "https" or sizes != [_POINT_BYTES, _AUTH_BYTES] or "@" in parts.netloc:
        raise Invalid.fields(subscription="must have an endpoint and keys, as a browser makes them")
    if port not in (None, 443) or not any(host == each or host.endswith(f".{each}") for each in PUSH_SERVICES):
        raise Invalid.fields(subscription=f"must be of a push service that we know: {', '.join(PUSH_SERVICES)}")
    return msgspec.json.encode(found).decode()


def _endpoint(subscription: str) -> str:
    try:
        return msgspec.json.decode(subscription, type=_Subscription).endpoint
    except msgspec.DecodeError:
        return ""


def _size(text: str) -> int:
    try:
        return len(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except ValueError:
        return 0


def _complaint(url: str, kind: SubscriberKind) -> str | None:
    """What is wrong with an address that updates shall be posted to, in words after the field's name."""
    if not url:
        return "can't be blank"
    if len(url) > MAX_URL_CHARACTERS:
        return f"is too long (maximum is {MAX_URL_CHARACTERS:,} characters)"
    try:
        parts = urlsplit(url)
        fine = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "is not a web address: it must begin with http:// or https:// and name a host"
    if not fine or not url.isprintable() or " " in url:
        return "is not a web address: it must begin with http:// or https:// and name a host"
    if kind is SubscriberKind.WEBHOOK and _never_called(parts.hostname or ""):
        return "must have a public host: private addresses and names like localhost are never called"
    if kind is SubscriberKind.SLACK and (parts.hostname not in SLACK_HOSTS or parts.scheme.lower() != "https"):
        return f"must be the address of a Slack incoming webhook: https://{SLACK_HOSTS[0]}/services/…"
    return None


def _never_called(host: str) -> bool:
    """Whether a host is private at sight: by its address, however it is written, or its name. What only resolves to a
    private address is refused when it is called."""
    name = host.rstrip(".").lower()
    if any(name == each or name.endswith(f".{each}") for each in PRIVATE_NAMES):
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return _NUMERIC.fullmatch(name) is not None
    return PUBLIC.refusal(str(address)) is not None
