"""SSH servers: a real one, full ones and impostors."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, listens, program, running, says, scripted, silent
from tocsin.monitors.model import Verdict


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("sshd")
    executable = program("sshd")
    key = folder / "key"
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, timeout=20)
    port = free_port()
    (folder / "config").write_text(f"Port {port}\nListenAddress 127.0.0.1\nHostKey {key}\nPidFile none\nUsePAM no\n")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(parents=True, exist_ok=True)  # its own wish: the folder it locks itself into
    with running([executable, "-D", "-e", "-f", str(folder / "config")], lambda: listens(port), folder):
        yield port


def test_a_real_server_is_up(check: Check, sshd: int) -> None:
    outcome = check("ssh", port=str(sshd))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)


def test_its_identification_may_be_asked_for_a_word(check: Check, sshd: int) -> None:
    assert check("ssh", port=str(sshd), required_keyword="OpenSSH").verdict is Verdict.UP
    outcome = check("ssh", port=str(sshd), required_keyword="Dropbear")
    assert outcome.verdict is Verdict.DOWN
    assert (outcome.cause or "").startswith("Keyword missing in 'SSH-2.0-OpenSSH")


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((b"SSH-1.5-ancient\r\n",), "The server speaks an old SSH: SSH-1.5-ancient"),
        ((b"220 mail\r\n" * 50,), "Not an SSH server: it does not identify itself"),
        (
            (b"Welcome\r\nSSH-2.0-odd\r\n", b"\0\0\0\1\0\1"),
            "The server identifies itself and then does not offer a key exchange",
        ),
        ((b"Exceeded MaxStartups\r\n",), None),
    ],
)
def test_a_server_that_is_full_or_no_ssh_server_is_down(
    check: Check, lines: tuple[bytes, ...], cause: str | None
) -> None:
    with scripted(says(*lines)) as port:
        outcome = check("ssh", port=str(port), request_timeout=1_000)
    assert outcome.verdict is Verdict.DOWN
    assert cause is None or outcome.cause == cause


def test_nobody_listening_and_nobody_answering_are_down(check: Check) -> None:
    assert check("ssh", port=str(free_port())).cause == "Connection refused"
    with scripted(silent) as port:
        assert "Timed out after 0.5 s" in (check("ssh", port=str(port), request_timeout=500).cause or "")
