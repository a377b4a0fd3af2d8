"""A provider of single sign-on on this machine, which really signs: what it says can be bent for a test."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Callable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT_ID, CLIENT_SECRET = "tocsin", "a secret: of/ours"


class Provider:
    """`claims` is what it says of the person who is signed in there; `header` and `key` how it signs."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.kid = "first"
        self.published = {self.kid: self.key}
        self.algorithm = "RS256"
        self.signing_key: Any = None
        """Instead of `key`."""
        self.claims: dict[str, Any] = {
            "sub": "u-1",
            "email": "alice@example.com",
            "email_verified": True,
            "name": "Alice",
        }
        self.bent: dict[str, Any] = {}
        """Replaces claims of the token; None takes one out."""
        self.asked: list[dict[str, str]] = []
        self.redeemed: list[tuple[dict[str, str], str]] = []
        self.keys_fetched = 0
        self.document: dict[str, Any] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if path == "/.well-known/openid-configuration":
                    return self.answer(provider.discovered())
                if path == "/keys":
                    provider.keys_fetched += 1
                    return self.answer({"keys": [_public(kid, key) for kid, key in provider.published.items()]})
                return self.answer({}, 404)

            def do_POST(self) -> None:
                sent = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                fields = {name: values[0] for name, values in sent.items()}
                provider.redeemed.append((fields, self.headers.get("authorization", "")))
                status, body = provider.redeem(fields)
                self.answer(body, status)

            def answer(self, body: Any, status: int = 200) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *words: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def discovered(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
        } | self.document

    def consent(self, address: str) -> dict[str, str]:
        """The person says yes there: the parameters with which the browser comes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.asked.append(asked)
        return {"code": f"code-{len(self.asked)}", "state": asked["state"], "iss": self.issuer}

    def redeem(self, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        asked = self.asked[int(fields["code"].removeprefix("code-")) - 1]
        digest = hashlib.sha256(fields["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(self.now().timestamp())
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"],
            "auth_time": now, **self.claims,
        } | self.bent  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        key = self.key if self.signing_key is None else self.signing_key
        token = jwt.encode(kept, key, algorithm=self.algorithm, headers={"kid": self.kid})
        return 200, {"id_token": token, "access_token": "a", "token_type": "Bearer"}

    def turn_keys(self) -> None:
        """Sign with another key from now on, as providers do every few weeks."""
        self.key, self.kid = rsa.generate_private_key(public_exponent=65_537, key_size=2_048), "second"
        self.published[self.kid] = self.key


def _public(kid: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    return made | {"kid": kid, "use": "sig", "alg": "RS256"}
