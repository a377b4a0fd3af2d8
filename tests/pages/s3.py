"""A server that speaks as much of S3 as copies of pages need, and checks every signature by itself (AWS SigV4)."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote, urlsplit

KEY, SECRET, REGION, NAME = "AKIATESTTESTTEST", "a/secret+of/this+bucket", "eu-central-1", "copies"


class Bucket:
    """What was put there, by key: (content, media type, Cache-Control); and what was wrong with requests."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str, str]] = {}
        self.refused: list[str] = []
        self.failures = 0
        """So many requests are answered with 503 first."""
        self.port = 0

    @property
    def url(self) -> str:
        return f"s3://{NAME}/pages?endpoint=http://127.0.0.1:{self.port}&region={REGION}"


def signature_fault(method: str, target: str, headers: Any, body: bytes) -> str:
    """What is wrong with a request's signature; empty when it is right."""
    said = headers.get("authorization", "")
    if not said.startswith("AWS4-HMAC-SHA256 "):
        return "unsigned"
    parts = dict(part.strip().split("=", 1) for part in said.removeprefix("AWS4-HMAC-SHA256 ").split(","))
    key, date, region, service, ending = parts["Credential"].split("/")
    if (key, region, service, ending) != (KEY, REGION, "s3", "aws4_request"):
        return f"scope {parts['Credential']}"
    digest = headers.get("x-amz-content-sha256", "")
    if digest not in (hashlib.sha256(body).hexdigest(), "UNSIGNED-PAYLOAD"):
        return "digest of the body"
    names = parts["SignedHeaders"].split(";")
    if not {"host", "x-amz-content-sha256", "x-amz-date"} <= set(names):
        return f"signed headers {names}"
    address = urlsplit(target)
    query = "&".join(sorted(part if "=" in part else part + "=" for part in address.query.split("&") if part))
    lines = "".join(f"{name}:{' '.join((headers.get(name) or '').split())}\n" for name in names)
    path = quote(unquote(address.path), safe="/-_.~")
    canonical = "\n".join([method, path, query, lines, parts["SignedHeaders"], digest])
    scope = "/".join((date, region, service, ending))
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashed])
    signing = f"AWS4{SECRET}".encode()
    for step in (date, region, service, ending):
        signing = hmac.new(signing, step.encode(), hashlib.sha256).digest()
    right = hmac.new(signing, to_sign.encode(), hashlib.sha256).hexdigest()
    return "" if hmac.compare_digest(right, parts["Signature"]) else "signature"


@contextmanager
def s3() -> Iterator[Bucket]:
    """The server, on this machine, while the block lasts."""
    bucket = Bucket()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            fault = signature_fault(self.command, self.path, self.headers, body)
            if fault:
                bucket.refused.append(fault)
                return self._answer(403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>")
            if bucket.failures:
                bucket.failures -= 1
                return self._answer(503, b"<Error><Code>SlowDown</Code></Error>")
            key = unquote(urlsplit(self.path).path).removeprefix(f"/{NAME}/")
            if self.command == "PUT":
                bucket.objects[key] = body, self.headers["content-type"], self.headers["cache-control"]
                return self._answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')
            if self.command == "DELETE":
                bucket.objects.pop(key, None)
                return self._answer(204)
            if key not in bucket.objects:
                return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            content = bucket.objects[key][0]
            tag = f'"{hashlib.md5(content).hexdigest()}"'
            return self._answer(200, content, ETag=tag, Last_Modified="Mon, 02 Mar 2026 12:00:00 GMT")

        do_GET = do_PUT = do_DELETE = do_HEAD = _take

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    bucket.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
