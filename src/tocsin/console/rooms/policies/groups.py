"""Groups: shelves on which policies and severities are sorted."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.kernel.errors import Invalid, NotFound

KINDS = {"policies": "policy_groups", "severities": "urgency_groups"}


async def every(desk: Desk) -> Response:
    """Both kinds of groups."""
    return await _page(desk, {}, "")


async def create(desk: Desk) -> Response:
    """Make one."""
    kind = _kind(desk)
    try:
        await desk.call(f"{kind}.create", **_sent(desk))
    except Invalid as error:
        return await _page(desk, wrong(error), desk.request.path_params["kind"], status=422)
    return desk.go("/policies/groups", "Group created")


async def change(desk: Desk) -> Response:
    """Rename it, or put it elsewhere in the order."""
    try:
        await desk.call(f"{_kind(desk)}.update", id=desk.id, **_sent(desk))
    except Invalid as error:
        return await _page(desk, wrong(error), desk.request.path_params["kind"], status=422)
    return desk.go("/policies/groups", "Group saved")


async def delete(desk: Desk) -> Response:
    """Take it away; what was in it stays."""
    await desk.call(f"{_kind(desk)}.delete", id=desk.id)
    return desk.go("/policies/groups", "Group deleted; what was in it stays.")


def _kind(desk: Desk) -> str:
    kind = KINDS.get(desk.request.path_params["kind"])
    if kind is None:
        raise NotFound("page", desk.request.path_params["kind"])
    return kind


def _sent(desk: Desk) -> dict[str, Any]:
    return {"name": desk.field("name").strip(), "sort_index": desk.field("sort_index").strip() or None}


async def _page(desk: Desk, errors: dict[str, list[str]], wrong_kind: str, status: int = 200) -> Response:
    shelves = [
        (kind, operations, (await desk.many(f"{operations}.list", per_page=250)).items)
        for kind, operations in KINDS.items()
    ]
    return desk.page(
        "policies/groups.html", status_code=status, shelves=shelves, errors=errors, wrong_kind=wrong_kind,
        typed={name: desk.field(name) for name in ("name", "sort_index")},
    )  # fmt: skip
