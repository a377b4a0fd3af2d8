"""Outgoing webhooks: who outside is told of what happens, in which words, and how it was taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import Field, fields_of, read_fields
from tocsin.console.frame import Frame, values_of
from tocsin.kernel.errors import Invalid

PER_PAGE = 50
DELIVERIES_SHOWN = 25
TRIGGERS = (
    ("incident_change", "Incidents"), ("on_call_change", "Who is on call"), ("monitor_change", "Monitors"),
)  # fmt: skip
STATES = (("delivered", "Delivered"), ("failed", "Failed, tried again"), ("given_up", "Given up"), ("queued", "Queued"))
METHODS = tuple((method, method.upper()) for method in ("post", "put", "patch", "get", "head"))
_EVENTS = tuple(f"on_incident_{word}" for word in ("started", "acknowledged", "resolved", "reopened", "comment"))
_NAMES = ("name", "url", "trigger_type", *_EVENTS, "notify_alongside_primary_responder")
_LABELS = {
    "url": "Address", "trigger_type": "Tells of", "on_incident_started": "An incident starts",
    "on_incident_acknowledged": "It is acknowledged", "on_incident_resolved": "It is resolved",
    "on_incident_reopened": "It is opened again", "on_incident_comment": "Somebody comments on it",
    "notify_alongside_primary_responder": "For every incident",
}  # fmt: skip
_HINTS = {
    "url": "Begins with https:// (or http://). Whoever knows it can send there too, so it is hidden in the audit log.",
    "trigger_type": "Chosen once: it cannot be changed later.",
    "notify_alongside_primary_responder": "Without this only incidents whose policy calls webhooks are told.",
}
TEMPLATE = "custom_webhook_template_attributes"
SIGNING = (("keep", "As it is"), ("generate", "Sign, with a new key"), ("none", "Do not sign"))
VERIFY = '''import base64, hashlib, hmac, time

KEY = base64.b64decode("{key}")


def genuine(headers: dict[str, str], body: bytes) -> bool:
    """Whether a request comes from Tocsin, and not from long ago."""
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        return False
    signed = f'{{headers["webhook-id"]}}.{{headers["webhook-timestamp"]}}.'.encode() + body
    expected = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    given = [each.partition(",")[2] for each in headers["webhook-signature"].split()]
    return any(hmac.compare_digest(expected, each) for each in given)'''


def routes(frame: Frame) -> list[Route]:
    """Everything below `/webhooks`."""
    one = "/webhooks/{id:int}"
    return [
        frame.get("/webhooks", index),
        frame.get("/webhooks/new", new),
        frame.post("/webhooks/new", create),
        frame.get(one, show),
        frame.get(one + "/edit", edit),
        frame.post(one + "/edit", save),
        frame.post(one + "/test", test),
        frame.post(one + "/delete", delete),
        frame.get(one + "/deliveries/{delivery_id:int}", delivery),
        frame.post(one + "/deliveries/{delivery_id:int}/replay", replay),
    ]


async def index(desk: Desk) -> Response:
    """All of them, each with how the latest message was taken."""
    found = await desk.many("outgoing_webhooks.list", page=desk.number, per_page=PER_PAGE)
    newest = await asyncio.gather(
        *(desk.many("outgoing_webhooks.deliveries", id=each["id"], per_page=1) for each in found.items)
    )
    latest = {
        each["id"]: of_it.items[0] if of_it.items else None for each, of_it in zip(found.items, newest, strict=True)
    }
    return desk.page("webhooks/list.html", found=found, latest=latest, triggers=dict(TRIGGERS))


async def show(desk: Desk) -> Response:
    """What it is told, and the log of its messages."""
    it = await desk.one("outgoing_webhooks.get", id=desk.id)
    state = desk.asked("state") if desk.asked("state") in dict(STATES) else ""
    deliveries = await desk.many(
        "outgoing_webhooks.deliveries", id=desk.id, state=state, page=desk.number, per_page=DELIVERIES_SHOWN
    )
    key = str(it.get("signing_secret") or "").removeprefix("whsec_")
    return desk.page(
        "webhooks/one.html", it=it, own=_template(it), deliveries=deliveries, state=state, states=STATES,
        triggers=dict(TRIGGERS), told=[_LABELS[name] for name in _EVENTS if it.get(name)],
        verify=VERIFY.format(key=key) if key and desk.may("outgoing_webhooks.update") else "",
    )  # fmt: skip


async def delivery(desk: Desk) -> Response:
    """One message with all its attempts."""
    it = await desk.one("outgoing_webhooks.get", id=desk.id)
    message = await desk.one("outgoing_webhooks.delivery", id=desk.id, delivery_id=_message(desk))
    return desk.page("webhooks/delivery.html", it=it, message=message)


async def replay(desk: Desk) -> Response:
    """Send it again."""
    await desk.call("outgoing_webhooks.replay", id=desk.id, delivery_id=_message(desk))
    return desk.go(f"/webhooks/{desk.id}", "It is sent again. How it is taken stands in the log.")


async def test(desk: Desk) -> Response:
    """Send a sample."""
    await desk.call("outgoing_webhooks.test", id=desk.id)
    return desk.go(f"/webhooks/{desk.id}", "A sample is on its way. How it is taken stands in the log.")


async def delete(desk: Desk) -> Response:
    """Tell it nothing any more."""
    await desk.call("outgoing_webhooks.delete", id=desk.id)
    return desk.go("/webhooks", "Webhook deleted. It can be brought back from the trash for 30 days.")


async def new(desk: Desk) -> Response:
    """The form of a new one."""
    start = {"on_incident_started": True, "on_incident_acknowledged": True, "on_incident_resolved": True,
             "notify_alongside_primary_responder": True, "signing": "generate"}  # fmt: skip
    return _form(desk, start)


async def create(desk: Desk) -> Response:
    """Make it."""
    try:
        made = await desk.one("outgoing_webhooks.create", **_read(desk, None))
    except Invalid as error:
        return _form(desk, values_of(desk.fields), wrong(error))
    return desk.go(f"/webhooks/{made['id']}", "Webhook created. Send a test to see whether it arrives.")


async def edit(desk: Desk) -> Response:
    """The form with what is set now."""
    it = await desk.one("outgoing_webhooks.get", id=desk.id)
    return _form(desk, _values(it), it=it)


async def save(desk: Desk) -> Response:
    """Change it."""
    it = await desk.one("outgoing_webhooks.get", id=desk.id)
    try:
        await desk.call("outgoing_webhooks.update", id=desk.id, **_read(desk, it))
    except Invalid as error:
        return _form(desk, values_of(desk.fields), wrong(error), it=it)
    return desk.go(f"/webhooks/{desk.id}", "Saved.")


def _message(desk: Desk) -> int:
    return int(desk.request.path_params["delivery_id"])


def _template(it: Mapping[str, Any]) -> dict[str, Any] | None:
    """How its requests look when they are not the default ones."""
    return next((each for each in it["included"] if each["type"] == "custom_webhook_template"), None)


def _values(it: Mapping[str, Any]) -> dict[str, Any]:
    template = _template(it)
    if template is None:
        return dict(it)
    headers = "\n".join(f"{header['name']}: {header['value']}" for header in template["headers_template"])
    return {**it, **template, "name": it["name"], "headers": headers, "own": "true"}


def _fields(desk: Desk, values: Mapping[str, Any], errors: Mapping[str, list[str]] | None, *, old: bool) -> list[Field]:
    names = [name for name in _NAMES if not (old and name == "trigger_type")]
    operation = desk.door.catalogue["outgoing_webhooks.create"]
    fields = fields_of(
        operation, values, errors, only=names, labels=_LABELS, hints=_HINTS, choices={"trigger_type": TRIGGERS}
    )
    # The address is a secret in the log, yet whoever may change it must see it.
    return [_plain(field, values) if field.name == "url" else field for field in fields]


def _plain(field: Field, values: Mapping[str, Any]) -> Field:
    return Field(
        name=field.name, label=field.label, kind="text", required=True, hint=field.hint, errors=field.errors,
        value=str(values.get("url") or ""),
    )  # fmt: skip


def _read(desk: Desk, it: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the form says, as the operation takes it."""
    body = read_fields(_fields(desk, {}, None, old=it is not None), desk.fields)
    about = body.get("trigger_type") or (it or {}).get("trigger_type")
    if about != "incident_change":
        body = {name: value for name, value in body.items() if name not in _EVENTS and not name.startswith("notify_")}
    if desk.field("signing") == "generate":
        body["signing_secret"] = "generate"  # noqa: S105 - the word that asks for a new one
    elif desk.field("signing") == "none":
        body["signing_secret"] = None
    template = None if it is None else _template(it)
    if desk.field("own") == "true":
        body[TEMPLATE] = _read_template(desk, template)
    elif template is not None:
        body[TEMPLATE] = {"id": template["id"], "_destroy": True}
    return body


def _read_template(desk: Desk, template: Mapping[str, Any] | None) -> dict[str, Any]:
    headers = []
    for line in desk.field("headers").splitlines():
        name, colon, value = line.partition(":")
        if name.strip() or colon:
            headers.append({"name": name.strip(), "value": value.strip()})
    found: dict[str, Any] = {
        "http_method": desk.field("http_method") or "post",
        "auth_username": desk.field("auth_username") or None,
        "headers_template": headers,
        "body_template": desk.field("body_template") or None,
    }
    if desk.field("auth_password") or not found["auth_username"]:
        found["auth_password"] = desk.field("auth_password") or None
    return found if template is None else {"id": template["id"], **found}


def _form(
    desk: Desk,
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]] | None = None,
    it: Mapping[str, Any] | None = None,
) -> Response:
    return desk.page(
        "webhooks/form.html",
        status_code=422 if errors else 200,
        it=it,
        fields=_fields(desk, values, errors, old=it is not None),
        events=_EVENTS,
        values={name: values.get(name) or "" for name in ("own", "http_method", "auth_username", "headers",
                                                          "body_template", "signing")},
        methods=METHODS,
        signing=SIGNING if it is not None else SIGNING[1:],
        errors=dict(errors or {}),
    )  # fmt: skip
