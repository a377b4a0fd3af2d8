"""What may be set on a monitor, and what it means when something is left out or emptied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tocsin.kernel.zones import zone
from tocsin.monitors.model import DAYS, REGIONS, Assertion, RequestHeader, Settings
from tocsin.monitors.rules.assertions import assertions_complaint, read_assertion
from tocsin.monitors.rules.kinds import KINDS, MAX_URL, Kind, is_domain, port_complaint, siblings, target_complaint
from tocsin.monitors.rules.maintenance import wall_time

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
MAX_LONG_TEXT = 100_000
"""Characters of a body, keyword or script."""
MAX_DATAGRAM_BYTES = 65_507
"""What UDP carries over IPv4 (RFC 768, RFC 791)."""
MAX_LIST = 600
"""Status codes: every one there is."""
MAX_VARIABLES = 100
"""Environment variables of a browser check."""
MAX_VARIABLE_CHARACTERS = 32_000
"""Of one variable's value."""
MAX_RECORDS = 50
"""Expected DNS records."""
MAX_DEPENDENCIES = 20
"""Monitors that one leans on directly."""
DNS_RECORD_TYPES = ("A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "TXT")

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
    values = {name: _plain(name, value) for name, value in given.items() if name in _SETTABLE}
    values |= _lists(current, given, errors)
    name = values.get("monitor_type", current.monitor_type)
    choices = tuple(KINDS) if new else siblings(current.monitor_type)
    if name not in choices:  # what all else must be depends on the type: other complaints would only mislead
        return current, url, {"monitor_type": [_choose(choices)]}
    kind = KINDS[name]
    if given.get("request_timeout", None if new else 0) is None:
        values["request_timeout"] = _usual_timeout(kind, values.get("check_frequency", current.check_frequency))
    settings = msgspec.structs.replace(current, **values)
    url = _url(kind, url, given, errors, retyped=name != current.monitor_type)
    for field, check in _CHECKS.items():
        complaint = check(settings)
        if complaint:
            errors.setdefault(field, []).append(complaint)
    touched = new or not _TOGETHER.isdisjoint(given)
    if touched and not errors:
        _together(settings, kind, limits, errors)
    return settings, url, errors


def default_name(url: str, settings: Settings) -> str:
    """What a monitor is called when nobody names it: the host of its URL (contract part 1, 3.1).

    Of the server types that the API does not know, the type and port as well: a page that says "Down: db.example.com"
    leaves open which of its servers is meant.
    """
    kind = KINDS[settings.monitor_type]
    if kind.target == "host" and kind.ours:
        port = settings.port if kind.ports else None
        host = f"[{url}]" if port and ":" in url else url
        return f"{settings.monitor_type} {host}" + (f":{port}" if port else "")
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url


_DEFAULTS = Settings()
_SETTABLE = frozenset(Settings.__struct_fields__) - {"request_headers", "assertions", "last_header_id"}
_TOGETHER = frozenset({
    "check_frequency", "request_timeout", "http_method", "request_body", "expected_status_codes", "follow_redirects",
    "required_keyword", "monitor_type", "maintenance_from", "maintenance_to", "port", "playwright_script", "assertions",
})  # fmt: skip
_NULLABLE = frozenset({
    "policy_id", "expiration_policy_id", "required_keyword", "team_wait", "ssl_expiration", "domain_expiration", "port",
    "proxy_host", "proxy_port", "regions", "maintenance_from", "maintenance_to", "maintenance_timezone",
    "maintenance_days", "playwright_script", "ip_version", "dns_record_type", "database", "grpc_service", "tls",
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
    if name == "dns_record_type":
        return value.upper()
    return value.lower() if name in ("http_method", "ip_version") else value


def _lists(current: Settings, given: Mapping[str, Any], errors: Errors) -> dict[str, Any]:
    """The attributes that are lists of objects, in the form in which they are kept."""
    values: dict[str, Any] = {}
    if "request_headers" in given:
        values |= _headers(current, given["request_headers"] or [], errors)
    if "assertions" in given:
        values["assertions"] = tuple(read_assertion(item) for item in given["assertions"] or [])
    return values


def _usual_timeout(kind: Kind, check_frequency: int | None) -> int:
    """The usual one, or the longest that fits between two checks."""
    wanted = check_frequency or _DEFAULTS.check_frequency
    fitting = [t for t in kind.timeouts if t <= kind.usual_timeout and kind.seconds(t) <= wanted]
    return max(fitting, default=min(kind.timeouts))


def _url(kind: Kind, current: str, given: Mapping[str, Any], errors: Errors, *, retyped: bool) -> str:
    """What is watched. A browser check has a name instead, `scenario_name`, and shows it as its URL too (3.1)."""
    url, name = str(given.get("url") or "").strip(), str(given.get("scenario_name") or "").strip()
    if name and kind.target != "scenario":
        errors["scenario_name"] = ["is for monitors of the type playwright alone"]
    elif name and url and name != url:
        errors["scenario_name"] = ["must be the same as url when both are given"]
    cleared = "url" in given and not url and not (name and kind.target == "scenario")
    url = url or (name if kind.target == "scenario" else "") or ("" if cleared else current)
    if not url:
        errors["url"] = ["can't be blank"]
        return ""
    if url != current or retyped:
        complaint = target_complaint(kind, url)
        if complaint is not None:
            errors["base"] = ["URL is invalid."]
            if kind.target != "web":  # the API's words do not say what it should be instead
                errors["url"] = [complaint]
    return url


def _headers(current: Settings, sent: list[Any], errors: Errors) -> dict[str, Any]:
    """Rails' nested attributes: no id creates, an id changes, `_destroy` removes, what is not mentioned stays (3.4).

    Those that are mentioned share out the places of those that are mentioned, in the order of the request, and what is
    left comes last. Terraform writes all headers in the order of the configuration and compares the answer with that.
    """
    kept = {header.id: header for header in current.request_headers}
    last = current.last_header_id
    mentioned: dict[str, None] = {}
    for item in sent:
        name, value = item.get("name"), item.get("value")
        if item.get("id") in (None, ""):
            if not name and value is None:
                continue
            last += 1
            kept[str(last)] = RequestHeader(str(last), str(name or ""), str(value or ""))
            mentioned[str(last)] = None
            continue
        header = kept.get(str(item["id"]))
        mentioned[str(item["id"])] = None
        if header is None:
            errors["request_headers"] = [f"has no header with id {item['id']}"]
        elif str(item.get("_destroy", "")).lower() in ("true", "1"):
            del kept[header.id]
        else:
            changed = RequestHeader(header.id, header.name if name is None else str(name),
                                    header.value if value is None else str(value))  # fmt: skip
            kept[header.id] = changed
    following = iter([id for id in mentioned if id in kept])
    places = [next(following, None) if header.id in mentioned else header.id for header in current.request_headers]
    ordered = tuple(kept[id] for id in [*places, *following] if id is not None)
    return {"request_headers": ordered, "last_header_id": last}


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
        return _choose(choices)

    return check


def _choose(choices: tuple[Any, ...]) -> str:
    return f"is invalid. Valid values are: {', '.join(str(choice) for choice in choices)}"


def _timeout(settings: Settings) -> str | None:
    choices = KINDS[settings.monitor_type].timeouts
    return None if settings.request_timeout in choices else _choose(choices)


def _port(settings: Settings) -> str | None:
    return None if settings.port is None else port_complaint(KINDS[settings.monitor_type], settings.port)


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
    pairs = settings.environment_variables
    if not all(name and value for name, value in pairs.items()):
        return "must have non-empty names and values"
    if any(
        "=" in name or len(name) > MAX_TEXT or len(value) > MAX_VARIABLE_CHARACTERS for name, value in pairs.items()
    ):
        return f"must have names of at most {MAX_TEXT} characters without '=', and values of {MAX_VARIABLE_CHARACTERS}"
    return f"must be at most {MAX_VARIABLES}" if len(pairs) > MAX_VARIABLES else None


def _records(settings: Settings) -> str | None:
    records = settings.dns_expected_records
    if len(records) > MAX_RECORDS:
        return f"must be at most {MAX_RECORDS}"
    return None if all(0 < len(record) <= MAX_URL for record in records) else "must not hold an empty record"


def _dependencies(settings: Settings) -> str | None:
    ids = settings.depends_on
    if len(ids) > MAX_DEPENDENCIES:
        return f"must be at most {MAX_DEPENDENCIES}"
    if not all(0 < id < 2**62 for id in ids):
        return "must be ids of monitors"
    return None if len(set(ids)) == len(ids) else "must not name a monitor twice"


_CHECKS: dict[str, Callable[[Settings], str | None]] = {
    "http_method": _one_of("http_method", HTTP_METHODS),
    "request_timeout": _timeout,
    "port": _port,
    "assertions": lambda settings: assertions_complaint(settings.assertions),
    "depends_on": _dependencies,
    "dns_record_type": _one_of("dns_record_type", DNS_RECORD_TYPES),
    "dns_expected_records": _records,
    "database": _short("database", MAX_TEXT),
    "grpc_service": _short("grpc_service", MAX_TEXT),
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
}


def _together(settings: Settings, kind: Kind, limits: Limits, errors: Errors) -> None:
    """The rules about two attributes at once."""
    if not limits.min_check_frequency <= settings.check_frequency <= MAX_FREQUENCY_SECONDS:
        errors["check_frequency"] = [f"must be between {limits.min_check_frequency} and {MAX_FREQUENCY_SECONDS}"]
    elif settings.check_frequency < kind.seconds(settings.request_timeout):
        errors["check_frequency"] = ["must be greater than or equal to the request timeout"]
    for field in kind.required:
        if not getattr(settings, field):
            errors[field] = ["can't be blank"]
    if kind.family == "web":
        _of_the_web(settings, errors)
    else:
        _of_others(settings, errors)
    if bool(settings.maintenance_from) != bool(settings.maintenance_to):
        errors["maintenance_from" if settings.maintenance_to else "maintenance_to"] = ["can't be blank"]


def _of_the_web(settings: Settings, errors: Errors) -> None:
    if settings.request_body and settings.http_method not in METHODS_WITH_BODY:
        errors["base"] = ["Request body must be empty when using the HEAD or GET HTTP method."]
    redirecting = any(300 <= code <= 399 for code in settings.expected_status_codes)
    if settings.monitor_type == "expected_status_code" and settings.follow_redirects and redirecting:
        errors["expected_status_codes"] = ["can't contain a 3xx status code when following redirects"]
    if settings.monitor_type == "json" and settings.assertions and not any(map(_reads_json, settings.assertions)):
        errors["assertions"] = ["must have at least one whose source is json"]


def _of_others(settings: Settings, errors: Errors) -> None:
    if settings.assertions:
        errors["assertions"] = ["are for monitors that ask a web server alone"]
    body = settings.request_body
    if settings.monitor_type == "dns" and body and not is_domain(body):
        errors["request_body"] = ["must be the domain that is asked for, e.g. example.com"]
    if settings.monitor_type == "udp" and len(body.encode()) > MAX_DATAGRAM_BYTES:
        errors["request_body"] = [f"is too long for a datagram (maximum is {MAX_DATAGRAM_BYTES} bytes)"]


def _reads_json(assertion: Assertion) -> bool:
    return assertion.source == "json"
