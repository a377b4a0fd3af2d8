"""Makes the request of a message: method, address, headers and body, filled in and signed."""

from __future__ import annotations

import base64
from datetime import datetime

import msgspec

from tocsin import __version__
from tocsin.kernel.clock import retry_after_seconds
from tocsin.kernel.net import Failure, HttpRequest, HttpResponse
from tocsin.kernel.signatures import key_of, signature
from tocsin.kernel.vault import without_credentials
from tocsin.webhooks.model import BODILESS_METHODS, Message, Outcome, Template, Verdict, message_id
from tocsin.webhooks.rules import delivering, payloads, templates
from tocsin.webhooks.rules.settings import content_type

USER_AGENT = f"Tocsin-Webhooks/{__version__}"
JSON = "application/json"


def request(message: Message) -> HttpRequest:
    """The request of a message. Raises `templates.TooLong`, and ValueError for a template that cannot be filled."""
    template = message.webhook.template or Template()
    payload = b"" if template.http_method in BODILESS_METHODS else body(message)
    return HttpRequest(
        url=message.webhook.url,
        method=template.http_method.upper(),
        headers=_headers(message, template, payload),
        body=payload,
        follow_redirects=False,  # whoever may answer for an address may not send us on to another one
        remember_cookies=False,
        timeout_seconds=delivering.TIMEOUT_SECONDS,
        keep_body_bytes=delivering.MAX_EXCERPT_CHARACTERS * 4,
    )


def body(message: Message) -> bytes:
    """The body: the template filled in, or the default one."""
    template = message.webhook.template
    if template is None or template.body_template is None:
        return msgspec.json.encode(payloads.default_body(message))
    values, metadata = payloads.variables(message), payloads.metadata_texts(message)
    return templates.render(template.body_template, values, metadata, content_type(template)).encode()


def outcome(response: HttpResponse, now: datetime) -> Outcome:
    """What a response means for its message."""
    duration_ms = round(response.total_time * 1000)
    status = response.status_code
    if status is None:
        verdict = Verdict.OURS if response.ours else Verdict.UNAVAILABLE
        if response.failure in (Failure.BAD_URL, Failure.ADDRESS_REFUSED):
            verdict = Verdict.REFUSED
        why = without_credentials(response.cause or "There was no answer")
        return Outcome(verdict=verdict, detail=why, duration_ms=duration_ms)
    verdict = delivering.verdict(status)
    headers = {name.lower(): value for name, value in response.headers}
    detail = f"The endpoint answered {status}"
    if 300 <= status < 400:
        detail += ", a redirect, which is not followed: give the address that it leads to"
    if verdict is Verdict.GONE:
        detail += " (gone), so it is not asked again about this"
    return Outcome(
        verdict=verdict,
        status_code=status,
        detail=detail,
        response_excerpt=_excerpt(response.body),
        duration_ms=duration_ms,
        after_seconds=retry_after_seconds(headers["retry-after"], now) if "retry-after" in headers else None,
    )


def _headers(message: Message, template: Template, payload: bytes) -> tuple[tuple[str, str], ...]:
    """Ours first; what the template says takes the place of ours, but for the three that are signed."""
    webhook, at = message.webhook, delivering.timestamp(message.sent_at)
    headers = {"User-Agent": USER_AGENT}
    if template.http_method not in BODILESS_METHODS:
        headers["Content-Type"] = JSON
    if template.auth_username or template.auth_password:
        # Made here, not by the HTTP library: it takes only ASCII, people's passwords are UTF-8 (RFC 7617, 2.1).
        pair = f"{template.auth_username or ''}:{template.auth_password or ''}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    values, metadata = payloads.variables(message), payloads.metadata_texts(message)
    for header in template.headers_template:
        same = next((name for name in headers if name.lower() == header.name.lower()), header.name)
        headers[same] = templates.render_header(header.value, values, metadata)
    id = message_id(webhook.id, message.event_id)
    headers["webhook-id"] = id
    headers["webhook-timestamp"] = str(at)
    if webhook.signing_secret:
        headers["webhook-signature"] = signature(key_of(webhook.signing_secret), id, at, payload)
    return tuple((name, value) for name, value in headers.items() if value)


def _excerpt(answer: bytes) -> str:
    text = answer[: delivering.MAX_EXCERPT_CHARACTERS * 4].decode("utf-8", "replace").replace("\x00", "\ufffd")
    return text[: delivering.MAX_EXCERPT_CHARACTERS]
