"""One Tocsin from its start to its clean end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import structlog
import uvicorn
import uvloop

from tocsin import __version__
from tocsin.runtime.administration import FirstSignIn, first_start
from tocsin.runtime.connection import Connection
from tocsin.runtime.data_directory import Lock, Running, prepare
from tocsin.runtime.foundation import Foundation, foundation
from tocsin.runtime.memory import settle
from tocsin.runtime.settings import OperatorError, Settings
from tocsin.runtime.wiring import House
from tocsin.storage.migrate import migrate
from tocsin.storage.sole import sole_server

log = structlog.get_logger()

SHUTDOWN_SECONDS = 4.5
"""After that the process ends whatever still hangs: what must not be lost is in the database."""
GRACE_SECONDS = 2
"""What requests under way get to finish before they are cut off."""
BACKLOG = 1024
"""Connections that may wait to be accepted in a burst."""
KEEP_ALIVE_SECONDS = 30


Announce = Callable[[str, FirstSignIn | None], None]


class DatabaseTaken(OperatorError):
    """Another process serves from the same database."""


class CannotListen(OperatorError):
    """The address cannot be had; the message says which and what to do."""


def serve(settings: Settings, announce: Announce) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code. `announce(base_url, first)` is called once it listens.

    Raises CannotListen, DatabaseTaken, DataDirectoryError (also when one is running already), and what the database
    raises.
    """
    data = prepare(settings.data)
    with Lock(data) as lock, foundation(settings) as ground, sole_server(ground.database) as alone:
        if not alone:
            raise DatabaseTaken(
                "Another Tocsin serves from this PostgreSQL database already. Two would check and page twice: stop "
                "that one first, or give this one a database of its own."
            )
        applied = migrate(ground.database)
        if applied:
            log.info("database migrated", revisions=applied)
        with _listening(settings.host, settings.port) as listener:
            lock.note(Running(pid=os.getpid(), host=settings.host, port=listener.getsockname()[1]))
            return uvloop.run(_run(ground, listener, announce))


async def _run(ground: Foundation, listener: socket.socket, announce: Announce) -> int:
    base_url = ground.settings.base_url or _derived_base_url(ground.settings.host, listener)
    house = House(ground, base_url)
    server = _Server(
        uvicorn.Config(
            house.app,
            http=partial(Connection, short_way=house.short_ways),  # type: ignore[arg-type]  # called like a class
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Only now, when everything that could go wrong has gone right: what is printed here is never shown again.
    announce(base_url, await ground.database.write(first_start, ground.settings))
    await house.start()
    settle()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    if not ground.settings.smtp_url:
        log.warning("no mail server is set: pages will wait until you start with --smtp-url smtp://…")
    log.info("listening", base_url=base_url, version=__version__, pid=os.getpid())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    with _deadline():
        failed = serving.done() and not stop.is_set()
        if failed:
            log.error(
                "the web server ended by itself", exc_info=serving.exception() if not serving.cancelled() else None
            )
        log.info("stopping")
        stopping.cancel()
        server.should_exit = True
        await asyncio.gather(serving, house.stop(), return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(None, ground.database.close)
        log.info("stopped")
    return 1 if failed else 0


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: signals are the runtime's, which has more to stop than a web server."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextmanager
def _deadline() -> Iterator[None]:
    def end() -> None:
        log.warning("stopping took too long; what was cut off is in the database and is taken up at the next start")
        sys.stderr.flush()
        os._exit(0)

    timer = threading.Timer(SHUTDOWN_SECONDS, end)
    timer.daemon = True
    timer.start()
    yield
    # Not cancelled: the interpreter's own end may hang on a thread too, and the timer dies with the process.


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise CannotListen(
            f"'{host}' is not an address of this machine ({error.strerror}). Give another --host."
        ) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"Cannot listen on {host}, port {port} ({error.strerror}). Perhaps it is taken: give another --port."
        ) from error
    listener.setblocking(False)
    try:
        yield listener
    finally:
        listener.close()


def _derived_base_url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 - compared, not bound
        name = "localhost"
        log.warning("links in mails will lead to this machine only: set --base-url to the address that people use")
    else:
        name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}"
