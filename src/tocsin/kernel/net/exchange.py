"""One datagram out and one back over UDP, where any of them may be lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable

from tocsin.kernel.net.failures import not_connected, timeout_words
from tocsin.kernel.net.messages import Failure, IpVersion
from tocsin.kernel.net.requests import Broken, Datagram
from tocsin.kernel.net.standpoint import Place, Standpoint, Trouble
from tocsin.kernel.net.stream import judged

SENDINGS = 3
"""How often a datagram is sent within the timeout before we say that nobody answers."""
MAX_DATAGRAM_BYTES = 65_535
MAX_IGNORED = 100
"""Datagrams that are not the answer; whoever sends more of them in one check does not answer."""


async def exchange(
    standpoint: Standpoint,
    host: str,
    port: int,
    payload: bytes,
    *,
    timeout_seconds: float,
    ip_version: IpVersion | None = None,
    accept: Callable[[bytes], bool] | None = None,
) -> Datagram:
    """See `Net.exchange`. Only on the standpoint's loop. A port of its own for each, chosen by the system."""
    began, stalled = standpoint.monotonic(), standpoint.stalled_seconds
    place = await found(standpoint, host, ip_version, timeout_seconds)
    if place.failure is not None:
        raise Broken(place.failure, place.cause, elapsed_seconds=standpoint.monotonic() - began)
    deadline = began + timeout_seconds
    # Each address's trouble in its turn; our own with one must not hide what another one says.
    wrong: list[tuple[Failure, str, int]] = []
    for index, address in enumerate(place.addresses):
        remaining = max(0.0, deadline - standpoint.monotonic())
        share = remaining if index == len(place.addresses) - 1 else remaining / 2
        try:
            data, took = await _converse(standpoint, address, port, payload, share, accept)
        except TimeoutError:
            wrong.append((Failure.CONNECT_TIMEOUT, timeout_words(timeout_seconds, "without an answer"), 0))
        except OSError as error:
            wrong.append((*_explain(error), error.errno or 0))
        else:
            standpoint.reached(place.host)
            return Datagram(data, address, took, place.name_lookup_time)
    failure, words, os_errno = next((each for each in reversed(wrong) if each[0] is not Failure.LOCAL), wrong[-1])
    trouble = Trouble(
        host=place.host,
        addresses=place.addresses,
        failure=failure,
        words=words,
        timeout_seconds=timeout_seconds,
        stalled_before=stalled,
        os_errno=os_errno,
        reached=failure is Failure.CONNECT_REFUSED,
    )
    failure, words = await judged(standpoint, trouble)
    raise Broken(
        failure, words, name_lookup_time=place.name_lookup_time, elapsed_seconds=standpoint.monotonic() - began
    )


async def found(standpoint: Standpoint, host: str, ip_version: IpVersion | None, timeout_seconds: float) -> Place:
    """`Standpoint.find` for those who can wait."""
    place: asyncio.Future[Place] = asyncio.get_running_loop().create_future()

    def receive(answer: Place) -> None:
        if not place.done():
            place.set_result(answer)

    standpoint.find(host, ip_version, timeout_seconds, receive)
    return await place


async def _converse(
    standpoint: Standpoint,
    address: str,
    port: int,
    payload: bytes,
    seconds: float,
    accept: Callable[[bytes], bool] | None,
) -> tuple[bytes, float]:
    """The answer, and how long it took. Raises TimeoutError, OSError."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.connect((address, port))  # so that only this address is heard, and a closed port is told to us
        began = standpoint.monotonic()
        ignored = 0
        async with asyncio.timeout(seconds):
            for sending in range(SENDINGS):
                with contextlib.suppress(BlockingIOError):  # a full socket loses it, as the network may
                    sock.send(payload)
                last = sending == SENDINGS - 1
                try:
                    async with asyncio.timeout(None if last else seconds / SENDINGS):
                        while ignored < MAX_IGNORED:
                            data = await loop.sock_recv(sock, MAX_DATAGRAM_BYTES)
                            if accept is None or accept(data):
                                return data, standpoint.monotonic() - began
                            ignored += 1
                except TimeoutError:
                    continue
    raise TimeoutError


def _explain(error: OSError) -> tuple[Failure, str]:
    if error.errno == errno.ECONNREFUSED:
        return Failure.CONNECT_REFUSED, "Port unreachable: nothing listens there"
    if error.errno == errno.EMSGSIZE:
        return Failure.BAD_URL, "The datagram is too long to be sent"
    return not_connected(error.errno or 0)
