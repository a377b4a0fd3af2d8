"""Time servers: a real one, unsure ones, and answers that are no answers."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REQUIRE_ALL
from tests.kernel.servers import NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, program, running
from tocsin.monitors.checks import ntp
from tocsin.monitors.model import Verdict


@contextmanager
def chronyd(folder: Path, *lines: str) -> Iterator[int]:
    """A real time server that never touches this machine's clock; yields its port."""
    executable = program("chronyd")
    if os.geteuid() != 0:
        if REQUIRE_ALL:
            pytest.fail("chronyd can only be started by root, and this run must not skip anything")
        pytest.skip("chronyd can only be started by root")
    port = free_port(socket.SOCK_DGRAM)
    settings = [f"port {port}", "cmdport 0", "allow 127.0.0.1", "bindaddress 127.0.0.1", f"pidfile {folder}/pid"]
    (folder / "chrony.conf").write_text("\n".join([*settings, *lines]) + "\n")
    command = [executable, "-x", "-n", "-u", "root", "-f", str(folder / "chrony.conf")]
    with running(command, lambda: _answers(port), folder):
        yield port


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        client.connect(("127.0.0.1", port))
        try:
            client.send(bytes([0x23]) + bytes(47))
            return len(client.recv(100)) >= 48
        except OSError:
            return False


@contextmanager
def udp(answer: Callable[[bytes], bytes | None]) -> Iterator[int]:
    """Answers each datagram with what `answer` makes of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.1)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    data, source = server.recvfrom(1_000)
                except TimeoutError:
                    continue
                said = answer(data)
                if said is not None:
                    server.sendto(said, source)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join(5)


def answer_to(data: bytes, *, leap: int = 0, stratum: int = 2, word: bytes = b"GPS\0", mode: int = 4) -> bytes:
    return (
        bytes([leap << 6 | 4 << 3 | mode, stratum]) + bytes(10) + word + bytes(8) + data[40:48] + bytes(8) + b"12345678"
    )


def test_a_real_time_server_is_up(check: Check, tmp_path: Path) -> None:
    with chronyd(tmp_path, "local stratum 8") as port:
        outcome = check("ntp", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert outcome.response_time > 0


def test_a_real_time_server_that_does_not_know_the_time_is_down(check: Check, tmp_path: Path) -> None:
    with chronyd(tmp_path) as port:
        outcome = check("ntp", port=str(port))
    assert outcome.verdict is Verdict.DOWN
    assert outcome.cause == "The time server says that its own clock is not synchronised"


def test_a_kiss_of_death_is_told_in_its_own_word(check: Check) -> None:
    with udp(lambda data: answer_to(data, stratum=0, word=b"RATE")) as port:
        assert check("ntp", port=str(port)).cause == "The time server refuses: RATE (kiss of death)"


@pytest.mark.parametrize(
    "answer",
    [
        lambda data: answer_to(bytes(48)),
        lambda data: answer_to(data, mode=5),
        lambda data: answer_to(data)[:47],
        lambda data: None,
    ],
    ids=["to another request", "a broadcast", "cut off", "none"],
)
def test_what_is_no_answer_to_our_request_is_waited_past(check: Check, answer: Callable[[bytes], bytes | None]) -> None:
    with udp(answer) as port:
        outcome = check("ntp", port=str(port), request_timeout=500)
    assert outcome.verdict is Verdict.DOWN
    assert "Timed out after 0.5 s" in (outcome.cause or "")


def test_our_trouble_with_one_address_does_not_hide_that_the_other_is_down(check: Check, names: NameServer) -> None:
    # The second is loopback's broadcast address, to which our own kernel lets nobody send.
    names.zone["time.example"] = ["127.0.0.1", "127.255.255.255"]
    outcome = check("ntp", url="time.example", port=str(free_port(socket.SOCK_DGRAM)))
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, "Port unreachable: nothing listens there")
    ours = check("ntp", url="127.255.255.255")
    assert ours.verdict is Verdict.UNKNOWN


def test_nobody_listening_is_down(check: Check) -> None:
    outcome = check("ntp", port=str(free_port(socket.SOCK_DGRAM)), request_timeout=1_000)
    assert outcome.verdict is Verdict.DOWN


@given(st.binary(min_size=48, max_size=90), st.binary(min_size=8, max_size=8))
def test_no_datagram_is_too_odd_to_be_judged(data: bytes, cookie: bytes) -> None:
    assert ntp.answers(data, cookie) == (data[0] & 7 == 4 and data[24:32] == cookie)
    complaint = ntp.complaint(data)
    assert (complaint is None) == (1 <= data[1] <= 15 and data[0] >> 6 != 3 and any(data[40:48]))
