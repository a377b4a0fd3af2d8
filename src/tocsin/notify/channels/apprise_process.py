"""The process in which the library apprise sends one message: shut off from files, programs and forbidden addresses.

Reads one JSON object from standard input, writes one to standard output, ends. What guards it are Python's audit hooks
(PEP 578): they cannot hold a hostile program, but the library is none; they hold an address that leads it astray.
"""

from __future__ import annotations

import json
import os
import site
import sys
from typing import Any

from tocsin.kernel.net.address import AddressPolicy

MAX_ORDER_BYTES = 64 * 1024
_PROGRAMS = frozenset(
    {"os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system", "subprocess.Popen"}
)
_READABLE = (
    *{sys.prefix, sys.base_prefix, *site.getsitepackages()},
    "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/lib", "/usr/share", "/usr/local/lib", "/etc/hosts",
    "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/localtime", "/etc/mime.types", "/etc/timezone", "/dev/null",
)  # fmt: skip
"""The library itself, certificates, and how names are resolved: nothing that is a secret of this machine."""


def main() -> int:
    """Send what standard input says; the exit status is 0 whenever there is an answer on standard output."""
    order = json.loads(sys.stdin.buffer.read(MAX_ORDER_BYTES))
    import apprise  # here, so that nobody pays for it who only asks what this module is

    server = apprise.Apprise()
    log: list[str] = []
    capture: Any = apprise.LogCapture
    with capture(level=apprise.logging.WARNING) as captured:
        understood = server.add(order["url"])
        if understood:
            _shut_in(AddressPolicy(bool(order["allow_private"])), log)
        sent = understood and server.notify(title=order["title"], body=order["body"], notify_type=order["type"])
        log.append(captured.getvalue())
    report = {"sent": bool(sent), "understood": bool(understood), "words": " ".join(log).strip()[:4_000]}
    if not understood:
        report["words"] = "apprise does not understand this address"
    sys.stdout.write(json.dumps(report))
    return 0


def _shut_in(policy: AddressPolicy, log: list[str]) -> None:
    """From here on nothing but the web; what is refused is said, for the library swallows such errors."""

    def refuse(why: str) -> None:
        log.append(why)
        raise PermissionError(why)

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            address = arguments[1]
            found = policy.refusal(str(address[0])) if isinstance(address, tuple) else "it is no internet address."
            if found:
                refuse(f"not connected: {found}")
        elif event == "open" and isinstance(arguments[0], str | bytes):
            path = os.path.realpath(os.fsdecode(arguments[0]))
            if not path.startswith(_READABLE):
                refuse("not opened: a file of this machine")
        elif event in _PROGRAMS:
            refuse("not started: a program of this machine")

    sys.addaudithook(audit)


if __name__ == "__main__":
    sys.exit(main())
