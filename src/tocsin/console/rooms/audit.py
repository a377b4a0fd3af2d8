"""The audit log, for people: who did what and why it was allowed, found by a word and taken away as a file."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, Many, wrong
from tocsin.console.frame import Frame
from tocsin.kernel.errors import Invalid

FILTERS = ("q", "actor", "outcome", "surface", "operation", "from", "to")
PER_PAGE = 50


def routes(frame: Frame) -> list[Route]:
    """Everything under `/audit`."""
    return [
        frame.get("/audit", show),
        frame.get("/audit/export.csv", csv),
        frame.get("/audit/export.ndjson", ndjson),
    ]


async def show(desk: Desk) -> Response:
    """The newest entries that fit the filters."""
    wanted = _wanted(desk)
    given = _given(wanted)
    errors: dict[str, list[str]] = {}
    try:
        found = await desk.many("audit_log.list", page=desk.number, per_page=PER_PAGE, **given)
    except Invalid as error:
        errors = wrong(error)
        found = Many(items=[], total=0, page=1, per_page=PER_PAGE)
    filters = urlencode({name: value for name, value in wanted.items() if value})
    return desk.page(
        "audit/list.html", status_code=422 if errors else 200, found=found, wanted=wanted, filters=filters,
        here=f"/audit?{filters}{'&' if filters else ''}", errors=errors,
    )  # fmt: skip


async def csv(desk: Desk) -> Response:
    """As a table."""
    return await _export(desk, "audit_log.export_csv", "text/csv; charset=utf-8", "audit-log.csv")


async def ndjson(desk: Desk) -> Response:
    """As lines of JSON."""
    return await _export(desk, "audit_log.export", "application/x-ndjson", "audit-log.ndjson")


async def _export(desk: Desk, name: str, media: str, filename: str) -> Response:
    body = await desk.flat(name, **_given(_wanted(desk)))
    headers = {
        "Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }  # fmt: skip
    return Response(body, media_type=media, headers=headers)


def _wanted(desk: Desk) -> dict[str, str]:
    return {name: desk.asked(name)[:200] for name in FILTERS}


def _given(wanted: dict[str, str]) -> dict[str, str]:
    """The filters as the API calls them."""
    return {"text" if name == "q" else name: value for name, value in wanted.items() if value}
