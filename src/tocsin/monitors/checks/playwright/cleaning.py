"""Takes the passwords out of a browser check's recording before anybody may look at it.

Run as a program of its own: `python -I -S cleaning.py`, with one line of JSON `{"values": […], "limit": BYTES}` and
then the zip on standard input; the cleaned zip comes out, or nothing and the reason on standard error. What it reads
was made by a stranger's script: so a new zip is made, with none but known names, within limits of memory and time, and
no file is opened. It imports nothing of ours.
"""

from __future__ import annotations

import base64
import html
import io
import json
import re
import resource
import sys
import zipfile
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_plus

HIDDEN = "•••"
MAX_ENTRIES = 5_000
MAX_UNPACKED_BYTES = 48 << 20
"""Of all entries together: a zip of a few kilobytes may claim to hold terabytes."""
MEMORY_BYTES = 1 << 30
CPU_SECONDS = 30
SHORTEST_FORM = 4
"""Characters; hiding less would leave nothing to read."""
_LINES = ("trace.trace", "trace.network", "trace.stacks")
_NAME = re.compile(r"(trace\.(trace|network|stacks)|resources/[A-Za-z0-9][\w.@-]{0,200})\Z")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"wOFF", b"wOF2", b"\0\1\0\0", b"OTTO", b"\0\0\1\0")
"""How pictures and fonts begin: the only binary entries that are kept. Anything else may hold what cannot be seen."""
_STRUCTURE = frozenset({"type", "class", "method", "version", "origin", "browserName", "platform", "sdkLanguage"})
"""What an event says about itself, not about the site: a variable that happens to be `page` shall not change it."""
_FIELD = re.compile(r"[A-Za-z_]{1,40}\Z")
_PAGES = ("frame-snapshot", "screencast-frame")


class Unusable(Exception):
    """Nothing of this can be kept; the text says why."""


def cleaned(data: bytes, values: list[str], limit: int) -> bytes:
    """The recording without these values, at most `limit` bytes: without its pages when it is larger with them.

    Raises Unusable.
    """
    hidden = Hidden(values)
    entries = [(name, _hidden(name, content, hidden)) for name, content in _entries(data)]
    kept = {name: content for name, content in entries if content is not None}
    if b'"context-options"' not in kept.get("trace.trace", b""):
        raise Unusable("it is no trace of Playwright's")
    whole = _packed(kept)
    if len(whole) > limit:
        small = {name: content for name, content in kept.items() if name in _LINES}
        small["trace.trace"] = b"".join(
            line
            for line in small["trace.trace"].splitlines(keepends=True)
            if json.loads(line).get("type") not in _PAGES
        )
        whole = _packed(small)
    if len(whole) > limit:
        raise Unusable(f"it is larger than {limit} bytes")
    return whole


class Hidden:
    """Texts that must not be seen, in every form in which a page or a request may have them."""

    def __init__(self, values: list[str]) -> None:
        self._values = frozenset(values)
        found = {form for value in values for form in _forms(value) if len(form) >= SHORTEST_FORM}
        self._forms = sorted(found, key=len, reverse=True)
        self._bytes = [form.encode(code, "replace") for form in self._forms for code in ("utf-8", "utf-16-le")]
        self._needles = {_in_json(form).encode("utf-8", "replace") for form in self._forms}

    def text(self, text: str) -> str:
        """The longest forms first: one may hold another."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        return text

    def number(self, number: float) -> float:
        return 0 if str(number) in self._values else number

    def concerns(self, line: bytes) -> bool:
        return any(needle in line for needle in self._needles)

    def within(self, data: bytes) -> bool:
        return any(form in data for form in self._bytes)


def _forms(value: str) -> Iterator[str]:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        data = value.encode("utf-8", "replace")
        value = data.decode()
    plain = {value, html.escape(value), html.escape(value, quote=False), quote_plus(value)}
    plain |= {
        quote(value, safe=safe) for safe in ("", "/", "!'()*", "!#$&'()*+,/:;=?@")
    }  # as the browser's own functions
    plain |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), form) for form in plain}
    for form in plain:
        yield form
        for escaped in (_in_json(form), json.dumps(form)[1:-1]):
            yield from (escaped, _in_json(escaped))  # JSON in JSON: what a page sends stands in what we read
    for shift in range(3):  # where in a longer text it begins, e.g. after `user:`, decides how Base64 writes it
        code = base64.b64encode(b"\0" * shift + data).decode().rstrip("=")
        core = code[-(-shift * 8 // 6) : (len(data) + shift) * 8 // 6]
        yield from (core, core.replace("+", "-").replace("/", "_"), quote(core, safe=""))


def _in_json(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _entries(data: bytes) -> Iterator[tuple[str, bytes]]:
    left = MAX_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            listed = archive.infolist()
            if len(listed) > MAX_ENTRIES:
                raise Unusable(f"it has more than {MAX_ENTRIES} entries")
            for entry in listed:
                if not _NAME.match(entry.filename) or entry.compress_type not in (
                    zipfile.ZIP_STORED,
                    zipfile.ZIP_DEFLATED,
                ):
                    continue
                with archive.open(entry) as opened:
                    content = opened.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise Unusable(f"it unpacks to more than {MAX_UNPACKED_BYTES} bytes")
                yield entry.filename, content
    except Unusable:
        raise
    except Exception as error:  # a broken zip raises nearly anything
        raise Unusable("it cannot be unpacked") from error


def _hidden(name: str, content: bytes, hidden: Hidden) -> bytes | None:
    """The entry as it may be seen; None when it cannot be cleaned."""
    if name in _LINES:
        return b"".join(_line(line, hidden) for line in content.split(b"\n"))
    if content.startswith(_PICTURES):
        return None if hidden.within(content) else content
    try:
        return hidden.text(content.decode()).encode()
    except UnicodeError:
        return None


def _line(line: bytes, hidden: Hidden) -> bytes:
    try:
        event = json.loads(line)
        if not isinstance(event, dict):
            return b""
        if not hidden.concerns(line):
            return line + b"\n"
        clean = {name: each if name in _STRUCTURE else _walk(each, hidden) for name, each in event.items()}
        return json.dumps(clean, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"
    except (ValueError, RecursionError):
        return b""


def _walk(node: Any, hidden: Hidden) -> Any:
    if isinstance(node, str):
        return hidden.text(node)
    if isinstance(node, list):
        return [_walk(each, hidden) for each in node]
    if isinstance(node, dict):
        return {key if _FIELD.match(key) else hidden.text(key): _walk(each, hidden) for key, each in node.items()}
    return hidden.number(node) if isinstance(node, (int, float)) and not isinstance(node, bool) else node


def _packed(entries: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _main() -> None:
    for limit, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, CPU_SECONDS)):
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (most, most))
    wanted = json.loads(sys.stdin.buffer.readline())
    try:
        sys.stdout.buffer.write(cleaned(sys.stdin.buffer.read(), wanted["values"], wanted["limit"]))
    except Unusable as error:
        sys.stderr.write(str(error))
    except MemoryError:
        sys.stderr.write("it needs too much memory to be cleaned")


if __name__ == "__main__":
    _main()
