"""What a client is told when something is wrong: one table from our kinds of error to statuses and bodies."""

from __future__ import annotations

from typing import Any

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
    UpstreamSilent,
)
from tocsin.rest.body import Malformed

DOCUMENTATION = "https://betterstack.com/docs/uptime/api/getting-started-with-uptime-api/"
"""Where the original sends lost clients; part of the exact bodies that they compare."""

"""Contract part 1, section 1: the same for no token and for a wrong one; clients test its beginning."""

STATUSES: dict[type[TocsinError], int] = {
    Unauthenticated: 401,
    Refused: 403,
    NotFound: 404,
    Conflict: 409,
    BadRequest: 400,
    Invalid: 422,
    TooMany: 429,
    Unavailable: 503,
    UpstreamSilent: 504,
    UpstreamFailed: 502,
}

Headers = list[tuple[bytes, bytes]]


def error_answer(error: TocsinError) -> tuple[int, dict[str, Any], Headers]:
    """Status, body and extra headers of an error that is the caller's to read (contract part 1, 2.3)."""
    if isinstance(error, Malformed):
        unread: Headers = [] if error.status == 400 else [(b"connection", b"close")]
        return error.status, {"errors": error.message}, unread
    status = next((status for kind, status in STATUSES.items() if isinstance(error, kind)), 400)
    if isinstance(error, Pending):
        return 202, error.answer, [(b"location", f"/api/v2/approvals/{error.approval_id}".encode())]
    if isinstance(error, Unauthenticated):
        return status, {"errors": error.message}, [(b"www-authenticate", b"Bearer")]
    if isinstance(error, Invalid):
        return status, {"errors": error.field_errors or error.message, **error.detail}, []
    headers: Headers = []
    if isinstance(error, TooMany | Unavailable):
        headers.append((b"retry-after", str(max(1, error.retry_after_seconds)).encode()))
    return status, {"errors": error.message}, headers


def no_such_endpoint(method: str, path: str) -> dict[str, str]:
    """The body of 404 for an address, or a method at an address, that does not exist."""
    return {"errors": f"Endpoint {method} {path} does not exist.", "see_docs": DOCUMENTATION}


def our_fault(request_id: str) -> dict[str, str]:
    """The body of 500: what happened stays in our log, under the same request id."""
    return {
        "errors": "Something went wrong on our side. Please try again; if it happens again, "
        f"ask whoever runs this server to look for request {request_id} in its log."
    }
