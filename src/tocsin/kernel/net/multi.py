"""libcurl's multi interface under an event loop: its sockets in an epoll of their own, which we watch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import select
import warnings
from collections.abc import Callable
from typing import Any

import pycurl

from tocsin.kernel.net.transfer import Handle, Shape

MAX_EVENTS = 256
"""Sockets handled per turn of the loop."""
MANY = 8
"""Sockets that are ready together, from which on it may pay to look after all of them in one go."""
MAX_IDLE_HANDLES = 512
"""Handles kept for the next checks; each is about 10 KB."""

_EPOLL = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}
_TROUBLE = select.EPOLLERR | select.EPOLLHUP

# For socket_all, which libcurl advises against because it looks at every handle, and which is used only where most of
# them have something to do.
warnings.filterwarnings("ignore", message="socket_all is deprecated", category=DeprecationWarning)

Ended = Callable[[Handle, int, str], None]
_log = logging.getLogger(__name__)


class Multi:
    """One multi handle and the easy handles that run on it. `ended(handle, code, message)` for each that is over."""

    def __init__(self, loop: asyncio.AbstractEventLoop, ended: Ended) -> None:
        self._loop = loop
        self._ended = ended
        self._idle: list[Handle] = []
        self._ready_made: dict[Shape, list[Handle]] = {}
        self._busy: dict[Any, Handle] = {}
        """By what libcurl calls them."""
        self._sockets: set[int] = set()
        self._epoll = select.epoll()
        self._kicked = False
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = 0.0
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        loop.add_reader(self._epoll.fileno(), self._ready)

    def handle(self, shape: Shape | None) -> tuple[Handle, bool]:
        """A handle, and whether it is already set up for `shape` (else it has nothing set)."""
        ready = self._ready_made.get(shape) if shape is not None else None
        if ready:
            return ready.pop(), True
        if self._idle:
            handle = self._idle.pop()
            handle.curl.reset()
            return handle, False
        return Handle(), False

    def add(self, handle: Handle) -> None:
        """Start it, at the end of this turn of the loop."""
        curl = handle.curl
        self._multi.add_handle(curl)
        self._busy[curl] = handle

    def release(self, handle: Handle, shape: Shape | None) -> None:
        """Give back a handle that is not running, and say for which plain shape it is still set up, if any."""
        handle.transfer = None
        idle = self._idle if shape is None else self._ready_made.setdefault(shape, [])
        if len(idle) < MAX_IDLE_HANDLES:
            idle.append(handle)
        else:
            handle.curl.close()

    def abandon(self, handle: Handle) -> None:
        """Stop one that is running."""
        if self._busy.pop(handle.curl, None) is not None:
            self._multi.remove_handle(handle.curl)

    def discard(self, handle: Handle) -> None:
        """Stop one if it is running, and never use it again."""
        with contextlib.suppress(pycurl.error):
            self.abandon(handle)
        handle.transfer = None
        handle.curl.close()

    def close(self) -> None:
        """Stop everything; nothing is told to anybody."""
        self._closed = True
        self._loop.remove_reader(self._epoll.fileno())
        if self._timer is not None:
            self._timer.cancel()
        for handle in list(self._busy.values()):
            self.abandon(handle)
        for idle in (self._idle, *self._ready_made.values()):
            for handle in idle:
                handle.curl.close()
            idle.clear()
        self._multi.close()
        self._epoll.close()

    # --- libcurl asks -----------------------------------------------------------------------------------------------

    def _watch(self, what: int, descriptor: int, _multi: Any, _data: Any) -> None:
        if what == pycurl.POLL_REMOVE:
            # It is about to be closed, and closing takes it out of the epoll: no system call of ours is needed. One
            # that is not closed after all is taken out when it next reports (see `_ready`).
            self._sockets.discard(descriptor)
            return
        events = _EPOLL.get(what, 0)
        known = descriptor in self._sockets
        if not known:
            self._sockets.add(descriptor)
        # A new socket first waits to write; one that waits to read has been here before, even if it was "removed" in
        # between, as libcurl does once it is connected. Guessing right saves a system call per check.
        if known or what == pycurl.POLL_IN:
            try:
                self._epoll.modify(descriptor, events)
            except FileNotFoundError:
                self._epoll.register(descriptor, events)
            return
        try:
            self._epoll.register(descriptor, events)
        except FileExistsError:
            self._epoll.modify(descriptor, events)

    def _set_timer(self, milliseconds: int) -> None:
        if milliseconds == 0:
            if not self._kicked:
                self._kicked = True
                self._loop.call_soon(self._kick)
            return
        if milliseconds < 0:
            return
        due = self._loop.time() + milliseconds / 1000
        if self._timer is not None:
            if self._timer_due <= due:
                return  # The earlier alarm will ask libcurl, which then says when to come back.
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_at(due, self._alarm)

    # --- the loop asks ----------------------------------------------------------------------------------------------

    def _kick(self) -> None:
        self._kicked = False
        if self._closed:
            return
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._collect()

    def _alarm(self) -> None:
        self._timer = None
        self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        if self._timer is None:
            # libcurl repeats its wish only when it changes; ask for what is left.
            left = self._multi.timeout()
            if left >= 0:
                self._set_timer(max(1, left))
        self._collect()

    def _ready(self) -> None:
        ready = self._epoll.poll(0, MAX_EVENTS)
        if len(ready) >= MANY and len(ready) * 2 >= len(self._busy):
            self._ready_together(ready)
            return
        act = self._multi.socket_action
        sockets = self._sockets
        for descriptor, events in ready:
            if descriptor not in sockets:
                with contextlib.suppress(OSError):
                    self._epoll.unregister(descriptor)
                continue
            bits = 0
            if events & select.EPOLLIN:
                bits |= pycurl.CSELECT_IN
            if events & select.EPOLLOUT:
                bits |= pycurl.CSELECT_OUT
            if events & _TROUBLE:
                bits |= pycurl.CSELECT_ERR
            act(descriptor, bits)
        self._collect()

    def _ready_together(self, ready: list[tuple[int, int]]) -> None:
        """Most of all that runs can go on: libcurl looks after everything in one go."""
        for descriptor, _ in ready:
            if descriptor not in self._sockets:
                with contextlib.suppress(OSError):
                    self._epoll.unregister(descriptor)
        self._multi.socket_all()
        self._collect()

    def _collect(self) -> None:
        more = 1
        while more:
            more, good, bad = self._multi.info_read()
            for curl in good:
                self._take(curl, 0, "")
            for curl, code, message in bad:
                self._take(curl, code, message)

    def _take(self, curl: Any, code: int, message: str) -> None:
        # Several may be over at once: whatever goes wrong with one, the others must hear of their end.
        handle = self._busy.pop(curl, None)
        if handle is None:
            return
        try:
            self._multi.remove_handle(curl)
        except pycurl.error:
            _log.exception("a finished transfer could not be taken out")
        try:
            self._ended(handle, code, message)
        except Exception:
            _log.exception("the end of a transfer could not be told")
