"""A small server on which a test puts drawn pages, with the headers that the real one sends with them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.status_pages import samples
from tocsin.pages.drawing import Frame, assets

NONCE = "n0nce"
POLICY = (
    f"default-src 'none'; style-src 'self' 'nonce-{NONCE}'; script-src 'self' 'nonce-{NONCE}'; img-src 'self'; "
    "connect-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="36"><rect width="120" height="36" fill="teal"/></svg>'
)


class Stage:
    """What is served under which address; it can be changed, and taken off the network."""

    def __init__(self) -> None:
        self.pages: dict[str, Callable[[], str]] = {}
        self.down = False
        self.posted: list[str] = []
        stage = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                if stage.down:
                    self.answer(503, b"", "text/plain")
                elif path.startswith("/assets/") and path[8:] in assets():
                    self.answer(200, *assets()[path[8:]])
                elif path in ("/logo", "/dark-logo"):
                    self.answer(200, LOGO.encode(), "image/svg+xml")
                elif path in stage.pages:
                    self.answer(200, stage.pages[path]().encode(), "text/html; charset=utf-8")
                else:
                    self.answer(404, b"", "text/plain")

            def do_POST(self) -> None:
                stage.posted.append(self.rfile.read(int(self.headers["content-length"])).decode())
                self.answer(200, b"{}", "application/json")

            def answer(self, status: int, body: bytes, media_type: str) -> None:
                self.send_response(status)
                self.send_header("content-type", media_type)
                self.send_header("content-length", str(len(body)))
                self.send_header("content-security-policy", POLICY)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.root = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def frame(self, **changes: Any) -> Frame:
        return samples.frame(**({"root": self.root, "prefix": "", "nonce": NONCE} | changes))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
