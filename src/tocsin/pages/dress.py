"""What the public pages are dressed in: a style that travels inside each page, a small script, icons of the states.

The style is put into the page: at a bus stop a second request costs more than its few kilobytes.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from tocsin.status_pages.model import State

PUSH_WORKER = "push.js"
"""Keeps its name: browsers come back to it for as long as somebody is subscribed."""

_MEDIA_TYPES = {".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@cache
def style() -> str:
    """The style sheet without comments and needless blanks."""
    text = re.sub(r"/\*.*?\*/", "", _read("page.css"), flags=re.DOTALL)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r" ?([{};,>]) ?", r"\1", text)
    return text.replace(": ", ":").replace(";}", "}").strip()


@cache
def assets() -> Mapping[str, tuple[bytes, str]]:
    """What stands below `{prefix}/assets/`, by name: content and media type. A name changes with its content."""
    found = {_hashed("page.js", _script()): (_script().encode(), _MEDIA_TYPES[".js"])}
    found[PUSH_WORKER] = (_read(PUSH_WORKER).encode(), _MEDIA_TYPES[".js"])
    for state in State:
        name = f"icon-{state.value}.svg"
        found[_hashed(name, _read(name))] = (_read(name).encode(), _MEDIA_TYPES[".svg"])
    return MappingProxyType(found)


@cache
def asset(name: str) -> str:
    """The name under which `page.js` or an icon is served."""
    return _hashed(name, _script() if name == "page.js" else _read(name))


@cache
def _script() -> str:
    lines = (line.strip() for line in _read("page.js").splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


def _hashed(name: str, content: str) -> str:
    stem, dot, ending = name.rpartition(".")
    return f"{stem}-{hashlib.sha256(content.encode()).hexdigest()[:12]}{dot}{ending}"


@cache
def _read(name: str) -> str:
    return (files("tocsin.pages") / "assets" / name).read_text("utf-8")
