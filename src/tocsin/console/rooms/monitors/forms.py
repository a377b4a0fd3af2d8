"""The forms of a monitor: drawn from what its type reads, tried out before it is saved, copied from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.fields import Field, fields_of, read_fields
from tocsin.console.rooms.monitors import words
from tocsin.console.rooms.monitors.listing import all_groups
from tocsin.kernel.errors import Invalid, NotFound, Refused, TocsinError

DEFAULTS: dict[str, Any] = {
    "check_frequency": 60, "confirmation_period": 0, "recovery_period": 180, "http_method": "get", "email": True,
    "push": True, "follow_redirects": True, "remember_cookies": True, "verify_ssl": True, "flapping_damping": True,
    "maintenance_days": [day for day, _ in words.WEEK],
}  # fmt: skip
"""What a form begins with."""
_ALIKE = {"http_method": words.METHODS, "dns_record_type": ("", *words.RECORDS), "ip_version": ("", "ipv4", "ipv6")}
_WORDS = {"": "Either", "ipv4": "IPv4", "ipv6": "IPv6"}
_TLS = (("", "As the port says"), ("true", "Always"), ("false", "Never"))
_AS_TEXT = {"request_body": "long", "playwright_script": "long", "proxy_host": "text"}
"""Secrets that people have to see to change them."""
_HIDDEN = ("regions", "scenario_name", "paused", "metadata", "request_headers", "environment_variables")


class Type(msgspec.Struct, frozen=True, kw_only=True):
    """One type as `monitors.types` tells of it."""

    monitor_type: str
    family: str
    target: str
    attributes: list[str]
    required: list[str]
    timeouts: list[int]
    usual_timeout: int
    timeout_unit: str
    ports: int


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A form ready to be drawn: what is always open, and what is folded away."""

    first: list[Field]
    sections: list[tuple[str, str, list[Field]]]

    @property
    def fields(self) -> list[Field]:
        """All of them."""
        return [*self.first, *(field for _, _, fields in self.sections for field in fields)]


async def types_of(desk: Desk) -> dict[str, Type]:
    """Every type, by its name."""
    found = await desk.flat("monitors.types")
    return {each["monitor_type"]: msgspec.convert(each, Type) for each in found["types"]}


async def new(desk: Desk) -> Response:
    """First the type in plain words, then its form; `?clone=` begins with what another is."""
    types = await types_of(desk)
    clone = desk.asked("clone")
    if clone.isascii() and clone.isdigit() and len(clone) < 18:
        values = await _record(desk, int(clone))
        values["pronounceable_name"] = f"{values['pronounceable_name']} (copy)"
        return await _draw(desk, types[values["monitor_type"]], types, values)
    kind = types.get(desk.asked("type"))
    if kind is None:
        families = {
            name: [(type, words.TYPES[type]) for type, each in types.items() if each.family == name]
            for name in ("web", "server", "browser")
        }  # fmt: skip
        return desk.page("monitors/choose.html", families=families)
    return await _draw(desk, kind, types, DEFAULTS | {"request_timeout": kind.usual_timeout, "url": desk.asked("url")})


async def create(desk: Desk) -> Response:
    """Make it, or only try it out."""
    types = await types_of(desk)
    kind = types.get(desk.field("monitor_type"))
    if kind is None:
        return desk.go("/monitors/new")
    try:
        body = _body(await _sheet(desk, kind, types, {}), desk, kind)
        if desk.field("deed") == "test":
            return await _draw(desk, kind, types, _typed(desk), tried=await desk.flat("monitors.test", **body))
        made = await desk.one("monitors.create", **body)
    except Invalid as error:
        return await _draw(desk, kind, types, _typed(desk), errors=wrong(error))
    except TocsinError as error:
        if desk.field("deed") != "test" or isinstance(error, Refused | NotFound):
            raise
        return await _draw(desk, kind, types, _typed(desk), errors={"base": [error.message]})
    return desk.go(f"/monitors/{made['id']}", "Monitor created. The first check runs within a second or two.")


async def edit(desk: Desk) -> Response:
    """The form of one that is there."""
    types = await types_of(desk)
    values = await _record(desk, desk.id)
    return await _draw(desk, types[values["monitor_type"]], types, values, monitor=values)


async def save(desk: Desk) -> Response:
    """Change it, or only try the change out."""
    types = await types_of(desk)
    old = await _record(desk, desk.id)
    kind = types.get(desk.field("monitor_type"), types[old["monitor_type"]])
    try:
        body = _body(await _sheet(desk, kind, types, {}, editing=True), desk, kind, old)
        if desk.field("deed") == "test":
            tried = await desk.flat("monitors.test", monitor_id=desk.id, **body)
            return await _draw(desk, kind, types, _typed(desk), monitor=old, tried=tried)
        await desk.one("monitors.update", id=desk.id, **body)
    except Invalid as error:
        return await _draw(desk, kind, types, _typed(desk), monitor=old, errors=wrong(error))
    except TocsinError as error:
        if desk.field("deed") != "test" or isinstance(error, Refused | NotFound):
            raise
        return await _draw(desk, kind, types, _typed(desk), monitor=old, errors={"base": [error.message]})
    return desk.go(f"/monitors/{desk.id}", "Monitor saved")


async def _draw(
    desk: Desk,
    kind: Type,
    types: Mapping[str, Type],
    values: Mapping[str, Any],
    *,
    monitor: Mapping[str, Any] | None = None,
    errors: dict[str, list[str]] | None = None,
    tried: dict[str, Any] | None = None,
) -> Response:
    if errors and any("request timeout" in text for text in errors.get("check_frequency", ())):
        # The other end of it is folded away: its complaint opens it.
        errors = {"request_timeout": ["Must be no longer than the time between two checks"], **errors}
    sheet = await _sheet(desk, kind, types, values, errors, editing=monitor is not None)
    return desk.page(
        "monitors/form.html", 422 if errors else 200, sheet=sheet, kind=kind, words=words.TYPES[kind.monitor_type],
        monitor=monitor, errors=_told(errors or {}, sheet), tried=tried, milliseconds=words.milliseconds,
        phases=words.PHASES,
    )  # fmt: skip


def _told(errors: dict[str, list[str]], sheet: Sheet) -> dict[str, list[str]]:
    """Complaints about what is not in this form are told about the whole."""
    shown = {field.name for field in sheet.fields}
    told = {name: texts for name, texts in errors.items() if name in shown or name == "base"}
    for name, texts in errors.items():
        if name not in told:
            told.setdefault("base", []).extend(f"{name}: {text}" for text in texts)
    return told


async def _sheet(
    desk: Desk,
    kind: Type,
    types: Mapping[str, Type],
    values: Mapping[str, Any],
    errors: dict[str, list[str]] | None = None,
    *,
    editing: bool = False,
) -> Sheet:
    wanted = words.COMMON | set(kind.attributes) | (words.EXPIRY if kind.family == "web" else frozenset())
    if kind.family == "web":
        wanted -= {"required_keyword", "expected_status_codes"} - set(kind.required)
    choices = {
        "policy_id": await policy_choices(desk), "expiration_policy_id": await policy_choices(desk),
        "monitor_group_id": await group_choices(desk), "request_timeout": _timeouts(kind), "tls": _TLS,
        **{name: tuple((each, _WORDS.get(each, each.upper())) for each in those) for name, those in _ALIKE.items()},
        **{name: (("", "Do not warn"), *((each, f"{each} days before") for each in words.DAYS_BEFORE))
           for name in ("ssl_expiration", "domain_expiration")},
        "monitor_type": tuple((each.monitor_type, words.type_name(each.monitor_type)) for each in types.values()
                              if each.family == kind.family),
    }  # fmt: skip
    choices["dns_record_type"] = (("", "A"), *((each, each) for each in words.RECORDS[1:]))
    if not (editing and kind.family == "web"):
        wanted -= {"monitor_type"}
    found = fields_of(
        desk.door.catalogue["monitors.update" if editing else "monitors.create"], values, errors, only=wanted,
        leave_out=_HIDDEN, hints=words.HINTS, choices=choices, long=("request_body", "playwright_script"),
    )  # fmt: skip
    fields = {field.name: _worded(field, kind, values) for field in [*found, *_pairs(kind, values, errors or {})]}
    first = [name for name in words.FIRST if name in fields and _always_open(name, kind)]
    if "request_body" in kind.required:
        first.insert(1, "request_body")
    sections = [
        (id, heading, [fields[name] for name in names if name in fields and name not in first])
        for id, heading, names in words.SECTIONS
    ]
    return Sheet(first=[fields[name] for name in first], sections=[each for each in sections if each[2]])


def _always_open(name: str, kind: Type) -> bool:
    """Of what only some need, what this one cannot do without."""
    return name not in ("assertions", "port") or name in kind.required or (name == "port" and kind.ports > 0)


def _worded(field: Field, kind: Type, values: Mapping[str, Any]) -> Field:
    """The field in the words of its type."""
    label, hint, shape, value = words.LABELS.get(field.name, field.label), field.hint, field.kind, field.value
    if field.name == "url":
        label, hint = words.TYPES[kind.monitor_type].target, f"E.g. {words.TYPES[kind.monitor_type].example}"
    elif field.name == "request_body" and kind.monitor_type in words.BODY_WORDS:
        label, hint = words.BODY_WORDS[kind.monitor_type]
        shape = "text" if kind.monitor_type == "dns" else "long"
    elif field.name in _AS_TEXT:
        shape = _AS_TEXT[field.name]
    elif field.name == "maintenance_days":
        given = values.get("maintenance_days")
        return msgspec.structs.replace(
            field, label=label, kind="many", choices=words.WEEK,
            value=",".join(given) if isinstance(given, list | tuple) else str(given or ""),
        )  # fmt: skip
    elif field.name == "port" and kind.ports > 1:
        hint = f"One, or up to {kind.ports} with commas between them."
    if field.name == "tls":
        value = {True: "true", False: "false", "true": "true", "false": "false"}.get(values.get("tls") or "", "")
        value = "false" if values.get("tls") is False else value
    required = field.name == "url" or field.name in kind.required
    return msgspec.structs.replace(field, label=label, hint=hint, kind=shape, value=value, required=required)


def _pairs(kind: Type, values: Mapping[str, Any], errors: Mapping[str, list[str]]) -> list[Field]:
    """What is a table of names and values, as lines of text."""
    found = []
    for name in ("request_headers", "environment_variables", "metadata"):
        if name != "metadata" and name not in kind.attributes:
            continue
        value = values.get(name)
        if isinstance(value, Mapping):
            value = "\n".join(f"{key}={text}" for key, text in value.items())
        elif isinstance(value, list | tuple):
            value = "\n".join(f"{header['name']}: {header['value']}" for header in value)
        hint = words.HINTS.get(name, "One on each line: key=value. Policies and lists can go by them.")
        found.append(
            Field(name=name, label=words.LABELS.get(name, "Facts"), kind="long", hint=hint, value=value or "",
                  errors=tuple(errors.get(name, ())))
        )  # fmt: skip
    return found


def _body(sheet: Sheet, desk: Desk, kind: Type, old: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What was typed, as the operation takes it. Raises Invalid."""
    body = read_fields(sheet.fields, desk.fields)
    body["monitor_type"] = kind.monitor_type
    if kind.family == "web" and isinstance(body.get("url"), str):
        body["url"] = _with_scheme(body["url"].strip())
    if "tls" in body:
        body["tls"] = {"true": True, "false": False}.get(body["tls"] or "")
    for name in ("expected_status_codes", "depends_on"):
        if name in body:
            body[name] = _numbers(name, body[name])
    if "request_headers" in body:
        gone = [{"id": header["id"], "_destroy": True} for header in (old or {}).get("request_headers", ())]
        pairs = _split("request_headers", body["request_headers"], ":")
        body["request_headers"] = [*gone, *({"name": name, "value": value} for name, value in pairs.items())]
    if "environment_variables" in body:
        body["environment_variables"] = _split("environment_variables", body["environment_variables"], "=")
    if "metadata" in body:
        facts = _split("metadata", body["metadata"], "=")
        body["metadata"] = {**{key: [] for key in (old or {}).get("metadata", {}) if key not in facts}, **facts}
        if not body["metadata"]:
            del body["metadata"]
    if body.get("playwright_script") == "" and kind.family != "browser":
        del body["playwright_script"]
    return body


def _with_scheme(url: str) -> str:
    """An address as people type it, e.g. `example.com/health`, as one that can be asked."""
    if not url or "://" in url:
        return url
    host = url.split("/")[0].rsplit(":", 1)[0]
    return f"{'http' if host in ('localhost', '127.0.0.1', '[::1]') else 'https'}://{url}"


def _numbers(name: str, lines: list[str]) -> list[int]:
    texts = [text for line in lines for text in line.replace(",", " ").split()]
    if not all(text.isascii() and text.isdigit() and len(text) < 18 for text in texts):
        raise Invalid.fields(**{name: "must be whole numbers"})
    return [int(text) for text in texts]


def _split(name: str, text: str, mark: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        key, found, value = line.partition(mark)
        if not found or not key.strip():
            raise Invalid.fields(**{name: f"has a line without '{mark}': {line.strip()[:40]}"})
        pairs[key.strip()] = value.strip()
    return pairs


def _typed(desk: Desk) -> dict[str, Any]:
    """The form as it was filled in; a box that was not ticked is not in it."""
    return {
        name: sent if name == "maintenance_days" else sent[-1] for name, sent in desk.fields.items() if name != "csrf"
    }


async def _record(desk: Desk, id: int) -> dict[str, Any]:
    """A monitor's attributes and plain facts as a form shows them, without its password."""
    found = await desk.one("monitors.get", id=id)
    found.pop("auth_password", None)
    found.setdefault("flapping_damping", True)
    found["metadata"] = await facts_of(desk, id)
    return found


async def facts_of(desk: Desk, id: int) -> dict[str, str]:
    """What is said about a monitor under each key, where that is one plain text: the rest is no line of a form."""
    if not desk.may("metadata.list"):
        return {}
    facts = await desk.many("metadata.list", owner_type="Monitor", owner_id=id, per_page=250)
    return {
        fact["key"]: fact["values"][0]["value"]
        for fact in facts.items
        if len(fact["values"]) == 1 and fact["values"][0]["type"] == "String"
    }


def _timeouts(kind: Type) -> tuple[tuple[str, str], ...]:
    size = 1000 if kind.timeout_unit == "milliseconds" else 1
    return tuple((str(each), f"{each / size:g} s") for each in kind.timeouts)


async def policy_choices(desk: Desk) -> tuple[tuple[str, str], ...]:
    """Whom to page, by policy."""
    if not desk.may("policies.list"):
        return (("", "No policy"),)
    found = await desk.many("policies.list", per_page=250)
    return (("", "Everybody at once (no policy)"), *((each["id"], each["name"] or "Untitled") for each in found.items))


async def group_choices(desk: Desk) -> tuple[tuple[str, str], ...]:
    """The team's groups, and none."""
    return (("", "No group"), *((each["id"], each["name"]) for each in await all_groups(desk)))
