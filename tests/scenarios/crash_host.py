"""Starts the real program again and again for the crash test: imports everything once, then forks for each life.

Reads lines of JSON settings from standard input; for each it forks a child that serves with them, and prints what the
child announces, one line of JSON at a time: {"pid": …}, then {"listening": …, "token": …}.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys

import structlog

from tocsin.runtime.administration import FirstSignIn
from tocsin.runtime.server import serve
from tocsin.runtime.settings import load


def main() -> None:
    """Fork a life for each line, until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are reaped by the kernel
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _live(json.loads(line))
        _say(pid=pid)


def _live(flags: dict[str, object]) -> None:
    def announce(base_url: str, first: FirstSignIn | None) -> None:
        _say(listening=base_url, token=first.token if first else None)

    code = 70
    try:
        code = serve(load(flags, {}), announce)
    finally:
        os._exit(code)


def _say(**words: object) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
