"""How often strangers may try, register or have documents fetched: enough for people, too little for machines."""

from __future__ import annotations

from collections import Counter

from tocsin.gateway.visitors import networks
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TooMany

MAX_COUNTED = 50_000
"""Different addresses and names in one window; beyond it all of them wait for the next."""


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

    def admit(self, *keys: str) -> None:
        """Count one more for each of these. Raises TooMany, and then counts nothing."""
        wait = self._turn()
        worn = any(self._counted[key] >= self._each for key in keys)
        if worn or self._total >= self._in_all or len(self._counted) >= MAX_COUNTED:
            raise TooMany("Too many attempts. Please try again later.", retry_after_seconds=wait)
        self._counted.update(keys)
        self._total += 1

    def forgive(self, *keys: str) -> None:
        """Forget what was counted for these: it came out well."""
        self._turn()
        for key in keys:
            self._counted.pop(key, None)

    def _turn(self) -> int:
        """Seconds until counting begins anew."""
        now = int(self._clock.monotonic())
        if now // self._window_seconds != self._window:
            self._window = now // self._window_seconds
            self._counted.clear()
            self._total = 0
        return self._window_seconds - now % self._window_seconds


def origin(client_address: str | None) -> str:
    """The network that counts as one caller: an IPv4 address, or the /64 of an IPv6 one."""
    return next(iter(networks(client_address)))
