"""Telling our own lost network from somebody else's outage."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

WINDOW_SECONDS = 15.0
"""How far back results speak about the network as it is now."""
MIN_HOSTS = 3
"""Fewer distinct hosts than this prove nothing: a lone site that fails is down, and its people are paged."""
SHARE = 0.8
"""More than this part of the hosts must have no route before we take the fault to be ours."""
MAX_SAMPLES = 256
"""Results that are remembered."""
STALL_SHARE = 0.2
"""A timeout is not believed when our loop stood still for more than this part of it."""


class Sample(msgspec.Struct, frozen=True):
    """How one attempt to reach a host went."""

    host: str
    at: float
    """Monotonic seconds."""
    reached: bool
    """False only when the network itself said that there is no way there."""


def network_is_ours_to_blame(samples: Iterable[Sample], now: float) -> bool:
    """Whether 'no route' is our own lost network: most of several hosts, at their latest attempt, had none."""
    latest: dict[str, bool] = {}
    for sample in samples:
        if sample.at >= now - WINDOW_SECONDS:
            latest[sample.host] = sample.reached
    lost = sum(1 for reached in latest.values() if not reached)
    return len(latest) >= MIN_HOSTS and lost > SHARE * len(latest)


def starved(stalled_seconds: float, timeout_seconds: float) -> bool:
    """Whether a check that timed out had too little of our own machine to be believed."""
    return stalled_seconds > STALL_SHARE * timeout_seconds


class Connectivity:
    """The recent attempts, bounded."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=MAX_SAMPLES)

    def note(self, host: str, now: float, reached: bool) -> None:
        """Remember how an attempt went."""
        self._samples.append(Sample(host, now, reached))

    def lost(self, now: float) -> bool:
        """Whether our own network seems to be gone."""
        return network_is_ours_to_blame(self._samples, now)
