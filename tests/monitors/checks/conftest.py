"""What tests of checks share: the real network, and a way to run one check as the probe runs it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any

import pytest

from tests.kernel.conftest import authority, loop, names, net
from tocsin.kernel.net import RealNet
from tocsin.monitors.checks import Outcome, checks, read_settings

__all__ = ["authority", "loop", "names", "net"]

Check = Callable[..., Outcome]


@pytest.fixture
def check(net: RealNet) -> Check:
    """`check("smtp", port="25")`: one check of `localhost` (or `url=`) on the thread of the network."""

    def run(kind: str, **attributes: Any) -> Outcome:
        settings = read_settings(kind, {"url": "127.0.0.1", "request_timeout": 5_000, **attributes})
        ended: queue.Queue[Any] = queue.Queue()
        net.post(lambda: net.spawn(checks()[kind].check(settings, net), ended.put))
        result = ended.get(timeout=60)
        assert isinstance(result, Outcome), result
        return result

    return run
