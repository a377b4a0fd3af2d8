"""One place that a team is told at: how it is reached, whether it is, and what it answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import Field, label_of, read_fields
from tocsin.console.frame import values_of
from tocsin.console.rooms.integrations.kinds import SETTING_HINTS, TARGETS
from tocsin.kernel.errors import Conflict, Invalid, NotFound

DELIVERIES_SHOWN = 20
_ALONGSIDE, _ON_CALL = "notify_alongside_primary_responder", "on_call_notifications"


async def show(desk: Desk) -> Response:
    """How it is set up and what was sent there."""
    it = await desk.one("notification_targets.get", id=desk.id)
    kind = await _kind(desk, it["kind"])
    deliveries = await desk.many(
        "notification_targets.deliveries", id=desk.id, page=desk.number, per_page=DELIVERIES_SHOWN
    )
    return desk.page(
        "integrations/target.html", it=it, kind=kind, words=TARGETS.get(it["kind"], ("", ""))[1], deliveries=deliveries,
        label=label_of,
    )  # fmt: skip


async def test(desk: Desk) -> Response:
    """Send a message there, through the real outbox."""
    try:
        await desk.call("notification_targets.test", id=desk.id)
    except Conflict as error:
        return desk.go(f"/integrations/to/{desk.id}", error.message)
    return desk.go(f"/integrations/to/{desk.id}", "A test is on its way. What becomes of it stands below.")


async def new(desk: Desk) -> Response:
    """The form of a new one."""
    return await _form(desk, str(desk.request.path_params["kind"]), {_ALONGSIDE: "true"})


async def create(desk: Desk) -> Response:
    """Make it."""
    kind = str(desk.request.path_params["kind"])
    try:
        body = _read(await _settings(desk, kind, {}), desk)
        made = await desk.one("notification_targets.create", kind=kind, **body)
    except Invalid as error:
        return await _form(desk, kind, values_of(desk.fields), _wrong(error))
    return desk.go(f"/integrations/to/{made['id']}", "Set up. Send a test to see whether it arrives.")


async def edit(desk: Desk) -> Response:
    """The form with what is set now; what is secret stays empty."""
    it = await desk.one("notification_targets.get", id=desk.id)
    return await _form(desk, it["kind"], {**it["settings"], **_flags(it), "name": it["name"]}, it=it)


async def save(desk: Desk) -> Response:
    """Change it."""
    it = await desk.one("notification_targets.get", id=desk.id)
    try:
        body = _read(await _settings(desk, it["kind"], {}), desk)
        await desk.call("notification_targets.update", id=desk.id, **body)
    except Invalid as error:
        return await _form(desk, it["kind"], values_of(desk.fields), _wrong(error), it=it)
    return desk.go(f"/integrations/to/{desk.id}", "Saved.")


async def delete(desk: Desk) -> Response:
    """Tell it nothing any more."""
    await desk.call("notification_targets.delete", id=desk.id)
    return desk.go("/integrations", "Deleted. It can be brought back from the trash for 30 days.")


def _flags(it: Mapping[str, Any]) -> dict[str, str]:
    return {name: "true" if it[name] else "" for name in (_ALONGSIDE, _ON_CALL)}


async def _kind(desk: Desk, id: str) -> dict[str, Any]:
    """The kind and the form of its settings. Raises NotFound."""
    for kind in (await desk.many("notification_target_kinds.list")).items:
        if kind["id"] == id:
            return kind
    raise NotFound("notification_target_kind", id)


async def _settings(
    desk: Desk,
    kind: str,
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]] | None = None,
    *,
    old: bool = False,
) -> list[Field]:
    """The settings of a kind as lines of a form, drawn from its JSON Schema."""
    found = await _kind(desk, kind)
    schema = found["settings_schema"]
    form = schema.get("$defs", {}).get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    shown = set(found["shown_settings"])
    fields = []
    for name, about in form.get("properties", {}).items():
        line, choices = _line(about)
        secret = name not in shown and line == "text"
        value = values.get(name, "" if old else about.get("default", ""))
        if line == "json" and not isinstance(value, str):
            value = ""
        fields.append(
            Field(
                name=name,
                label=label_of(name),
                kind="secret" if secret else line,
                required=name in form.get("required", ()) and not (secret and old),
                choices=choices,
                hint=("Leave it empty to keep what is set. " if secret and old else "") + SETTING_HINTS.get(name, ""),
                value="" if value is None or secret else str(value),
                errors=tuple((errors or {}).get(name, ())),
            )
        )
    return fields


def _line(about: Mapping[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
    if "enum" in about:
        return "choice", tuple((str(value), label_of(str(value))) for value in about["enum"])
    types = [about.get("type"), *(each.get("type") for each in about.get("anyOf", ()))]
    if "object" in types or "array" in types:
        return "json", ()
    if "boolean" in types:
        return "switch", ()
    return ("number" if "integer" in types or "number" in types else "text"), ()


def _read(settings: list[Field], desk: Desk) -> dict[str, Any]:
    read = read_fields(settings, desk.fields)
    numbers = {field.name for field in settings if field.kind == "number"}
    empty = {field.name for field in settings if field.kind == "json" and read.get(field.name) is None}
    plain = {
        name: int(value) if name in numbers and str(value).lstrip("-").isdigit() else value
        for name, value in read.items()
        if name not in empty
    }
    flags = {name: desk.field(name) == "true" for name in (_ALONGSIDE, _ON_CALL)}
    return {"name": desk.field("name"), "settings": plain, **flags}


def _wrong(error: Invalid) -> dict[str, list[str]]:
    """By the name of the setting alone: `settings.url` and `url` are the same line of the form."""
    return {name.removeprefix("settings.").removeprefix("settings_"): texts for name, texts in wrong(error).items()}


async def _form(
    desk: Desk,
    kind: str,
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]] | None = None,
    it: Mapping[str, Any] | None = None,
) -> Response:
    found = await _kind(desk, kind)
    errors = errors or {}
    name = Field(
        name="name", label="Name", kind="text", value=str(values.get("name", "") or ""), hint="E.g. #ops in Slack.",
        errors=tuple(errors.get("name", ())),
    )  # fmt: skip
    switches = [
        Field(name=_ALONGSIDE, label="Tell it of every incident", kind="switch", value=str(values.get(_ALONGSIDE, "")),
              hint="As soon as people are paged. Without this only policies that name it do."),
        Field(name=_ON_CALL, label="Tell it who is on call", kind="switch", value=str(values.get(_ON_CALL, "")),
              hint="Whenever somebody else takes over."),
    ]  # fmt: skip
    return desk.page(
        "integrations/target_form.html", status_code=422 if errors else 200, kind=found, it=it, errors=errors,
        words=TARGETS.get(kind, ("", ""))[1],
        fields=[name, *await _settings(desk, kind, values, errors, old=it is not None), *switches],
    )  # fmt: skip
