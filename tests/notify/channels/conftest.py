"""The real network, with which channels talk to servers on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet


@pytest.fixture(scope="session")
def net() -> Iterator[RealNet]:
    net = RealNet(SystemClock())
    net.start()
    yield net
    net.stop()
