"""A network of one's own for a test: a namespace of the kernel, and a far side on a TUN device that the test plays."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import select
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.conftest import REQUIRE_ALL

_CLONE_NEWNET = 0x40000000
_CAP_NET_RAW, _CAPABILITY_VERSION_3 = 13, 0x20080522
_PR_CAPBSET_DROP = 24
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_libc = ctypes.CDLL(None, use_errno=True)


class Namespace:
    """A thread in a network namespace of its own. What it starts (processes, threads, a `RealNet`) lives there too."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="namespace")
        self.run(self._enter)
        self.ip("link set lo up")

    def run(self, work: Callable[..., Any], *args: Any, **named: Any) -> Any:
        """`work(*args)` in the namespace."""
        return self._thread.submit(work, *args, **named).result(20)

    def ip(self, command: str) -> None:
        """iproute2's `ip`."""
        self.run(subprocess.run, ["ip", *command.split()], check=True, capture_output=True)

    def set(self, name: str, value: str) -> None:
        """A sysctl of the namespace."""

        def write() -> None:
            with open("/proc/sys/" + name.replace(".", "/"), "w") as file:
                file.write(value)

        self.run(write)

    def without_raw_sockets(self) -> None:
        """Give up CAP_NET_RAW for what is started from now on."""
        self.run(_drop_net_raw)

    def close(self) -> None:
        self._thread.shutdown()

    def _enter(self) -> None:
        if _libc.unshare(_CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "unshare")


def _drop_net_raw() -> None:
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    sets = ctypes.create_string_buffer(24)
    if _libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    words = list(struct.unpack("6I", sets.raw))
    for index in (0, 1):  # effective and permitted
        words[index] &= ~(1 << _CAP_NET_RAW)
    if _libc.prctl(_PR_CAPBSET_DROP, _CAP_NET_RAW, 0, 0, 0) != 0:  # or a program that root starts has it again
        raise OSError(ctypes.get_errno(), "prctl")
    if _libc.capset(header, struct.pack("6I", *words)) != 0:
        raise OSError(ctypes.get_errno(), "capset")


class FarSide:
    """Everybody beyond this machine's only link: 10.9.0.0/16 and fd09::/64. `answer(packet)` gives what comes back."""

    def __init__(self, namespace: Namespace) -> None:
        self.answer: Callable[[bytes], list[bytes]] = lambda packet: []
        self.heard: list[bytes] = []
        self._file: int = namespace.run(self._open)
        namespace.ip("addr add 10.9.0.1/16 dev far0")
        namespace.ip("-6 addr add fd09::1/64 dev far0 nodad")
        namespace.ip("link set far0 up")
        self._settle(namespace)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def send(self, packet: bytes) -> None:
        """Say something unasked."""
        os.write(self._file, packet)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(5)
        os.close(self._file)

    def _settle(self, namespace: Namespace) -> None:
        """The kernel takes a moment until what is sent to an IPv6 address of its own arrives."""
        command = ["ip", "-6", "route", "show", "table", "local"]
        for _ in range(500):
            if b"fd09::1 " in namespace.run(subprocess.run, command, check=True, capture_output=True).stdout:
                return
            time.sleep(0.01)
        raise AssertionError("the link did not come up")

    def _open(self) -> int:
        file = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(file, _TUNSETIFF, struct.pack("16sH14x", b"far0", _IFF_TUN | _IFF_NO_PI))
        return file

    def _serve(self) -> None:
        while not self._stop.is_set():
            if not select.select([self._file], [], [], 0.05)[0]:
                continue
            with contextlib.suppress(OSError):
                packet = os.read(self._file, 65_536)
                if is_echo(packet) or is_datagram(packet):
                    self.heard.append(packet)
                    for each in self.answer(packet):
                        os.write(self._file, each)


def is_echo(packet: bytes) -> bool:
    if packet[0] >> 4 == 4:
        return packet[9] == 1 and packet[20] == 8
    return packet[6] == 58 and packet[40] == 128


def is_datagram(packet: bytes) -> bool:
    return packet[0] >> 4 == 4 and packet[9] == 17


def echoed(packet: bytes) -> bytes:
    """What the host that was pinged sends back."""
    v6 = packet[0] >> 4 == 6
    start = 40 if v6 else 20
    body = bytes([129 if v6 else 0, 0, 0, 0]) + packet[start + 4 :]
    return _turned(packet, body)


def complained(packet: bytes, kind: int, code: int, router: bytes, quoted: int = 28) -> bytes:
    """What a router on the way sends back: an error that quotes the beginning of the packet."""
    v6 = packet[0] >> 4 == 6
    body = bytes([kind, code, 0, 0, 0, 0, 0, 0]) + packet[: max(quoted, 48 if v6 else 28)]
    return _turned(packet, body, router)


def _turned(packet: bytes, body: bytes, source: bytes | None = None) -> bytes:
    if packet[0] >> 4 == 4:
        body = body[:2] + _checksum(body) + body[4:]
        source = source or packet[16:20]
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, 64, 1, 0, source, packet[12:16])
        return head[:10] + _checksum(head) + head[12:] + body
    source, target = source or packet[24:40], packet[8:24]
    pseudo = source + target + struct.pack("!II", len(body), 58)
    body = body[:2] + _checksum(pseudo + body) + body[4:]
    return struct.pack("!IHBB", 0x60000000, len(body), 58, 64) + source + target + body


def _checksum(data: bytes) -> bytes:
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", 0xFFFF - total)


@pytest.fixture
def namespace() -> Iterator[Namespace]:
    if os.geteuid() != 0 or shutil.which("ip") is None or not os.path.exists("/dev/net/tun"):
        words = "network namespaces need root, iproute2 and /dev/net/tun"
        if REQUIRE_ALL:
            pytest.fail(words)
        pytest.skip(words)
    namespace = Namespace()
    yield namespace
    namespace.close()


@pytest.fixture
def far_side(namespace: Namespace) -> Iterator[FarSide]:
    far_side = FarSide(namespace)
    yield far_side
    far_side.close()
