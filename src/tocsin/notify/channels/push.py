"""Sends notifications to browsers and phones that have subscribed to them, without any app."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import http_ece
import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.net import HttpRequest, Net
from tocsin.kernel.vault import Vault
from tocsin.notify.channels import answered
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Sent

KIND = "push"
CONNECTIONS = 20
"""To the vendors' push services, which are many machines each."""
MANY_SERVERS = True
"""Each browser names its own: one that is silent holds up nobody else."""
RECEIVED_WITHIN_SECONDS = 60
"""A device that is awake shows a notification within seconds and tells us; of one that sleeps, nobody is woken."""
TIMEOUT_SECONDS = 10.0
PAGE_TTL_SECONDS = 3600
"""How long the push service keeps a page for a device that is off: later, somebody else has it."""
NEWS_TTL_SECONDS = 6 * 3600
MAX_PAYLOAD_BYTES = 3_000
"""Push services take 4,096 with everything (RFC 8030, 7.2)."""
MAX_TITLE_CHARACTERS = 120
MAX_BODY_CHARACTERS = 400
TOKEN_LIFETIME = timedelta(hours=12)
"""Of the proof that it is us; at most a day (RFC 8292, 2)."""
TOPIC_CHARACTERS = 32
"""The most that a Topic may have (RFC 8030, 5.4)."""
_GONE = frozenset({404, 410})
"""The subscription has ended (RFC 8030, 7.3)."""
_MAX_KEYS = 4
_ORDER_OF_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve's group (FIPS 186-4, D.1.2.3): a private key is smaller."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The key with which push services know us again (VAPID, RFC 8292). No key = not configured."""

    private_key: int = 0
    subject: str = ""
    """Whom a push service asks when we trouble it: our address."""

    def __repr__(self) -> str:
        return f"Settings(subject={self.subject!r})"

    @property
    def public_key(self) -> str:
        """What a browser needs to subscribe: the point, uncompressed, in base64url."""
        return _public_key(self.private_key)


class Subscription(msgspec.Struct, frozen=True):
    """What a browser hands out (W3C Push API, 8); kept sealed as JSON."""

    endpoint: str
    keys: Keys


class Keys(msgspec.Struct, frozen=True):
    """In base64url: the browser's public key, and a secret that it shares with us."""

    p256dh: str
    auth: str


def settings(vault: Vault, base_url: str) -> Settings:
    """The settings of this installation. The key is drawn from the installation's own, so none is there to lose.

    Not configured where browsers would not subscribe: they do over https, and on their own machine.
    """
    parts = urlsplit(base_url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        return Settings()
    drawn = int(vault.sign("web push, first half") + vault.sign("web push, second half"), 16)
    return Settings(private_key=drawn % (_ORDER_OF_P256 - 1) + 1, subject=base_url)


async def send(message: Message, settings: Settings, net: Net) -> Answer:
    """Hand one notification, sealed for the browser alone, to the push service that the browser has chosen."""
    page = message.notice.kind == Kind.PAGE
    return await post(
        message.endpoint,
        payload(message),
        settings,
        net,
        at=message.at,
        ttl_seconds=PAGE_TTL_SECONDS if page else NEWS_TTL_SECONDS,
        # Phones that sleep show nothing that is less than high: and whoever is paged is to wake up.
        urgency="high" if page else "normal",
        thread=message.thread,
        attempt=message.attempt,
    )


async def post(
    subscription_json: str,
    content: bytes,
    settings: Settings,
    net: Net,
    *,
    at: datetime,
    ttl_seconds: int,
    urgency: str,
    thread: str,
    attempt: int | None = None,
    public_only: bool = False,
) -> Answer:
    """Seal the content for one browser and hand it over. `thread`: who was off sees the last of it alone."""
    if not settings.private_key:
        return GiveUp("web push needs an https:// address: set TOCSIN_BASE_URL")
    try:
        subscription = msgspec.json.decode(subscription_json, type=Subscription)
        body = sealed(content, subscription.keys)
        origin = _origin(subscription.endpoint)
    except (msgspec.MsgspecError, ValueError) as error:
        return GiveUp(f"the subscription cannot be used: {error}", endpoint_gone=True)
    response = await net.fetch(
        HttpRequest(
            url=subscription.endpoint,
            method="POST",
            headers=(
                ("Authorization", authorization(settings, origin, at)),
                ("Content-Type", "application/octet-stream"),
                ("Content-Encoding", "aes128gcm"),
                ("TTL", str(ttl_seconds)),
                ("Urgency", urgency),
                ("Topic", _topic(thread)),  # who was off sees how things stand, not what they missed
            ),
            body=body,
            follow_redirects=False,
            remember_cookies=False,
            timeout_seconds=TIMEOUT_SECONDS,
            keep_body_bytes=4_096,
            public_only=public_only,
        )
    )
    provider = urlsplit(subscription.endpoint).hostname or "the push service"
    answer = answered(response, provider, at=at, attempt=attempt)
    if response.status_code in _GONE and isinstance(answer, GiveUp):
        return GiveUp("this browser has withdrawn its subscription", endpoint_gone=True)
    if isinstance(answer, Sent):
        location = next((value for name, value in response.headers if name.lower() == "location"), None)
        return Sent(answer.detail, provider_id=location)
    return answer


def payload(message: Message) -> bytes:
    """What the service worker of our page is told (JSON; see `console/assets/push.js`)."""
    notice = message.notice
    said: dict[str, Any] = {
        "kind": notice.kind,
        "title": _cut(("Critical: " if notice.critical else "") + notice.headline, MAX_TITLE_CHARACTERS),
        "body": "" if notice.cause in notice.headline else _cut(notice.cause, MAX_BODY_CHARACTERS),
        "tag": message.thread,
        "url": message.answer_url or notice.url,
        "answer": message.answer_token if "acknowledge" in notice.actions else None,
        "state": None if message.state_url is None else message.state_url.rpartition("/")[2],
    }
    encoded = msgspec.json.encode(said)
    if len(encoded) > MAX_PAYLOAD_BYTES:
        encoded = msgspec.json.encode({**said, "body": ""})
    return encoded


def sealed(content: bytes, keys: Keys) -> bytes:
    """The content so that this browser alone can read it (RFC 8291)."""
    return bytes(
        http_ece.encrypt(
            content,
            private_key=ec.generate_private_key(ec.SECP256R1()),
            dh=_decoded(keys.p256dh),
            auth_secret=_decoded(keys.auth),
            version="aes128gcm",
        )
    )


def authorization(settings: Settings, origin: str, at: datetime) -> str:
    """The header that proves that it is us, to this push service and for some hours (RFC 8292, 3)."""
    expires_at = to_milliseconds(at + TOKEN_LIFETIME) // 1000
    claims = {"aud": origin, "exp": expires_at, "sub": settings.subject}
    signed = f"{_encoded(_HEADER)}.{_encoded(msgspec.json.encode(claims))}"
    signature = _private(settings.private_key).sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(signature)
    return f"vapid t={signed}.{_encoded(r.to_bytes(32) + s.to_bytes(32))}, k={settings.public_key}"


_HEADER = b'{"typ":"JWT","alg":"ES256"}'


@lru_cache(_MAX_KEYS)
def _private(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(number, ec.SECP256R1())


@lru_cache(_MAX_KEYS)
def _public_key(number: int) -> str:
    point = _private(number).public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )  # fmt: skip
    return _encoded(point)


def _origin(endpoint: str) -> str:
    """Scheme, host and port (RFC 6454, 6.2). Raises ValueError for what is no https address."""
    parts = urlsplit(endpoint)
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError("its address is not https")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}" + (f":{parts.port}" if parts.port not in (None, 443) else "")


def _topic(thread: str) -> str:
    return _encoded(hashlib.sha256(thread.encode()).digest())[:TOPIC_CHARACTERS]


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
