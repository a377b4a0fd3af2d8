"""Shuts a browser check in before it begins: little memory per process, no files of ours, no way back.

Run as a program of its own: `python -I -S confine.py '{"uid": …, "read": […], "write": […], …}' PROGRAM ARGUMENT…`. It
gives up the user (when it may), sets the limits, closes the file system by Landlock (Linux 5.13; see landlock(7)) and
becomes PROGRAM. It imports nothing of ours: what it becomes shall not be able to either. Exits with `REFUSED` when it
could not be shut in as asked.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import struct
import sys
from collections.abc import Sequence

REFUSED = 97
"""The exit code of "I would have had to run this unconfined"."""

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS, _SIGKILL = 1, 38, 9
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF, _PATH_BENEATH, _VERSION = 444, 445, 446, 1, 1
"""System calls (the same numbers on every architecture) and flags of Landlock."""
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE, _IOCTL_DEV = 1, 2, 4, 8, 1 << 14, 1 << 15
_ALL_OF_VERSION_1 = (1 << 13) - 1
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_SCOPE_ABSTRACT_SOCKET, _SCOPE_SIGNAL = 1, 2
_O_PATH = 0o10000000


def landlock_version() -> int:
    """Which version of Landlock this kernel has; 0 = none."""
    found = _system_call(_CREATE_RULESET, None, 0, _VERSION)
    return max(0, found)


def close_files(read: Sequence[str], write: Sequence[str]) -> bool:
    """Forbid this process, for ever, everything below `/` but these paths. False when the kernel cannot do that."""
    version = landlock_version()
    if version == 0:
        return False
    rights = _ALL_OF_VERSION_1
    rights |= 1 << 13 if version >= 2 else 0
    rights |= _TRUNCATE if version >= 3 else 0
    rights |= _IOCTL_DEV if version >= 5 else 0
    scope = _SCOPE_ABSTRACT_SOCKET | _SCOPE_SIGNAL if version >= 6 else 0
    attributes = struct.pack("=QQQ", rights, 0, scope)[: 24 if version >= 6 else 16 if version >= 4 else 8]
    ruleset = _system_call(_CREATE_RULESET, attributes, len(attributes), 0)
    if ruleset < 0:
        return False
    for path in read:
        _allow(ruleset, path, (_EXECUTE | _READ_FILE | _READ_DIR) & rights)
    for path in write:
        _allow(ruleset, path, rights)
    return _system_call(_RESTRICT_SELF, ruleset, 0) == 0


def _allow(ruleset: int, path: str, rights: int) -> None:
    """What is not there needs no permission."""
    try:
        descriptor = os.open(path, _O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    if not os.path.isdir(path):
        rights &= _FILE_RIGHTS
    _system_call(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    os.close(descriptor)


def _system_call(number: int, *arguments: int | bytes | None) -> int:
    library = ctypes.CDLL(None, use_errno=True)
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(library.syscall(ctypes.c_long(number), *given))


def _main(arguments: list[str]) -> None:
    wanted, program = json.loads(arguments[0]), arguments[1:]
    library = ctypes.CDLL(None, use_errno=True)
    for name, limit in wanted["limits"].items():
        number = getattr(resource, name)
        hard = resource.getrlimit(number)[1]
        allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(number, (allowed, allowed))
    if wanted["uid"] is not None:
        os.setgroups([])
        os.setgid(wanted["uid"])
        os.setuid(wanted["uid"])
    # After the change of user, which would undo it: if the one who started us dies, so do we.
    library.prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    library.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    closed = close_files(wanted["read"], wanted["write"])
    if not closed and wanted["uid"] is None:
        sys.exit(REFUSED)
    os.umask(0o077)
    os.execv(program[0], program)  # noqa: S606 - the program is ours


if __name__ == "__main__":
    _main(sys.argv[1:])
