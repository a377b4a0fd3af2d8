"""Telling our own lost network from somebody else's outage."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import msgspec

from tocsin.kernel.net.messages import Failure

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

UNREACHED = frozenset({Failure.NO_ROUTE, Failure.CONNECT_TIMEOUT})
"""Failures that most targets have at once when our own network is gone; a dead uplink is mostly silent."""
NETWORK_ERRNOS = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT})
"""What a connection attempt says when our kernel has no way there; a router on the way can say the first too."""


class Sample(msgspec.Struct, frozen=True, gc=False):
    """How one attempt to reach a host went."""

    host: str
    at: float
    """Monotonic seconds."""
    reached: bool
    """False only when it failed in a way that a lost network of ours would make it fail (`UNREACHED`)."""


def whose_network(addresses: Sequence[str], has_route: Callable[[str], bool], words: str) -> tuple[Failure, str]:
    """Who has no network when a connection attempt says so: we (then `words`), only if our kernel knows no way at all.

    libcurl reports the last of several addresses: IPv6 without a route must not hide a refused IPv4.
    """
    if not any(has_route(each) for each in addresses):
        return Failure.LOCAL, words
    if len(addresses) > 1:
        return Failure.CONNECT_FAILED, "Could not connect to any of the host's addresses"
    return Failure.NO_ROUTE, "A router on the way knows no route to the host"


def network_is_ours_to_blame(samples: Iterable[Sample], now: float) -> bool:
    """Whether our own network may be lost: most of several hosts, at their latest attempt, were not reached.

    A suspicion only: their one dead switch looks the same from here.
    """
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
        """Whether our own network may be gone."""
        return network_is_ours_to_blame(self._samples, now)
