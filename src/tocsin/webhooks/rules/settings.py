"""What may be set on a webhook, and what it means when something is left out or emptied."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tocsin.kernel.signatures import SECRET_BYTES, SECRET_PREFIX, key_of
from tocsin.webhooks.model import DEFAULT_METHOD, INCIDENT_EVENTS, METHODS, Header, Settings, Template, Trigger
from tocsin.webhooks.rules.templates import complaint

MAX_NAME_CHARACTERS = 255
MAX_URL_CHARACTERS = 8_000
"""What web servers commonly accept in a request line."""
MAX_HEADERS = 50
"""Request headers per webhook: more would not fit what web servers accept."""
MAX_HEADER_VALUE_CHARACTERS = 8_000
MAX_CREDENTIAL_CHARACTERS = 1_000
MAX_BODY_CHARACTERS = 100_000
"""Of a body template."""

GENERATE = "generate"
"""Sent as `signing_secret`: make a fresh one."""

Errors = dict[str, list[str]]
TEMPLATE = "custom_webhook_template_attributes"
_RESERVED = frozenset({
    "connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade", "expect",
    "webhook-id", "webhook-timestamp", "webhook-signature",
})  # fmt: skip
"""Headers that belong to the connection, or to us."""
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
"""A header's name (RFC 9110, 5.6.2)."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def apply(current: Settings, given: Mapping[str, Any], trigger: Trigger, fresh_secret: str) -> tuple[Settings, Errors]:
    """The settings after `given` (wire names, only what was sent) and everything wrong with them, by field.

    `fresh_secret` is used when a new signing secret is asked for.
    """
    errors: Errors = {}
    values: dict[str, Any] = {}
    if "name" in given:
        values["name"] = _name(given["name"], errors)
    if "url" in given or not current.url:
        values["url"] = _url(given.get("url"), errors)
    if trigger is Trigger.INCIDENT:
        values["events"] = _events(current.events, given)
        alongside = given.get("notify_alongside_primary_responder")
        if alongside is not None:
            values["notify_alongside_primary_responder"] = bool(alongside)
    else:
        values["events"] = ()
    if "signing_secret" in given:
        values["signing_secret"] = _secret(given["signing_secret"], fresh_secret, errors)
    if TEMPLATE in given:
        values["template"] = _template(current.template, given[TEMPLATE], errors)
    return msgspec.structs.replace(current, **values), errors


def _name(given: Any, errors: Errors) -> str | None:
    name = str(given or "").strip()
    if len(name) > MAX_NAME_CHARACTERS:
        errors["name"] = [f"is too long (maximum is {MAX_NAME_CHARACTERS} characters)"]
    return name or None


def _url(given: Any, errors: Errors) -> str:
    url = str(given or "").strip()
    if not url:
        errors["url"] = ["can't be blank"]
    elif len(url) > MAX_URL_CHARACTERS:
        errors["url"] = [f"is too long (maximum is {MAX_URL_CHARACTERS} characters)"]
    elif not _is_http_url(url):
        errors["url"] = ["is not a web address: it must begin with http:// or https:// and name a host"]
    return url


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        fine = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return fine and not any(letter.isspace() or ord(letter) < 32 for letter in url)


def _events(current: tuple[str, ...], given: Mapping[str, Any]) -> tuple[str, ...]:
    wanted = dict.fromkeys(INCIDENT_EVENTS, False) | dict.fromkeys(current, True)
    for event in INCIDENT_EVENTS:
        sent = given.get(f"on_incident_{event}")
        if sent is not None:
            wanted[event] = bool(sent)
    return tuple(event for event in INCIDENT_EVENTS if wanted[event])


def _secret(given: Any, fresh_secret: str, errors: Errors) -> str | None:
    text = str(given or "").strip()
    if text == GENERATE:
        return fresh_secret
    if text:
        try:
            key_of(text)
        except ValueError:
            errors["signing_secret"] = [
                f'must be "{GENERATE}", empty, or {SECRET_PREFIX} and {SECRET_BYTES[0]} to {SECRET_BYTES[1]} random '
                "bytes in Base64"
            ]
    return text or None


def _template(current: Template | None, given: Mapping[str, Any] | None, errors: Errors) -> Template | None:
    """A template with an id is changed in part, one without is a new one in its place (contract part 2, 8.1)."""
    if given is None or str(given.get("_destroy", "")).lower() in ("true", "1"):
        return None
    start = Template()
    if given.get("id") not in (None, ""):
        if current is None or str(given["id"]) != str(current.id):
            errors[TEMPLATE] = [f"has no template with id {given['id']}"]
            return current
        start = current
    template = msgspec.structs.replace(start, **_template_values(start, given, errors))
    if TEMPLATE not in errors and template.body_template is not None:
        found = complaint(template.body_template, content_type(template))
        if found is not None:
            errors[TEMPLATE] = [f"body_template {found}"]
    return template


def content_type(template: Template | None) -> str:
    """What the headers say that the body is, in lower case; empty = nothing, so JSON."""
    headers = () if template is None else template.headers_template
    return next((header.value.lower() for header in headers if header.name.lower() == "content-type"), "")


def _template_values(start: Template, given: Mapping[str, Any], errors: Errors) -> dict[str, Any]:
    complaints: list[str] = []
    values: dict[str, Any] = {}
    if "http_method" in given:
        method = str(given["http_method"] or DEFAULT_METHOD).lower()
        if method not in METHODS:
            complaints.append(f"http_method must be one of: {', '.join(METHODS)}")
        values["http_method"] = method
    for name in ("auth_username", "auth_password"):
        if name in given:
            values[name] = str(given[name]) if given[name] not in (None, "") else None
            if len(values[name] or "") > MAX_CREDENTIAL_CHARACTERS:
                complaints.append(f"{name} is too long (maximum is {MAX_CREDENTIAL_CHARACTERS} characters)")
    if ":" in values.get("auth_username", start.auth_username or "") or "":
        complaints.append("auth_username must not contain a colon (RFC 7617)")
    if "headers_template" in given:
        values["headers_template"] = _headers(given["headers_template"] or [], complaints)
    if "body_template" in given:
        values["body_template"] = _body(given["body_template"], complaints)
    if complaints:
        errors[TEMPLATE] = complaints
    return values


def _headers(given: list[Any], complaints: list[str]) -> tuple[Header, ...]:
    if len(given) > MAX_HEADERS:
        complaints.append(f"headers_template has too many headers, at most {MAX_HEADERS} are accepted")
        return ()
    headers = tuple(Header(str(item.get("name") or ""), str(item.get("value") or "")) for item in given)
    for header in headers:
        if not _TOKEN.fullmatch(header.name):
            complaints.append(f"headers_template has a name that is no header's: {header.name[:100]!r}")
        elif header.name.lower() in _RESERVED:
            complaints.append(f"headers_template may not set {header.name}")
        if len(header.value) > MAX_HEADER_VALUE_CHARACTERS or _CONTROL.search(header.value):
            complaints.append(
                f"headers_template: the value of {header.name[:100]} has a line break or another control character, "
                f"or more than {MAX_HEADER_VALUE_CHARACTERS} characters"
            )
    return headers


def _body(given: Any, complaints: list[str]) -> str | None:
    if given is None or given == "":
        return None
    text = given if isinstance(given, str) else msgspec.json.encode(given).decode()
    if len(text) > MAX_BODY_CHARACTERS:
        complaints.append(f"body_template is too long (maximum is {MAX_BODY_CHARACTERS} characters)")
    return text
