"""Checks a website as a person would: opens it in a real browser, clicks through it, and looks at what is shown."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from typing import Any

import msgspec

from tocsin.kernel.net import Failure, Net
from tocsin.monitors.checks import Outcome
from tocsin.monitors.checks.playwright import cleaning, process, trace
from tocsin.monitors.checks.playwright.browser import Host, Missing, Parts, parts
from tocsin.monitors.model import Evidence, Verdict
from tocsin.monitors.rules.expiry import host_of

KINDS = ("playwright",)
WAIT_SECONDS = 20.0
"""For one of the browsers to be free: with this and the start the longest scenario (900 s) fits into a check's time."""
POLL_SECONDS = 0.1
ALL_SECONDS = 955.0
"""Of waiting, running and cleaning together: a little less than the probe gives any check."""
SHORTEST_SECRET = 4
"""Characters of a variable's value that is hidden: hiding every `1` would leave nothing to read."""
HIDDEN = cleaning.HIDDEN
MAX_SCREENSHOT_BYTES = 1024 * 1024
MAX_CAUSE = 1_000
MAX_URL = 8_000
"""Characters: a script can make its report say anything."""
_NETWORK_ERROR = re.compile(
    r"net::ERR_(INTERNET_DISCONNECTED|NETWORK_CHANGED|NAME_NOT_RESOLVED|NAME_RESOLUTION_FAILED|ADDRESS_UNREACHABLE)"
    r" at (\S+)"
)

__all__ = ["KINDS", "Host", "Missing", "Settings", "check", "configure", "parts"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of the contract (part 1, 3.1) that make up a browser check."""

    url: str
    """The scenario's name."""
    playwright_script: str | None = None
    environment_variables: dict[str, str] = {}
    request_timeout: float | None = 60
    """Seconds, for all tests of the scenario together."""
    verify_ssl: bool = True


class _Here:
    """What the operator has set up, and who runs now."""

    def __init__(self) -> None:
        self.host = Host()
        self.busy: set[int] = set()


_here = _Here()


def configure(host: Host) -> None:
    """Say where browser checks run; before that, with the defaults of `Host`."""
    _here.host = host
    process.sweep()


async def check(settings: Settings, net: Net) -> Outcome:
    """Run the scenario once. A failing one is down; what is missing or breaks here is unknown, and nobody's outage."""
    give_up_at = asyncio.get_running_loop().time() + ALL_SECONDS
    try:
        found = await asyncio.to_thread(parts, _here.host)
    except Missing as error:
        return _unknown(str(error))
    slot = await _slot()
    if slot is None:
        busy = f"All {_here.host.at_once} browsers were busy for {WAIT_SECONDS:.0f} seconds"
        return _unknown(f"{busy}: allow more at once (--browsers), or check less often")
    try:
        outcome = await _run(settings, found, slot, give_up_at)
    finally:
        _here.busy.discard(slot)
    if outcome.verdict is Verdict.DOWN and await _ours(outcome.cause or "", net):
        return msgspec.structs.replace(outcome, verdict=Verdict.UNKNOWN)
    return outcome


async def _ours(cause: str, net: Net) -> bool:
    """Whether the browser failed because of our own network, as far as the network itself can tell."""
    failed = _NETWORK_ERROR.search(cause)
    if failed is None:
        return False
    if failed[1] in ("INTERNET_DISCONNECTED", "NETWORK_CHANGED"):
        return True
    answer = await net.resolve(host_of(failed[2]))
    return answer.failure is Failure.LOCAL


async def _run(settings: Settings, found: Parts, slot: int, give_up_at: float) -> Outcome:
    timeout_seconds = float(settings.request_timeout or 60)
    job = {
        "script": settings.playwright_script or "",
        "variables": settings.environment_variables,
        "ignore_https_errors": not settings.verify_ssl,
    }
    ended = await process.run(found, slot, job, timeout_seconds)
    if ended.report is None and ended.launched and ended.late:
        cause = f"The scenario did not end within {timeout_seconds:g} seconds and was killed"
        return Outcome(
            verdict=Verdict.DOWN, cause=cause, response_time=timeout_seconds, evidence=_evidence(settings, ended, {})
        )
    if ended.report is None:
        return _unknown(_hide(ended.why, settings), _evidence(settings, ended, {}))
    report = ended.report
    seconds = min(_number(report.get("milliseconds")) / 1000, timeout_seconds)
    if report.get("ok") is True:
        return Outcome(verdict=Verdict.UP, response_time=seconds)
    cause = str(report.get("cause") or "The scenario failed")[:MAX_CAUSE]
    if report.get("late"):
        cause, seconds = f"{cause} after {timeout_seconds:g} seconds", timeout_seconds
    if report.get("line"):
        cause += f" (line {_number(report['line']):.0f})"
    evidence = await _traced(_evidence(settings, ended, report), settings, ended, give_up_at)
    return Outcome(verdict=Verdict.DOWN, cause=_hide(cause, settings), response_time=seconds, evidence=evidence)


async def _slot() -> int | None:
    """The number of a browser that may run now; None when none became free."""
    for _ in range(int(WAIT_SECONDS / POLL_SECONDS)):
        free = next((number for number in range(_here.host.at_once) if number not in _here.busy), None)
        if free is not None:
            _here.busy.add(free)
            return free
        await asyncio.sleep(POLL_SECONDS)
    return None


def _evidence(settings: Settings, ended: process.Ending, report: dict[str, Any]) -> Evidence:
    return Evidence(
        url=_hide(str(report.get("url") or settings.url)[:MAX_URL], settings),
        body=_hide(ended.output, settings).encode(),
        body_truncated=len(ended.output) >= process.MAX_OUTPUT_BYTES,
        screenshot=_image(report.get("screenshot")),
    )


async def _traced(evidence: Evidence, settings: Settings, ended: process.Ending, give_up_at: float) -> Evidence:
    """With the recording, cleaned; when there was one and it cannot be kept, the log says why."""
    if not ended.trace:
        return evidence
    left = min(trace.CLEAN_SECONDS, give_up_at - asyncio.get_running_loop().time())
    values = [value for value in settings.environment_variables.values() if len(value) >= SHORTEST_SECRET]
    kept, why = await trace.clean(ended.trace, values, max(0.0, left))
    body = evidence.body if kept else evidence.body + f"no trace: {why}\n".encode()
    return msgspec.structs.replace(evidence, trace=kept, body=body)


def _image(text: Any) -> bytes | None:
    """The picture, if it is one: what comes out of a scenario may be anything."""
    if not isinstance(text, str) or len(text) > MAX_SCREENSHOT_BYTES * 2:
        return None
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if data.startswith(b"\x89PNG\r\n\x1a\n") and len(data) <= MAX_SCREENSHOT_BYTES else None


def _hide(text: str, settings: Settings) -> str:
    """Without the values of the variables: they are passwords as a rule. The longest first: one may hold another."""
    for value in sorted(settings.environment_variables.values(), key=len, reverse=True):
        if len(value) >= SHORTEST_SECRET:
            text = text.replace(value, HIDDEN)
    return text


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) and value >= 0 else 0.0


def _unknown(cause: str, evidence: Evidence | None = None) -> Outcome:
    return Outcome(verdict=Verdict.UNKNOWN, cause=cause, evidence=evidence)
