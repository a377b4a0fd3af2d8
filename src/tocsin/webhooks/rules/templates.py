"""Fills the gaps in a template: `$NAME` becomes the incident's name, and what was valid JSON stays valid JSON."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus

import msgspec

MAX_RENDERED_CHARACTERS = 1024 * 1024
"""Of a whole body: what receivers commonly accept; a template that repeats a long comment must not fill memory."""
MAX_HEADER_CHARACTERS = 8_000
"""Of one header's value: what web servers commonly accept."""

VARIABLES = (
    "INCIDENT_ID", "NAME", "URL", "INCIDENT_URL", "HTTP_METHOD", "CAUSE",
    "STARTED_AT", "STARTED_AT_ISO8601", "ACKNOWLEDGED_AT", "ACKNOWLEDGED_AT_ISO8601", "ACKNOWLEDGED_BY",
    "RESOLVED_AT", "RESOLVED_AT_ISO8601", "RESOLVED_BY",
    "RESPONSE_CONTENT", "RESPONSE_URL", "SCREENSHOT_URL", "METADATA_ARRAY",
    "COMMENT_ID", "COMMENT_CONTENT", "COMMENT_CREATED_AT", "COMMENT_CREATED_AT_ISO8601",
    "COMMENT_AUTHOR_NAME", "COMMENT_AUTHOR_EMAIL",
    "MESSAGE", "EMAILS_JSON_ARRAY", "ON_CALL_CALENDAR_ID", "ON_CALL_CALENDAR_NAME", "DEFAULT_ON_CALL_CALENDAR",
    "MONITOR_ID", "MONITOR_TYPE", "EVENT",
)  # fmt: skip
"""Every name that may stand after a `$` (contract part 2, 8.3), and in the last line ours, for monitors."""

Values = Mapping[str, Any]
"""Variables by name: text, number, boolean or list; None or missing = it has no value."""


class TooLong(ValueError):
    """The filled template is longer than anybody would take; the text says so to people."""


def render(template: str, values: Values, metadata: Mapping[str, str], content_type: str) -> str:
    """The template with its variables filled in, escaped for the kind of text that it is. Raises TooLong.

    In JSON a variable within a string is escaped as part of it; one that stands alone becomes a JSON value of its own:
    numbers, booleans and lists as they are, text in quotes, null when there is no value. Within a text a variable
    without a value stays as it is written, here as with Better Stack. `metadata`: `$METADATA.<Key>` by key.
    """
    if is_json(content_type):
        return _rendered(template, values, metadata, _json_text, in_json=True)
    if "x-www-form-urlencoded" in content_type:
        return _rendered(template, values, metadata, quote_plus)
    if "xml" in content_type or "html" in content_type:
        return _rendered(template, values, metadata, html.escape)
    return _rendered(template, values, metadata, str)


def render_header(template: str, values: Values, metadata: Mapping[str, str]) -> str:
    """A header's value with its variables filled in: one line of printable ASCII, whatever a stranger's text holds."""
    filled = _rendered(template, values, metadata, str)
    line = re.sub(r"[\x00-\x1f\x7f\u0085\u2028\u2029]+", " ", filled).strip()
    return line.encode("ascii", "replace").decode()[:MAX_HEADER_CHARACTERS]


def is_json(content_type: str) -> bool:
    """Whether a body of this type (lower case; empty = the default) is JSON."""
    return not content_type or "json" in content_type


def complaint(template: str, content_type: str) -> str | None:
    """What is wrong with a body template, after the field's name; None when it can be filled with anything."""
    if not is_json(content_type):
        return None
    everything: dict[str, Any] = dict.fromkeys(VARIABLES, "text")
    for given in (everything, {}):
        try:
            msgspec.json.decode(_rendered(template, given, {}, _json_text, in_json=True).encode())
        except msgspec.MsgspecError as error:
            return (
                f"is not valid JSON ({error}). Variables may stand alone or inside a string. For a body that is no "
                "JSON, set its Content-Type in headers_template"
            )
        except (TooLong, RecursionError, UnicodeError) as error:
            return f"cannot be used ({error})"
    return None


def uses_metadata(template: str) -> bool:
    """Whether filling this in needs the incident's facts."""
    return "$METADATA" in template


def _rendered(
    template: str, values: Values, metadata: Mapping[str, str], escape: Callable[[str], str], *, in_json: bool = False
) -> str:
    escaped = {escape(key) if in_json else key: value for key, value in metadata.items()}
    parts: list[str] = []
    length = last = 0
    in_string = False
    for match in _pattern(frozenset(escaped)).finditer(template):
        piece: str | None = None
        if match["name"] is not None:
            piece = _filled(values.get(match["name"]), escape, bare=in_json and not in_string)
        elif match["key"] is not None:
            piece = _filled(escaped[match["key"]], escape, bare=in_json and not in_string)
        elif match["unknown"] is not None:
            piece = "null" if in_json and not in_string else None
        elif match[0] == '"':
            in_string = not in_string
        if piece is not None:
            parts += (template[last : match.start()], piece)
            last = match.end()
            length += len(piece)
            if length > MAX_RENDERED_CHARACTERS:
                raise TooLong(f"the body would be longer than {MAX_RENDERED_CHARACTERS} characters")
    parts.append(template[last:])
    return "".join(parts)


def _filled(value: Any, escape: Callable[[str], str], *, bare: bool) -> str | None:
    """What stands in a variable's place; None = the variable itself stays."""
    if value is None:
        return "null" if bare else None
    if bare or not isinstance(value, str):
        literal = msgspec.json.encode(value).decode()
        return literal if bare else escape(literal)
    return escape(value)


def _json_text(text: str) -> str:
    """The inside of a JSON string."""
    return msgspec.json.encode(text).decode()[1:-1]


@lru_cache(maxsize=128)
def _pattern(keys: frozenset[str]) -> re.Pattern[str]:
    """Finds an escaped character, a quotation mark or a variable; longer names before those that begin them."""
    names = "|".join(sorted(VARIABLES, key=len, reverse=True))
    known = "|".join(
        re.escape(key) + (r"(?!\w)" if key[-1:].isalnum() else "") for key in sorted(keys, key=len, reverse=True)
    )
    key = rf"METADATA\.(?P<key>{known})" if known else r"(?P<key>(?!))"
    return re.compile(
        rf'\\.|"|\$(?:(?P<name>{names})(?![A-Z0-9_])|{key}|(?P<unknown>METADATA\.[\w-]+))',
        re.DOTALL,
    )
