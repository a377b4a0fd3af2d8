"""One way in for alerts: its address, what came through it lately, and what would become of a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import Field, fields_of, read_fields
from tocsin.console.frame import values_of
from tocsin.console.rooms.integrations import rules
from tocsin.console.rooms.integrations.kinds import BY_KEY, Source
from tocsin.kernel.errors import Invalid, NotFound

PAYLOADS_SHOWN = 8
MAX_SHOWN_BODY = 8_000
"""Characters of a message on the page."""
_NAMES = ("name", "policy_id", "email", "push", "call", "sms", "critical_alert", "alerting_rule", "recovery_period",
          "team_wait")  # fmt: skip
_LABELS = {
    "policy_id": "Escalation policy", "email": "E-mail", "call": "Phone call", "recovery_period": "Recovery period",
    "team_wait": "Tell everybody after", "alerting_rule": "What counts",
}  # fmt: skip
_HINTS = {
    "policy_id": "Who is paged, in which order. Without one: everybody who is on call, by what is ticked below.",
    "critical_alert": "Sounds on a phone although it is muted.",
    "recovery_period": "Seconds for which an alert must stay resolved until its incident ends. Empty: it ends at once.",
    "team_wait": "Seconds without an answer after which the whole team is paged. Empty: never.",
}
_COUNTING = (("alert", "Alerts only"), ("alert_and_warn", "Alerts and warnings"))


def source_of(desk: Desk) -> Source:
    """The kind in the address. Raises NotFound."""
    key = str(desk.request.path_params["kind"])
    if key not in BY_KEY:
        raise NotFound("integration", key)
    return BY_KEY[key]


async def show(desk: Desk, trial: Any = None, errors: Mapping[str, list[str]] | None = None) -> Response:
    """Its address and the newest messages."""
    source = source_of(desk)
    it = await desk.one(f"{source.noun}.get", id=desk.id)
    payloads = await desk.many("inbound_integrations.payloads", id=desk.id, page=desk.number, per_page=PAYLOADS_SHOWN)
    return desk.page(
        "integrations/source.html", status_code=422 if errors else 200, source=source, it=it, payloads=payloads,
        pretty=pretty, trial=trial, errors=errors or {}, typed=desk.field("body"), lists=rules.summary(it),
    )  # fmt: skip


async def attempt(desk: Desk) -> Response:
    """What would become of a message, without doing it."""
    try:
        trial = await desk.flat("inbound_integrations.dry_run", id=desk.id, **sample(desk))
    except Invalid as error:
        return await show(desk, errors=wrong(error))
    return await show(desk, trial)


async def new(desk: Desk) -> Response:
    """The form of a new one."""
    return await _form(desk, source_of(desk), {"email": True, "push": True})


async def create(desk: Desk) -> Response:
    """Make it, and show its address."""
    source = source_of(desk)
    fields = await _fields(desk, source, "create", {})
    try:
        made = await desk.one(f"{source.noun}.create", **_read(fields, desk))
    except Invalid as error:
        return await _form(desk, source, values_of(desk.fields), wrong(error))
    return desk.go(f"/integrations/in/{source.key}/{made['id']}", "Set up. Now give its address to the other system.")


async def edit(desk: Desk) -> Response:
    """The form with what is set now, and its rules."""
    source = source_of(desk)
    it = await desk.one(f"{source.noun}.get", id=desk.id)
    return await _form(desk, source, it, it=it)


async def save(desk: Desk) -> Response:
    """Change it, or only try what is in the form on a message."""
    source = source_of(desk)
    it = await desk.one(f"{source.noun}.get", id=desk.id)
    fields = await _fields(desk, source, "update", {})
    written = rules.read(desk.fields) if source.ruled else {}
    typed = {**it, **values_of(desk.fields), **written}
    try:
        if desk.field("deed") == "try":
            trial = await desk.flat("inbound_integrations.dry_run", id=desk.id, rules=written, **sample(desk))
            return await _form(desk, source, typed, it=it, trial=trial)
        await desk.call(f"{source.noun}.update", id=desk.id, **_read(fields, desk), **written)
    except Invalid as error:
        return await _form(desk, source, typed, wrong(error), it=it)
    return desk.go(f"/integrations/in/{source.key}/{desk.id}", "Saved.")


async def pause(desk: Desk) -> Response:
    """Let what begins open nothing for a while, or go on."""
    source, paused = source_of(desk), desk.field("paused") == "true"
    await desk.call(f"{source.noun}.update", id=desk.id, paused=paused)
    said = "Paused: messages are kept and open nothing." if paused else "Resumed."
    return desk.go(f"/integrations/in/{source.key}/{desk.id}", said)


async def delete(desk: Desk) -> Response:
    """Take the address away."""
    await desk.call(f"{source_of(desk).noun}.delete", id=desk.id)
    return desk.go("/integrations", "Deleted. It can be brought back from the trash for 30 days.")


def sample(desk: Desk) -> dict[str, Any]:
    """The message to try: one that came, or what was pasted."""
    number, body = desk.field("payload_id"), desk.field("body")
    if number.isdigit():
        return {"payload_id": int(number)}
    headers = {"content-type": "application/json"} if body.lstrip()[:1] in ("{", "[") else {}
    mail = {name: value for name in ("from_email", "subject") if (value := desk.field(name))}
    return {"body": body, "headers": headers, **mail}


def pretty(body: str) -> str:
    """A message as people read it: JSON is indented, what is long is cut."""
    try:
        text = msgspec.json.format(body.encode(), indent=2).decode()
    except (msgspec.DecodeError, UnicodeError):
        text = body
    cut = len(text) - MAX_SHOWN_BODY
    return text if cut <= 0 else f"{text[:MAX_SHOWN_BODY]}\n… and {cut:,} more characters"


async def _fields(
    desk: Desk, source: Source, deed: str, values: Mapping[str, Any], errors: Mapping[str, list[str]] | None = None
) -> list[Field]:
    policies: tuple[tuple[str, str], ...] = (("", "No policy"),)
    if desk.may("policies.list"):
        found = await desk.many("policies.list", per_page=250)
        policies += tuple((each["id"], each["name"]) for each in found.items)
    operation = desk.door.catalogue[f"{source.noun}.{deed}"]
    choices = {"policy_id": policies, "alerting_rule": _COUNTING}
    return fields_of(operation, values, errors, only=_NAMES, labels=_LABELS, hints=_HINTS, choices=choices)


def _read(fields: list[Field], desk: Desk) -> dict[str, Any]:
    body = read_fields(fields, desk.fields)
    return {name: None if value == "" else value for name, value in body.items()}


async def _form(
    desk: Desk,
    source: Source,
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]] | None = None,
    it: Mapping[str, Any] | None = None,
    trial: Any = None,
) -> Response:
    kept = []
    if it is not None and source.ruled:
        kept = list((await desk.many("inbound_integrations.payloads", id=it["id"], per_page=PAYLOADS_SHOWN)).items)
    return desk.page(
        "integrations/source_form.html",
        status_code=422 if errors else 200,
        source=source,
        it=it,
        fields=await _fields(desk, source, "create" if it is None else "update", values, errors),
        editor=rules.editor(values, mail=source.key == "email") if it is not None and source.ruled else None,
        kept=kept,
        typed=desk.field("body"),
        chosen=desk.field("payload_id"),
        trial=trial,
        errors=dict(errors or {}),
    )
