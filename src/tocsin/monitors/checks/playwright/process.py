"""One scenario in a process of its own, which ends when its time or its memory does, with everything it began."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from tocsin.kernel.ids import new_token
from tocsin.monitors.checks.playwright import confine, trace
from tocsin.monitors.checks.playwright.browser import Parts, user_of

LAUNCH_SECONDS = 30.0
"""What the browser may take to start; it is not the site's time."""
GRACE_SECONDS = 6.0
"""Beyond the scenario's time: for the picture of what it was stuck at, before everything is killed."""
LOOK_SECONDS = 1.0
"""How often the memory is added up."""
MAX_REPORT_BYTES = 4 << 20
_TRACE_FOLLOWS = b'\n{"event":"trace"}\n'
MAX_OUTPUT_BYTES = 48 * 1024
"""Of what a scenario prints; the rest is read and dropped."""
LIMITS = {
    "RLIMIT_CORE": 0,
    "RLIMIT_FSIZE": 256 << 20,
    "RLIMIT_NOFILE": 4_096,
    "RLIMIT_DATA": 4 << 30,
}
"""Per process, in bytes; a browser reserves far more address space than it uses, so that is not limited."""
CPU_SECONDS_PER_SECOND, CPU_SECONDS_BESIDES = 4, 60
"""Of one process: busy on four cores for the whole time of the scenario, and the start. The clock ends it first."""
ARGUMENTS = (
    "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-extensions", "--disable-breakpad",
    "--host-resolver-rules=MAP 169.254.169.254 ~NOTFOUND,MAP metadata.google.internal ~NOTFOUND",
)  # fmt: skip
_MARK = "TOCSIN_RUN"
"""In the environment of all that a check begins (runner.js passes it on)."""
_HOME = "tocsin-browser-"
_RUNNER = Path(__file__).with_name("runner.js")


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a scenario ended."""

    report: dict[str, Any] | None = None
    """What the runner found, see runner.js; None when it did not come to that."""
    why: str = ""
    """Then: why."""
    launched: bool = False
    late: bool = False
    """Whether it had to be killed because its time was over."""
    output: str = ""
    trace: bytes = b""
    """What the runner gave out for a recording: made where a script could make anything."""


async def run(parts: Parts, slot: int, job: dict[str, Any], timeout_seconds: float) -> Ending:
    """Run a scenario. `slot`: a small number that no other running one has. Never takes longer than its limits."""
    uid = user_of(slot) if parts.own_user else None
    home = Path(tempfile.mkdtemp(prefix=f"{_HOME}{os.getpid()}-"))
    mark = new_token()
    try:
        runner = home / "runner.js"
        runner.write_bytes(_RUNNER.read_bytes())
        runner.chmod(0o444)
        if uid is not None:
            os.chown(home, uid, uid)
        wanted = {
            "uid": uid,
            "read": parts.readable,
            "write": (*parts.writable, str(home)),
            "limits": LIMITS | {"RLIMIT_CPU": int(timeout_seconds * CPU_SECONDS_PER_SECOND) + CPU_SECONDS_BESIDES},
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-S", confine.__file__, json.dumps(wanted), parts.node, str(runner),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            cwd=home, start_new_session=True,
            env={"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", _MARK: mark},
        )  # fmt: skip
        try:
            tree = _Tree(process.pid, mark, uid)
            return await _watch(process, tree, parts, _job(parts, job, timeout_seconds), timeout_seconds)
        finally:
            await asyncio.to_thread(_Tree(process.pid, mark, uid).kill)
            with contextlib.suppress(ProcessLookupError, TimeoutError):
                await asyncio.wait_for(process.wait(), GRACE_SECONDS)
    finally:
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)


def sweep() -> None:
    """Remove the directories of checks whose Tocsin was killed before it could."""
    for left in Path(tempfile.gettempdir()).glob(f"{_HOME}*-*"):
        number = left.name.removeprefix(_HOME).partition("-")[0]
        if number.isdecimal() and not Path("/proc", number).exists():
            shutil.rmtree(left, ignore_errors=True)


def _job(parts: Parts, job: dict[str, Any], timeout_seconds: float) -> bytes:
    document = job | {
        "driver": parts.driver,
        "executable": parts.chromium,
        "args": ARGUMENTS,
        "launch_ms": int(LAUNCH_SECONDS * 1000),
        "timeout_ms": int(timeout_seconds * 1000),
        # With walls of ours around it, a browser whose own sandbox this kernel refuses still reaches nobody's files.
        "may_drop_sandbox": parts.own_user or confine.landlock_version() > 0,
    }
    return json.dumps(document).encode()


async def _watch(
    process: asyncio.subprocess.Process, tree: _Tree, parts: Parts, job: bytes, timeout_seconds: float
) -> Ending:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    output, report = _Sink(MAX_OUTPUT_BYTES), _Sink(MAX_REPORT_BYTES + trace.MAX_RAW_BYTES)
    readers = [asyncio.ensure_future(output.fill(process.stderr)), asyncio.ensure_future(report.fill(process.stdout))]
    memory = asyncio.ensure_future(_until_too_large(tree, parts.memory_bytes))
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(job)
        await process.stdin.drain()
    process.stdin.close()
    ended = asyncio.ensure_future(process.wait())
    begun = asyncio.ensure_future(report.begun.wait())
    try:
        await asyncio.wait({ended, memory, begun}, timeout=LAUNCH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        limit = timeout_seconds + GRACE_SECONDS if begun.done() else 0.0
        done, _ = await asyncio.wait({ended, memory}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        too_large = memory in done and ended not in done
        if ended not in done:
            await asyncio.to_thread(tree.kill)
        await asyncio.wait(readers, timeout=1.0)
    finally:
        for task in (*readers, memory, ended, begun):
            task.cancel()
    return _ending(process.returncode, bytes(report.taken), bytes(output.taken), too_large=too_large, late=not done)


def _ending(code: int | None, report: bytes, output: bytes, *, too_large: bool, late: bool) -> Ending:
    text = output.decode("utf-8", "replace")
    launched, why, found = False, "", None
    said, _, recording = report.partition(_TRACE_FOLLOWS)
    for line in said[:MAX_REPORT_BYTES].splitlines():
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            continue
        event = message.get("event") if isinstance(message, dict) else None
        launched = launched or event == "launched"
        why = str(message.get("why", "")) if event == "trouble" else why
        found = message if event == "done" else found
    if too_large:
        found, why = None, "The browser took more memory than it may have, and was ended"
    elif found is None and code == confine.REFUSED:
        why = "The browser could not be shut in: this kernel refused Landlock"
    elif found is None and late:
        why = "The browser did not end within its time and was killed"
    elif found is None and not why:
        why = f"The browser check ended without a word (exit code {code})"
    return Ending(report=found, why=why, launched=launched, late=late, output=text, trace=recording)


async def _until_too_large(tree: _Tree, most_bytes: int) -> None:
    while True:
        if await asyncio.to_thread(tree.memory_bytes) > most_bytes:
            return
        await asyncio.sleep(LOOK_SECONDS)


class _Sink:
    """Reads a pipe to its end, and keeps the beginning."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.taken = bytearray()
        self.begun = asyncio.Event()

    async def fill(self, pipe: asyncio.StreamReader) -> None:
        while chunk := await pipe.read(65_536):
            self.taken += chunk[: self._limit - len(self.taken)]
            self.begun.set()


class _Tree:
    """All processes that a check began: those below the first, those with its mark, and those of its own user."""

    def __init__(self, pid: int, mark: str, uid: int | None) -> None:
        self._pid = pid
        self._mark = f"{_MARK}={mark}".encode()
        self._uid = uid

    def pids(self) -> set[int]:
        parents: dict[int, int] = {}
        ours = {self._pid}
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                status = Path("/proc", name, "stat").read_bytes()
                parents[int(name)] = int(status.rpartition(b")")[2].split()[1])
                mine = os.stat(f"/proc/{name}").st_uid == self._uid if self._uid is not None else self._marked(name)
            except (OSError, ValueError, IndexError):
                continue
            if mine:
                ours.add(int(name))
        grown = True
        while grown:
            below = {pid for pid, parent in parents.items() if parent in ours} - ours
            ours |= below
            grown = bool(below)
        return ours & parents.keys() - {os.getpid()}

    def memory_bytes(self) -> int:
        """What they hold together; what they share with each other counts once at most."""
        total, page = 0, os.sysconf("SC_PAGE_SIZE")
        for pid in self.pids():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = Path("/proc", str(pid), "statm").read_bytes().split()
                total += (int(fields[1]) - int(fields[2])) * page
        return total

    def kill(self) -> None:
        """Twice: what was born while the first were dying dies with the second."""
        for _ in range(2):
            for pid in self.pids():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def _marked(self, name: str) -> bool:
        try:
            return self._mark in Path("/proc", name, "environ").read_bytes()
        except OSError:
            return False
