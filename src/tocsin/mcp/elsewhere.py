"""What another house has answered, as a tool's result: the same shapes as our own answers, its errors in its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tocsin.gateway import Reply
from tocsin.kernel.errors import (
    BadRequest,
    Conflict,
    Invalid,
    NotFound,
    Refused,
    TooMany,
    UpstreamFailed,
)
from tocsin.mcp import results, text
from tocsin.mcp.untrusted import hidden, marked
from tocsin.registry import Operation


def told(reply: Reply, secrets: frozenset[str]) -> results.Result:
    """The result of what was done there. Raises what it was refused with."""
    operation = reply.operation
    if operation.media is not None:
        size = len(reply.body or b"")
        return results.result({"size_bytes": size}, f"{size} bytes: fetch them from the API with your token.")
    structured = shaped(reply, secrets)
    return results.result(structured, results.words(operation, structured))


def shaped(reply: Reply, secrets: frozenset[str] = frozenset()) -> results.Structured:
    """`structuredContent`, as `results.shaped` makes it of our own answers. Raises what it was refused with."""
    _refused(reply)
    document = _document(reply)
    if not document:
        return {"done": True}
    data = document.get("data")
    if isinstance(data, list):
        return _several(reply, data, document.get("pagination"), secrets)
    item, named = _one(data if isinstance(data, dict) else document, secrets, reply.operation)
    return results.with_marks(item, named)


def _several(reply: Reply, data: list[Any], pagination: Any, secrets: frozenset[str]) -> results.Structured:
    items: list[dict[str, Any]] = []
    fields: set[str] = set()
    for each in data:
        item, named = _one(each if isinstance(each, dict) else {"value": each}, secrets, reply.operation)
        items.append(item)
        fields.update(named)
    structured = results.with_marks({"items": items}, [f"items[].{field}" for field in sorted(fields)])
    if reply.operation.answer == "list":
        structured |= _pages(reply.operation, len(items), pagination if isinstance(pagination, dict) else {})
    return structured


def _pages(operation: Operation, found: int, links: Mapping[str, Any]) -> dict[str, Any]:
    """Where in the list this is. The house behind counts pages, not things: `total` is exact on the last page alone."""
    following, last = _number_in(links.get("next"), "page"), _number_in(links.get("last"), "page")
    before = _number_in(links.get("prev"), "page")
    page = following - 1 if following else (before + 1 if before else 1)
    per_page = _number_in(links.get("first"), "per_page") or operation.page_size.default
    total = last * per_page if following and last else (page - 1) * per_page + found
    return {"page": page, "per_page": per_page, "total": total, "next_page": following}


def _number_in(link: Any, name: str) -> int | None:
    if not isinstance(link, str):
        return None
    try:
        words = parse_qs(urlsplit(link).query).get(name, [""])
    except ValueError:
        return None
    word = words[-1]
    return int(word) if word.isascii() and word.isdecimal() and len(word) < 10 else None


def _one(data: dict[str, Any], secrets: frozenset[str], operation: Operation) -> tuple[dict[str, Any], list[str]]:
    attributes = data.get("attributes")
    if not isinstance(attributes, dict):
        item = dict(data)
        hidden(item, secrets)
        return item, marked(item, operation.flat.__name__ if operation.flat is not None else "")
    kind = str(data.get("type", ""))
    item = {"id": results.number(data.get("id")), "type": kind, **attributes}
    if isinstance(data.get("relationships"), dict):
        item["relationships"] = results.related(data["relationships"])
    hidden(item, secrets)
    return item, marked(item, kind)


def _document(reply: Reply) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(reply.body or b"{}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = {}
    return found if isinstance(found, dict) else {"value": found}


def _refused(reply: Reply) -> None:
    """Raise what a status of refusal means among our own errors, in the words that came with it."""
    status = reply.status
    if status < 400:
        return
    document = _document(reply)
    said = document.get("errors")
    words = said if isinstance(said, str) else text.lines(said) if isinstance(said, dict) else f"It answered {status}."
    words = words[:2_000]
    if status == 404:
        raise NotFound(reply.operation.area, "", words)
    if status == 403:
        raise Refused(words)
    if status == 409:
        raise Conflict(words)
    if status == 429:
        seconds = (reply.passed_back.retry_after or "") if reply.passed_back is not None else ""
        raise TooMany(words, retry_after_seconds=int(seconds) if seconds.isdecimal() and len(seconds) < 7 else 60)
    if status >= 500:
        lost = "" if reply.operation.reads else " Whether it was done is not known: look before you do it again."
        raise UpstreamFailed(f"{words}{lost}")
    if status == 422:
        details = {name: value for name, value in document.items() if name != "errors"}
        raise Invalid(words, fields=_fields(said), detail=details)
    raise BadRequest(words)


def _fields(said: Any) -> dict[str, list[str]] | None:
    if not isinstance(said, dict):
        return None
    return {
        str(name): [str(each) for each in (texts if isinstance(texts, list) else [texts])]
        for name, texts in said.items()
    }
