"""What may be set on a monitor, and what it means when something is left out or emptied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tocsin.kernel.zones import zone
from tocsin.monitors.model import DAYS, HTTP_TYPES, REGIONS, RequestHeader, Settings
from tocsin.monitors.rules.maintenance import wall_time

HTTP_TIMEOUTS_SECONDS = (1, 2, 3, 5, 10, 15, 30, 45, 60)
"""The API's list, and 1 for those who check every second."""
HTTP_METHODS = ("get", "head", "post", "put", "patch")
METHODS_WITH_BODY = ("post", "put", "patch")
EXPIRATION_DAYS = (1, 2, 3, 7, 14, 30, 60)
IP_VERSIONS = ("ipv4", "ipv6")
MAX_PERIOD_SECONDS = 86_400
"""Confirmation and recovery: a day (the API's documented maximum)."""
MAX_FREQUENCY_SECONDS = 86_400
MAX_TEAM_WAIT_SECONDS = 86_400
MAX_HEADERS = 50
"""Request headers per monitor: more would not fit what web servers accept."""
MAX_TEXT = 255
"""Characters of a name."""
MAX_URL = 8_000
"""Characters of a URL: what web servers commonly accept in a request line."""
MAX_LONG_TEXT = 100_000
"""Characters of a body, keyword or script."""
MAX_LIST = 600
"""Status codes: every one there is."""

Errors = dict[str, list[str]]


class Limits(msgspec.Struct, frozen=True):
    """What this installation allows."""

    min_check_frequency: int = 10
    """Seconds."""


def apply(
    current: Settings, url: str, given: Mapping[str, Any], limits: Limits, *, new: bool
) -> tuple[Settings, str, Errors]:
    """The settings and URL after `given` (wire names, only what was sent) and everything wrong with them, by field.

    A null for what cannot be null gives its default back (contract part 1, 2.5).
    """
    errors: Errors = {}
    url = _url(url, given, errors)
    values = {name: _plain(name, value) for name, value in given.items() if name in _SETTABLE}
    if "request_headers" in given:
        values |= _headers(current, given["request_headers"] or [], errors)
    if new and "request_timeout" not in given:
        wanted = values.get("check_frequency", current.check_frequency)
        values["request_timeout"] = max((t for t in HTTP_TIMEOUTS_SECONDS if t <= min(wanted, 30)), default=1)
    settings = msgspec.structs.replace(current, **values)
    for name, check in _CHECKS.items():
        complaint = check(settings)
        if complaint:
            errors.setdefault(name, []).append(complaint)
    if "monitor_type" in errors:  # what a url must be depends on the type: other complaints would only mislead
        return settings, url, {"monitor_type": errors["monitor_type"]}
    touched = new or not _TOGETHER.isdisjoint(given)
    if touched and not errors:
        _together(settings, limits, errors)
    return settings, url, errors


def default_name(url: str) -> str:
    """What a monitor is called when nobody names it: the host of its URL."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


_DEFAULTS = Settings()
_SETTABLE = frozenset(Settings.__struct_fields__) - {"request_headers", "last_header_id"}
_TOGETHER = frozenset({
    "check_frequency", "request_timeout", "http_method", "request_body", "expected_status_codes", "follow_redirects",
    "required_keyword", "monitor_type", "maintenance_from", "maintenance_to",
})  # fmt: skip
_NULLABLE = frozenset({
    "policy_id", "expiration_policy_id", "required_keyword", "team_wait", "ssl_expiration", "domain_expiration", "port",
    "proxy_host", "proxy_port", "regions", "maintenance_from", "maintenance_to", "maintenance_timezone",
    "maintenance_days", "playwright_script", "scenario_name", "ip_version",
})  # fmt: skip
_ZERO_IS_NULL = frozenset({"proxy_port", "policy_id", "expiration_policy_id", "ssl_expiration", "domain_expiration"})


def _plain(name: str, value: Any) -> Any:
    """A sent value in the form in which it is kept."""
    if value is None:
        return None if name in _NULLABLE else getattr(_DEFAULTS, name)
    if value == 0 and name in _ZERO_IS_NULL:
        return None
    if isinstance(value, list):
        return tuple(value)
    return value.lower() if name in ("http_method", "ip_version") else value


def _url(current: str, given: Mapping[str, Any], errors: Errors) -> str:
    url = given.get("url", current)
    if not url or not str(url).strip():
        errors["url"] = ["can't be blank"]
        return ""
    url = str(url).strip()
    if "url" in given and not _is_http_url(url):
        errors["base"] = ["URL is invalid."]
    return url


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        fine = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return fine and len(url) <= MAX_URL and not any(letter.isspace() or ord(letter) < 32 for letter in url)


def _headers(current: Settings, sent: list[Any], errors: Errors) -> dict[str, Any]:
    """Rails' nested attributes: no id creates, an id changes, `_destroy` removes, what is not mentioned stays (3.4)."""
    kept = {header.id: header for header in current.request_headers}
    last = current.last_header_id
    for item in sent:
        name, value = item.get("name"), item.get("value")
        if item.get("id") in (None, ""):
            if not name and value is None:
                continue
            last += 1
            kept[str(last)] = RequestHeader(str(last), str(name or ""), str(value or ""))
            continue
        header = kept.get(str(item["id"]))
        if header is None:
            errors["request_headers"] = [f"has no header with id {item['id']}"]
        elif str(item.get("_destroy", "")).lower() in ("true", "1"):
            del kept[header.id]
        else:
            changed = RequestHeader(header.id, header.name if name is None else str(name),
                                    header.value if value is None else str(value))  # fmt: skip
            kept[header.id] = changed
    return {"request_headers": tuple(kept.values()), "last_header_id": last}


def _header_complaint(settings: Settings) -> str | None:
    if len(settings.request_headers) > MAX_HEADERS:
        return f"must be at most {MAX_HEADERS}"
    for header in settings.request_headers:
        if not header.name or not all(
            33 <= ord(letter) < 127 and letter not in '(),/:;<=>?@[\\]{}"' for letter in header.name
        ):
            return f"has a name that no header can have: '{header.name[:40]}'"
        if any(ord(letter) < 32 and letter != "\t" for letter in header.value) or len(header.value) > MAX_URL:
            return f"has a value that no header can have, under the name '{header.name[:40]}'"
    return None


def _one_of(name: str, choices: tuple[Any, ...]) -> Callable[[Settings], str | None]:
    """The wording of the API for a value that is not on a list."""

    def check(settings: Settings) -> str | None:
        value = getattr(settings, name)
        if value is None or value in choices:
            return None
        return f"is invalid. Valid values are: {', '.join(str(choice) for choice in choices)}"

    return check


def _each_of(name: str, choices: tuple[str, ...]) -> Callable[[Settings], str | None]:
    def check(settings: Settings) -> str | None:
        values = getattr(settings, name) or ()
        if all(value in choices for value in values) and len(set(values)) == len(values):
            return None
        return f"is invalid. Valid values are: {', '.join(choices)}"

    return check


def _between(name: str, low: int, high: int) -> Callable[[Settings], str | None]:
    def check(settings: Settings) -> str | None:
        value = getattr(settings, name)
        return None if value is None or low <= value <= high else f"must be between {low} and {high}"

    return check


def _short(name: str, longest: int) -> Callable[[Settings], str | None]:
    def check(settings: Settings) -> str | None:
        long = len(getattr(settings, name) or "") > longest
        return f"is too long (maximum is {longest} characters)" if long else None

    return check


def _time_of_day(name: str) -> Callable[[Settings], str | None]:
    def check(settings: Settings) -> str | None:
        value = getattr(settings, name)
        try:
            if value is not None:
                wall_time(value)
        except ValueError:
            return "must be a time of day like 01:00:00"
        return None

    return check


def _zone(settings: Settings) -> str | None:
    name = settings.maintenance_timezone
    return None if name is None or zone(name) is not None else f"'{name[:80]}' is not a time zone that we know"


def _status_codes(settings: Settings) -> str | None:
    codes = settings.expected_status_codes
    fine = len(codes) <= MAX_LIST and all(100 <= code <= 599 for code in codes)
    return None if fine else "must be HTTP status codes between 100 and 599"


def _variables(settings: Settings) -> str | None:
    pairs = settings.environment_variables.items()
    return None if all(name and value for name, value in pairs) else "must have non-empty names and values"


_CHECKS: dict[str, Callable[[Settings], str | None]] = {
    "monitor_type": _one_of("monitor_type", HTTP_TYPES),
    "http_method": _one_of("http_method", HTTP_METHODS),
    "request_timeout": _one_of("request_timeout", HTTP_TIMEOUTS_SECONDS),
    "ssl_expiration": _one_of("ssl_expiration", EXPIRATION_DAYS),
    "domain_expiration": _one_of("domain_expiration", EXPIRATION_DAYS),
    "ip_version": _one_of("ip_version", IP_VERSIONS),
    "regions": _each_of("regions", REGIONS),
    "maintenance_days": _each_of("maintenance_days", DAYS),
    "maintenance_from": _time_of_day("maintenance_from"),
    "maintenance_to": _time_of_day("maintenance_to"),
    "maintenance_timezone": _zone,
    "confirmation_period": _between("confirmation_period", 0, MAX_PERIOD_SECONDS),
    "recovery_period": _between("recovery_period", 0, MAX_PERIOD_SECONDS),
    "team_wait": _between("team_wait", 0, MAX_TEAM_WAIT_SECONDS),
    "proxy_port": _between("proxy_port", 1, 65_535),
    "policy_id": _between("policy_id", 1, 2**62),
    "expiration_policy_id": _between("expiration_policy_id", 1, 2**62),
    "expected_status_codes": _status_codes,
    "request_headers": _header_complaint,
    "environment_variables": _variables,
    "auth_username": _short("auth_username", MAX_URL),
    "auth_password": _short("auth_password", MAX_URL),
    "proxy_host": _short("proxy_host", MAX_URL),
    "required_keyword": _short("required_keyword", MAX_LONG_TEXT),
    "request_body": _short("request_body", MAX_LONG_TEXT),
    "playwright_script": _short("playwright_script", MAX_LONG_TEXT),
    "scenario_name": _short("scenario_name", MAX_TEXT),
    "port": _short("port", MAX_TEXT),
}


def _together(settings: Settings, limits: Limits, errors: Errors) -> None:
    """The rules about two attributes at once."""
    if not limits.min_check_frequency <= settings.check_frequency <= MAX_FREQUENCY_SECONDS:
        errors["check_frequency"] = [f"must be between {limits.min_check_frequency} and {MAX_FREQUENCY_SECONDS}"]
    elif settings.check_frequency < settings.request_timeout:
        errors["check_frequency"] = ["must be greater than or equal to the request timeout"]
    if settings.request_body and settings.http_method not in METHODS_WITH_BODY:
        errors["base"] = ["Request body must be empty when using the HEAD or GET HTTP method."]
    if settings.monitor_type == "expected_status_code":
        if not settings.expected_status_codes:
            errors["expected_status_codes"] = ["can't be blank"]
        elif settings.follow_redirects and any(300 <= code <= 399 for code in settings.expected_status_codes):
            errors["expected_status_codes"] = ["can't contain a 3xx status code when following redirects"]
    if settings.monitor_type in ("keyword", "keyword_absence") and not settings.required_keyword:
        errors["required_keyword"] = ["can't be blank"]
    if bool(settings.maintenance_from) != bool(settings.maintenance_to):
        errors["maintenance_from" if settings.maintenance_to else "maintenance_to"] = ["can't be blank"]
