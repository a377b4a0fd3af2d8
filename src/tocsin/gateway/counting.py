"""How often strangers may try, register or have documents fetched: enough for people, too little for machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from tocsin.gateway.visitors import networks
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TooMany

MAX_COUNTED = 50_000
"""Different addresses and names in one window; beyond it all of them wait for the next."""
SITE_SHARE = 5
"""How many times as often as one /64 a whole IPv6 /48 may come: one customer of a large provider has 65,536 of the
first in one of the second, and would else use up alone what all may together."""


class Turnstile:
    """Counts by key in windows, in memory: a restart forgives."""

    def __init__(self, clock: Clock, *, window_seconds: int, each: int, in_all: int) -> None:
        """`each`: how often one address, or one name, may come within the window; `in_all`: all together."""
        self._clock = clock
        self._window_seconds = window_seconds
        self._each = each
        self._in_all = in_all
        self._window = -1
        self._counted: Counter[str] = Counter()
        self._total = 0

    def admit(self, key: str) -> None:
        """Count one more of this name. Raises TooMany, and then counts nothing."""
        self._admit({key: self._each})

    def admit_from(self, client_address: str | None) -> None:
        """Count one more from this network address: an IPv4 address, or the /64 of an IPv6 one and the /48 around it.

        Raises TooMany, and then counts nothing.
        """
        network, *around = networks(client_address)
        self._admit({network: self._each} | dict.fromkeys(around, self._each * SITE_SHARE))

    def _admit(self, limits: Mapping[str, int]) -> None:
        wait = self._turn()
        worn = any(self._counted[key] >= most for key, most in limits.items())
        if worn or self._total >= self._in_all or len(self._counted) >= MAX_COUNTED:
            raise TooMany("Too many attempts. Please try again later.", retry_after_seconds=wait)
        self._counted.update(limits.keys())
        self._total += 1

    def forgive(self, key: str) -> None:
        """Forget what was counted for this name: it came out well."""
        self._turn()
        self._counted.pop(key, None)

    def _turn(self) -> int:
        """Seconds until counting begins anew."""
        now = int(self._clock.monotonic())
        if now // self._window_seconds != self._window:
            self._window = now // self._window_seconds
            self._counted.clear()
            self._total = 0
        return self._window_seconds - now % self._window_seconds
