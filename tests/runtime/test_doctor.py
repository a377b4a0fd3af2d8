"""What the doctor says about pings, each in a network of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import tocsin
from tests.kernel.namespaces import Namespace, namespace  # noqa: F401 - a fixture


def pings(namespace: Namespace, folder: Path) -> str:  # noqa: F811
    """The doctor's lines about them."""
    lines = namespace.run(tocsin, "doctor", "--data", "data", cwd=folder).stdout.splitlines()
    first = next(index for index, line in enumerate(lines) if "Pings" in line)
    return " ".join(" ".join(lines[first : first + 4]).split())


@pytest.mark.slow
def test_it_says_by_which_right_we_ping_and_how_to_get_one(namespace: Namespace, tmp_path: Path) -> None:  # noqa: F811
    assert "allowed by CAP_NET_RAW" in pings(namespace, tmp_path)
    namespace.without_raw_sockets()
    denied = pings(namespace, tmp_path)
    assert "monitors of the type ping stay unknown" in denied
    assert "net.ipv4.ping_group_range='0 2147483647'" in denied
    namespace.set("net.ipv4.ping_group_range", "0 2147483647")
    assert "allowed by net.ipv4.ping_group_range" in pings(namespace, tmp_path)
