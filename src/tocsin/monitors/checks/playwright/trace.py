"""Keeps the recording of a failed browser check, so that people can walk through it afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

from tocsin.monitors.checks.playwright import cleaning

MAX_TRACE_BYTES = 4 << 20
"""Of the zip that is kept with an incident."""
MAX_RAW_BYTES = 16 << 20
"""Of the zip as Playwright makes it, with the pages that are left out when it is too large (as in runner.js)."""
CLEAN_SECONDS = 15.0
"""For cleaning it, in a process of its own: it takes one, on a machine that is busy some more."""
MAX_REASON = 200
"""Characters."""


async def clean(data: bytes, values: list[str], seconds: float = CLEAN_SECONDS) -> tuple[bytes | None, str]:
    """The trace (zip) without these values, or None and why there is none.

    Nothing that it holds is read from a file: a script that wrote it could have made any name there mean any other.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", cleaning.__file__,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env={},
    )  # fmt: skip
    wanted = json.dumps({"values": values, "limit": MAX_TRACE_BYTES}).encode()
    try:
        made, words = await asyncio.wait_for(process.communicate(wanted + b"\n" + data), seconds)
    except TimeoutError:
        return None, "it could not be cleaned in time"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode != 0 or not made:
        return None, words.decode("utf-8", "replace")[:MAX_REASON] if process.returncode == 0 else "it cannot be read"
    return made, ""
