"""A proxy for clients that know one address alone: what they send to Better Stack by HTTPS arrives at our server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from types import TracebackType

import trustme

HOST = "uptime.betterstack.com"
TIMEOUT_SECONDS = 30
CHUNK_BYTES = 65_536


class Detour:
    """An HTTPS proxy on loopback: `environment` is what makes a program use it. It opens the encryption and passes on
    every byte."""

    def __init__(self, port: int, authority: trustme.CA) -> None:
        """`port`: our server's, on loopback. `authority`: one that the program trusts."""
        self._target = port
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(self._tls)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.environment = {"HTTPS_PROXY": f"http://127.0.0.1:{self._socket.getsockname()[1]}", "NO_PROXY": ""}
        self.asked: list[str] = []
        """The places that the program wanted to reach."""

    def __enter__(self) -> Detour:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(TIMEOUT_SECONDS)
            asked = b""
            while not asked.endswith(b"\r\n\r\n"):
                read = client.recv(CHUNK_BYTES)
                if not read:
                    return
                asked += read
            place = asked.split(b" ")[1].decode()
            self.asked.append(place)
            if place != f"{HOST}:443":
                client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                self._tls.wrap_socket(client, server_side=True) as opened,
                socket.create_connection(("127.0.0.1", self._target), TIMEOUT_SECONDS) as server,
            ):
                threading.Thread(target=_pass_on, args=(server, opened), daemon=True).start()
                _pass_on(opened, server)


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while read := source.recv(CHUNK_BYTES):
            sink.sendall(read)
        sink.shutdown(socket.SHUT_WR)
