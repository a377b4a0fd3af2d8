"""What an agent is told when something is wrong: a sentence, a word for programs, and the fields to mend."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.kernel.errors import (
    BadRequest,
    Conflict,
    Invalid,
    NotFound,
    Pending,
    Refused,
    TocsinError,
    TooMany,
    Unauthenticated,
    Unavailable,
    UpstreamFailed,
)

CODES: dict[type[TocsinError], str] = {
    Unauthenticated: "unauthenticated",
    Refused: "denied",
    NotFound: "not_found",
    Conflict: "conflict",
    BadRequest: "invalid",
    Invalid: "invalid",
    TooMany: "rate_limited",
    Unavailable: "unavailable",
    UpstreamFailed: "upstream_failed",
}


def failed(error: TocsinError, request_id: str) -> dict[str, Any]:
    """The tool's result for an error that is the caller's to read."""
    if isinstance(error, Pending):
        return waiting(error)
    code = next((code for kind, code in CODES.items() if isinstance(error, kind)), "invalid")
    answer: dict[str, Any] = {"error": code, "message": error.message}
    if isinstance(error, Invalid):
        if error.field_errors:
            answer["fields"] = error.field_errors
        answer |= error.detail
        answer["message"] = _in_words(error)
    if isinstance(error, TooMany | Unavailable):
        answer["retry_after_seconds"] = max(1, error.retry_after_seconds)
    return _result(answer, request_id)


def waiting(error: Pending) -> dict[str, Any]:
    """A person must approve it first: an answer like any other, so that clients do not give up on the tool."""
    text = (
        f"pending_approval: {error.message} Approval {error.approval_id}, until {error.expires_at}. "
        "Repeat this very call once it is approved."
    )
    return {"content": [{"type": "text", "text": text}], "structuredContent": error.answer, "isError": False}


def our_fault(request_id: str) -> dict[str, Any]:
    """The result when the mistake is ours: what happened stays in our log, under the same request id."""
    words = f"Something went wrong on our side. Whoever runs this server finds it in the log as {request_id}."
    return _result({"error": "internal", "message": words}, request_id)


def _result(answer: dict[str, Any], request_id: str) -> dict[str, Any]:
    answer["request_id"] = request_id
    text = f"{answer['error']}: {answer['message']}"
    return {"content": [{"type": "text", "text": text}], "structuredContent": answer, "isError": True}


def _in_words(error: Invalid) -> str:
    """The sentence with the names in it: a model reads the text, not the detail beside it."""
    names = error.detail.get("invalid_attributes") or error.detail.get("required_attributes")
    if names:
        return f"{error.message}: {', '.join(map(str, names))}."
    if "allowed_values" in error.detail:
        return f"{error.message}: {msgspec.json.encode(error.detail['allowed_values']).decode()}"
    return error.message
