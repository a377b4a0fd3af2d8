"""What an outside system sent us, read with care: nothing in it is trusted to be there, of the right kind, or small.

Not a source itself but what the sources share. Every text that leaves here is free of characters that a database or a
page cannot hold, and bounded; an identity is never shortened without staying unique.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import msgspec

from tocsin.inbound.model import Action, Alert, Received
from tocsin.inbound.sources import Unreadable

MAX_STARTED = 1_000
"""Alerts of one message that begin; the rest is counted on the first. All of a message is written in one transaction,
and whoever has a thousand troubles at once does not need the next one listed to know it."""
MAX_ENDED = 1_000
"""Alerts of one message that are over or taken on: as many as can have begun."""
MAX_TITLE_CHARACTERS = 255
"""An incident's name: more does not fit a mail's subject."""
MAX_CAUSE_CHARACTERS = 2_000
MAX_FACTS = 50
"""Facts of one alert: labels beyond that are for machines."""
MAX_FACT_NAME_CHARACTERS = 100
MAX_FACT_CHARACTERS = 2_000
MAX_SEVERITY_CHARACTERS = 50
MAX_URL_CHARACTERS = 2_000
"""A link is kept whole or not at all: half of one leads nowhere."""
MAX_ID_CHARACTERS = 255
"""What an index holds with ease; a longer identity is replaced by its digest."""
MAX_LISTED = 20
"""Items of a list that are named in one fact."""

_BROKEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
"""Control characters (PostgreSQL takes no NUL) and halves of characters (no encoding takes them); not tab, newline."""
_BROKEN_ID = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


class Fields:
    """One JSON object. A path like `data.event.title` is tried as a name first, then walked; what is missing or of
    another kind reads as empty."""

    def __init__(self, value: object = None) -> None:
        self._fields: dict[str, Any] = value if isinstance(value, dict) else {}

    def __bool__(self) -> bool:
        return bool(self._fields)

    def raw(self, path: str) -> Any:
        """Whatever stands at `path`; None when nothing does."""
        if path in self._fields:
            return self._fields[path]
        found: Any = self._fields
        for name in path.split("."):
            if not isinstance(found, dict) or name not in found:
                return None
            found = found[name]
        return found

    def whole(self, *paths: str) -> str:
        """The first text or number among `paths`, uncut and uncleaned: for comparing and for identities."""
        return next((text for path in paths if (text := _scalar(self.raw(path)).strip())), "")

    def text(self, *paths: str, limit: int = MAX_CAUSE_CHARACTERS) -> str:
        """The first text or number among `paths` that is not blank, cleaned and cut; may have several lines."""
        return next((text for path in paths if (text := clean(_scalar(self.raw(path)), limit))), "")

    def line(self, *paths: str, limit: int = MAX_TITLE_CHARACTERS) -> str:
        """The same in one line."""
        return next((text for path in paths if (text := one_line(_scalar(self.raw(path)), limit))), "")

    def link(self, *paths: str) -> str | None:
        """The first `http` or `https` URL among `paths`: a person will be offered it to press."""
        return next((url for path in paths if (url := web_link(_scalar(self.raw(path))))), None)

    def object(self, path: str) -> Fields:
        return Fields(self.raw(path))

    def objects(self, path: str) -> list[Fields]:
        """The objects in the list at `path`."""
        found = self.raw(path)
        return [Fields(item) for item in found if isinstance(item, dict)] if isinstance(found, list) else []

    def listed(self, path: str) -> str:
        """The texts of the list at `path` in one line, separated by commas; a single text as it is."""
        found = self.raw(path)
        texts = [one_line(_scalar(item)) for item in found[:MAX_LISTED]] if isinstance(found, list) else []
        return ", ".join(text for text in texts if text) if isinstance(found, list) else self.line(path)

    def flat(self, path: str) -> dict[str, str]:
        """The object at `path` as facts: what is nested stays JSON text."""
        found = self.raw(path)
        if not isinstance(found, dict):
            return {}
        return {str(name): _scalar(value) or _json(value) for name, value in list(found.items())[:MAX_FACTS]}

    def texts(self) -> dict[str, str]:
        """Every text and number of this object itself."""
        return {name: text for name, value in self._fields.items() if (text := _scalar(value))}


def read_object(received: Received, expected: str) -> Fields:
    """The body as one JSON object. `expected` names what should have come, e.g. `Alertmanager's webhook JSON`."""
    body = received.body.removeprefix(b"\xef\xbb\xbf")
    if not body.strip():
        raise Unreadable(f"Expected {expected}, but the body is empty")
    return parse_object(body, expected)


def parse_object(text: bytes | str, expected: str) -> Fields:
    """`text` as one JSON object."""
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        raise Unreadable(f"Expected {expected}, but the JSON is nested too deeply") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreadable(f"Expected {expected}, but this is not JSON: {one_line(str(error), 200)}") from None
    if not isinstance(value, dict):
        raise Unreadable(f"Expected {expected}, one JSON object, but this is a JSON {_kind(value)}")
    return Fields(value)


def identity(*parts: str) -> str | None:
    """One alert id of several parts; None when all are empty. The same parts always give the same id, and different
    ones different ids, however long or strange they are."""
    joined = "/".join(part for part in parts if part)
    if not joined:
        return None
    if len(joined) <= MAX_ID_CHARACTERS and not _BROKEN_ID.search(joined):
        return joined
    digest = sha256(joined.encode("utf-8", "surrogatepass")).hexdigest()
    return one_line(joined, MAX_ID_CHARACTERS - len(digest) - 1) + "#" + digest


def facts(action: Action, *groups: Mapping[str, str | None]) -> dict[str, str]:
    """What is known of an alert that begins (see `tidy`). Nothing of one that ends: an incident says how it was when it
    began, not how it was when all was well again."""
    return tidy(*groups) if action == "started" else {}


def tidy(*groups: Mapping[str, str | None]) -> dict[str, str]:
    """Facts, cleaned, cut and without blanks; where two groups name the same thing, the first is kept."""
    found: dict[str, str] = {}
    for group in groups:
        for name, value in group.items():
            key = one_line(name, MAX_FACT_NAME_CHARACTERS)
            text = clean(value or "", MAX_FACT_CHARACTERS)
            if key and text and key not in found and len(found) < MAX_FACTS:
                found[key] = text
    return found


def kept(told: Sequence[tuple[Action, str | None]]) -> list[int]:
    """Which alerts of one message are read, given what each says and its id: at most `MAX_STARTED` that begin and
    `MAX_ENDED` that do not. Of too many the choice depends on their ids alone, so that those that were read when they
    began are read when they end."""
    begun = [index for index, (action, _) in enumerate(told) if action == "started"]
    ended = [index for index, (action, _) in enumerate(told) if action != "started"]
    if len(begun) <= MAX_STARTED and len(ended) <= MAX_ENDED:
        return list(range(len(told)))

    def by_id(index: int) -> str:
        return told[index][1] or ""

    return sorted(begun, key=by_id)[:MAX_STARTED] + sorted(ended, key=by_id)[:MAX_ENDED]


def counted(alerts: list[Alert], left_out: int) -> list[Alert]:
    """The first of `alerts` says how many more there were than are listed."""
    if not alerts or left_out <= 0:
        return alerts
    opening = alerts[0]
    cause = f"{opening.cause} (and {left_out} more alerts in the same message, not listed)"
    told = msgspec.structs.replace(opening, cause=cause, facts={**opening.facts, "more_alerts": str(left_out)})
    return [told, *alerts[1:]]


def clean(text: str, limit: int) -> str:
    """Without broken characters and outer blanks, at most `limit` characters."""
    text = _BROKEN.sub("", text[: limit * 4]).strip()
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def one_line(text: str, limit: int = MAX_TITLE_CHARACTERS) -> str:
    return clean(" ".join(text[: limit * 4].split()), limit)


def web_link(text: str) -> str | None:
    """`text` when it is a URL that a browser opens as a page; None for anything else (`javascript:` and its kin)."""
    text = text.strip()
    fits = len(text) <= MAX_URL_CHARACTERS and text.lower().startswith(("http://", "https://"))
    return text if fits and not any(mark.isspace() or _BROKEN.match(mark) for mark in text) else None


def first(texts: Iterable[str]) -> str:
    """The first that is not empty."""
    return next((text for text in texts if text), "")


def _scalar(value: object) -> str:
    """A text or number as text; empty for null, lists and objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else ""


def _json(value: object) -> str:
    return "" if value is None or value in ([], {}) else msgspec.json.encode(value).decode("utf-8", "replace")


def _kind(value: object) -> str:
    if isinstance(value, list):
        return "list"
    return "text" if isinstance(value, str) else "value"
