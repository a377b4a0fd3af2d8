"""Severities: by which channels people hear of an outage that is as grave as this."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.kernel.errors import Invalid

CHANNELS = (
    ("call", "Phone call", "Rings until somebody answers."),
    ("sms", "SMS", "A text message with a link to acknowledge."),
    ("push", "Push", "A notification in the browser or on the phone."),
    ("email", "E-mail", "Always there: everybody has an address."),
    ("critical_alert", "Critical push", "A push that may break through a muted phone."),
)


async def every(desk: Desk) -> Response:
    """All severities, each with its channels."""
    found = await desk.many("urgencies.list", page=desk.number, per_page=50)
    groups = (await desk.many("urgency_groups.list", per_page=250)).items
    names = {group["id"]: group["name"] for group in groups}
    return desk.page("policies/severities.html", found=found, channels=CHANNELS, names=names)


async def new(desk: Desk) -> Response:
    """The form of a severity to be."""
    values = {"name": "", "urgency_group_id": None, "push": True, "email": True}
    return await _form(desk, None, values, {})


async def create(desk: Desk) -> Response:
    """Make it."""
    try:
        await desk.call("urgencies.create", **_sent(desk))
    except Invalid as error:
        return await _form(desk, None, _sent(desk), wrong(error), status=422)
    return desk.go("/policies/severities", "Severity created")


async def edit(desk: Desk) -> Response:
    """A severity, to be changed."""
    found = await desk.one("urgencies.get", id=desk.id)
    return await _form(desk, found, found, {})


async def change(desk: Desk) -> Response:
    """Save it."""
    found = await desk.one("urgencies.get", id=desk.id)
    try:
        await desk.call("urgencies.update", id=desk.id, **_sent(desk))
    except Invalid as error:
        return await _form(desk, found, _sent(desk), wrong(error), status=422)
    return desk.go("/policies/severities", "Severity saved. Incidents that are open keep the channels they began with.")


async def delete(desk: Desk) -> Response:
    """Take it away."""
    await desk.call("urgencies.delete", id=desk.id)
    return desk.go("/policies/severities", "Severity deleted. The trash keeps it for 30 days.")


def _sent(desk: Desk) -> dict[str, Any]:
    group = desk.field("urgency_group_id").strip()
    return {
        "name": desk.field("name").strip(),
        **{name: desk.field(name) == "true" for name, _, _ in CHANNELS},
        "urgency_group_id": int(group) if group.isdigit() and len(group) < 19 else None,
    }


async def _form(
    desk: Desk, severity: dict[str, Any] | None, values: dict[str, Any], errors: dict[str, list[str]], status: int = 200
) -> Response:  # fmt: skip
    groups = (await desk.many("urgency_groups.list", per_page=250)).items
    policies = (await desk.many("policies.list", per_page=250)).items if severity is not None else []
    named = [
        policy for policy in policies
        if severity and any(str(step.get("urgency_id")) == severity["id"] for step in policy["steps"])
    ]  # fmt: skip
    return desk.page(
        "policies/severity.html", status_code=status, severity=severity, values=values, errors=errors, groups=groups,
        channels=CHANNELS, named=named,
    )  # fmt: skip
