"""The process in which apprise runs is shut off from files, programs and forbidden addresses."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROBE = """
import sys
from tocsin.kernel.net.address import AddressPolicy
from tocsin.notify.channels.apprise_process import _shut_in
log = []
_shut_in(AddressPolicy(False), log)
try:
    {deed}
except PermissionError:
    pass
sys.stdout.write(" ".join(log) or "nothing was refused")
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "said"),
    [
        ("open('/etc/passwd')", "not opened: a file of this machine"),
        ("open('/usr/share/../../etc/passwd')", "not opened: a file of this machine"),
        ("open('/etc/hosts').close()", "nothing was refused"),
        ("import os; os.system('true')", "not started: a program of this machine"),
        ("import subprocess; subprocess.run(['true'])", "not started: a program of this machine"),
        (
            "import socket; socket.create_connection(('127.0.0.1', 9))",
            "not connected: 127.0.0.1 is this machine itself",
        ),
        ("import socket; socket.socket(socket.AF_UNIX).connect('/run/x')", "not connected: it is no internet address"),
    ],
)
def test_it_is_shut_in(deed: str, said: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-I", "-c", PROBE.format(deed=deed)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.startswith(said), ran.stderr
