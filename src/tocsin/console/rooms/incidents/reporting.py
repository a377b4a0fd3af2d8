"""Reports an incident by hand: first it is said who would be paged, then they are."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import Field, fields_of, read_fields
from tocsin.kernel.errors import Invalid, NotFound, Refused

_SHOWN = ("name", "summary", "description", "policy_id", "call", "sms", "email", "push", "critical_alert")
_HINTS = {
    "name": "What is broken, in a few words: it is the first thing that people read.",
    "summary": "What is wrong with it. Shown as the cause.",
    "description": "More about it, in Markdown. Becomes the first comment.",
    "policy_id": "Who is paged, and in which order. Without one: whoever is on call, by the channels below.",
    "critical_alert": "Sounds through silent mode and quiet hours.",
}


async def form(desk: Desk) -> Response:
    """An empty form."""
    values = {"email": "true", "push": "true", "call": "true", "sms": "true", "name": desk.asked("name")}
    return await _form(desk, values, {})


async def send(desk: Desk) -> Response:
    """Say who would be paged, or report it."""
    fields = await _fields(desk, desk.fields, {})
    sent = {name: value for name, value in read_fields(fields, desk.fields).items() if value not in (None, "")}
    filled = {name: texts[-1] for name, texts in desk.fields.items()}
    try:
        if not str(sent.get("name", "")).strip() and not str(sent.get("summary", "")).strip():
            raise Invalid.fields(name="can't be blank")
        if desk.field("deed") != "report":
            preview = (await desk.call("incidents.create", dry_run=True, **sent)).value
            return await _form(desk, filled, {}, preview={"summary": list(preview.summary), "pages": preview.pages})
        key = desk.field("key")[:100] or None
        created = await desk.call("incidents.create", key=key, **sent)
    except Invalid as error:
        return await _form(desk, filled, wrong(error), 422)
    return desk.go(f"/incidents/{_id_of(created)}", "Reported. People are being paged.")


def _id_of(reply: Any) -> str:
    if reply.value is not None:
        return str(reply.value.id)
    return str(msgspec.json.decode(reply.body)["data"]["id"])


async def _form(
    desk: Desk, values: Any, errors: dict[str, list[str]], status_code: int = 200, preview: Any = None
) -> Response:
    fields = await _fields(desk, values, errors)
    return desk.page(
        "incidents/report.html", status_code=status_code, fields={field.name: field for field in fields},
        errors=errors, preview=preview,
    )  # fmt: skip


async def _fields(desk: Desk, values: Any, errors: dict[str, list[str]]) -> list[Field]:
    try:
        policies = (await desk.many("policies.list", per_page=100)).items
    except (NotFound, Refused):
        policies = ()
    choices = (("", "Nobody in particular: whoever is on call"), *((each["id"], each["name"]) for each in policies))
    flat = {name: value[-1] if isinstance(value, list) else value for name, value in values.items()}
    return fields_of(
        desk.door.catalogue["incidents.create"], flat, errors, only=_SHOWN, hints=_HINTS,
        choices={"policy_id": choices}, long=("description",),
    )  # fmt: skip
