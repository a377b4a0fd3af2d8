"""A browser that has subscribed to notifications, and the push service of its vendor, on loopback."""

from __future__ import annotations

import base64
import hmac
import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.kernel.servers import HttpServer, loop_thread


class Browser:
    """What a browser does: makes keys, and opens what was sealed for it by RFC 8291, step by step."""

    def __init__(self, endpoint: str) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = bytes(range(16))
        self.endpoint = endpoint

    @property
    def subscription(self) -> str:
        keys = {"p256dh": encoded(point(self.key.public_key())), "auth": encoded(self.auth)}
        return json.dumps({"endpoint": self.endpoint, "expirationTime": None, "keys": keys})

    def open(self, body: bytes) -> dict[str, Any]:
        salt, size = body[:16], int.from_bytes(body[16:20])
        theirs, content = body[21 : 21 + body[20]], body[21 + body[20] :]
        assert size >= len(content)
        shared = self.key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
        about = b"WebPush: info\0" + point(self.key.public_key()) + theirs + b"\x01"
        material = digest(digest(self.auth, shared), about)
        extracted = digest(salt, material)
        key = digest(extracted, b"Content-Encoding: aes128gcm\0\x01")[:16]
        nonce = digest(extracted, b"Content-Encoding: nonce\0\x01")[:12]
        padded = AESGCM(key).decrypt(nonce, content, None)
        found: dict[str, Any] = json.loads(padded.rstrip(b"\0")[:-1])
        return found


def digest(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


@contextmanager
def push_service(authority: trustme.CA) -> Iterator[HttpServer]:
    """Takes what is pushed to `/push/bob`, over TLS with a certificate of this authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    with loop_thread() as loop:
        server = HttpServer(loop, tls=context)
        server.answer("/push/bob", 201, b"", "Location: https://push.example/message/1")
        yield server
        server.close()
