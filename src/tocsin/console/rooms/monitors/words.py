"""What the types of monitors and their settings are called, in words for people who set one up."""

from __future__ import annotations

from typing import Any

import msgspec


class TypeWords(msgspec.Struct, frozen=True):
    """One type as it is offered."""

    name: str
    purpose: str
    """When to choose it."""
    target: str
    """What its `url` is called."""
    example: str


TYPES: dict[str, TypeWords] = {
    "status": TypeWords("Website or API", "Answers with a 2xx status.", "URL", "https://example.com/health"),
    "keyword": TypeWords("Page contains", "Answers, and a word stands on the page.", "URL", "https://example.com"),
    "keyword_absence": TypeWords(
        "Page does not contain", "Answers, and a word does not stand on the page.", "URL", "https://example.com"
    ),
    "expected_status_code": TypeWords(
        "Expected status", "Answers with one of the statuses that you name.", "URL", "https://example.com/private"
    ),
    "json": TypeWords("JSON API", "Answers with JSON in which your rules hold.", "URL", "https://api.example.com/v1"),
    "playwright": TypeWords(
        "Browser script", "A real browser goes through a script of yours: log in, buy, search.", "Name", "Checkout"
    ),
    "ping": TypeWords("Ping", "A machine answers an ICMP echo.", "Host", "192.0.2.10"),
    "tcp": TypeWords("TCP port", "A port takes connections.", "Host", "db.example.com"),
    "udp": TypeWords("UDP port", "A service answers a datagram with a word.", "Host", "game.example.com"),
    "dns": TypeWords("DNS server", "A name server answers, with the right records.", "Name server", "1.1.1.1"),
    "smtp": TypeWords("Mail server (SMTP)", "Takes mail, encrypted where it can be.", "Host", "mail.example.com"),
    "imap": TypeWords("Mailbox server (IMAP)", "Greets and is ready.", "Host", "mail.example.com"),
    "pop": TypeWords("Mailbox server (POP3)", "Greets and is ready.", "Host", "mail.example.com"),
    "websocket": TypeWords("WebSocket", "Opens, and answers what you send.", "WebSocket URL", "wss://example.com/live"),
    "grpc": TypeWords("gRPC service", "Says of itself that it is serving.", "Host", "api.example.com"),
    "postgres": TypeWords("PostgreSQL", "Takes a login and answers a query.", "Host", "db.example.com"),
    "mysql": TypeWords("MySQL or MariaDB", "Takes a login and answers.", "Host", "db.example.com"),
    "redis": TypeWords("Redis or Valkey", "Answers PING.", "Host", "cache.example.com"),
    "mqtt": TypeWords("MQTT broker", "Takes a connection.", "Host", "broker.example.com"),
    "ssh": TypeWords("SSH server", "Greets like one.", "Host", "bastion.example.com"),
    "ntp": TypeWords("Time server", "Tells the time.", "Host", "time.example.com"),
}

LABELS: dict[str, str] = {
    "pronounceable_name": "Name",
    "monitor_group_id": "Group",
    "policy_id": "Who is paged",
    "expiration_policy_id": "Who hears of expiring certificates and domains",
    "check_frequency": "Check every (seconds)",
    "confirmation_period": "Confirm an outage for (seconds)",
    "recovery_period": "Confirm the recovery for (seconds)",
    "required_keyword": "Word to look for",
    "expected_status_codes": "Expected statuses",
    "http_method": "Method",
    "request_headers": "Request headers",
    "request_body": "Request body",
    "follow_redirects": "Follow redirects",
    "remember_cookies": "Keep cookies between redirects",
    "verify_ssl": "Verify the certificate",
    "ssl_expiration": "Warn before the certificate expires",
    "domain_expiration": "Warn before the domain expires",
    "auth_username": "User name",
    "auth_password": "Password",
    "proxy_host": "Proxy host",
    "ip_version": "IP version",
    "playwright_script": "Script",
    "environment_variables": "Variables of the script",
    "depends_on": "Depends on",
    "flapping_damping": "Wait longer when it flaps",
    "dns_record_type": "Record type",
    "dns_expected_records": "Expected records",
    "grpc_service": "Service",
    "tls": "Encryption",
    "team_wait": "Page everybody after (seconds)",
    "critical_alert": "Break through silent mode",
    "call": "Phone call",
    "sms": "Text message",
    "email": "E-mail",
    "push": "Push notification",
    "maintenance_from": "From",
    "maintenance_to": "To",
    "maintenance_timezone": "Time zone",
    "maintenance_days": "Days",
}

HINTS: dict[str, str] = {
    "pronounceable_name": "As it is read out in a phone call. Left empty: the host.",
    "check_frequency": "30 is common; 180 where a few minutes do not matter.",
    "confirmation_period": "How long it must fail before anybody hears of it. 0: the first failure counts.",
    "recovery_period": "How long it must work again before the incident ends.",
    "expected_status_codes": "One on each line, e.g. 401.",
    "request_headers": "One on each line: Name: value.",
    "environment_variables": "One on each line: NAME=value. They are kept encrypted.",
    "assertions": "A list of rules, each with source, property, comparison and target.",
    "auth_password": "Kept encrypted. Left empty: as it is.",
    "depends_on": "Numbers of monitors, one on each line. When one of these fails, this one pages nobody.",
    "flapping_damping": "When it fails again and again, its recovery is believed later.",
    "dns_expected_records": "One on each line; all must be answered.",
    "grpc_service": "Left empty: the server as a whole.",
    "proxy_host": "Name, or user:password@name.",
    "policy_id": "Without a policy, everybody of the team hears of it at once by the ways ticked below.",
    "maintenance_from": "E.g. 02:00. No checks in the window, and nobody is paged.",
    "maintenance_days": "A window that goes past midnight needs both days.",
    "playwright_script": "Playwright in JavaScript: page, expect and your variables are there.",
}

BODY_WORDS = {"dns": ("Domain to ask for", "E.g. example.com."), "udp": ("What to send", "")}
"""What `request_body` is called for types that send no request."""

FIRST = ("monitor_type", "url", "pronounceable_name", "required_keyword", "expected_status_codes", "assertions", "port",
         "dns_record_type", "dns_expected_records", "playwright_script", "environment_variables", "grpc_service",
         "database", "check_frequency", "policy_id", "monitor_group_id")  # fmt: skip
"""The fields that are always open; `request_body` comes with them where there is nothing to check without it."""
SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("request", "Request", ("http_method", "request_headers", "request_body", "auth_username", "auth_password",
                            "request_timeout", "follow_redirects", "remember_cookies", "verify_ssl", "tls",
                            "ip_version", "proxy_host", "proxy_port")),
    ("patience", "Confirmation and recovery", ("confirmation_period", "recovery_period", "flapping_damping",
                                               "depends_on")),
    ("paging", "How people are told without a policy", ("call", "sms", "email", "push", "critical_alert",
                                                       "team_wait")),
    ("expiry", "Certificate and domain", ("ssl_expiration", "domain_expiration", "expiration_policy_id")),
    ("facts", "Metadata and further rules", ("metadata", "assertions")),
    ("maintenance", "Maintenance window", ("maintenance_from", "maintenance_to", "maintenance_timezone",
                                           "maintenance_days")),
)  # fmt: skip
"""(id, heading, fields) of what is folded away."""
COMMON = frozenset({
    "url", "pronounceable_name", "monitor_type", "monitor_group_id", "policy_id", "check_frequency",
    "confirmation_period", "recovery_period", "flapping_damping", "depends_on", "call", "sms", "email", "push",
    "critical_alert", "team_wait", "maintenance_from", "maintenance_to", "maintenance_timezone", "maintenance_days",
})  # fmt: skip
"""What every type has, whatever its check reads."""
EXPIRY = frozenset({"ssl_expiration", "domain_expiration", "expiration_policy_id"})
METHODS = ("get", "head", "post", "put", "patch")
DAYS_BEFORE = ("1", "2", "3", "7", "14", "30", "60")
RECORDS = ("A", "AAAA", "CAA", "CNAME", "DS", "HTTPS", "MX", "NS", "PTR", "SOA", "SRV", "TXT")
WEEK = (("mon", "Monday"), ("tue", "Tuesday"), ("wed", "Wednesday"), ("thu", "Thursday"), ("fri", "Friday"),
        ("sat", "Saturday"), ("sun", "Sunday"))  # fmt: skip

PHASES = (
    ("name_lookup_time", "DNS"),
    ("connection_time", "Connect"),
    ("tls_handshake_time", "TLS"),
    ("data_transfer_time", "Answer"),
)
"""`data_transfer_time` is waiting for the first byte and downloading, together (the API's figure)."""


def type_name(kind: str) -> str:
    """What people call a type."""
    found = TYPES.get(kind)
    return kind if found is None else found.name


def duration(seconds: float) -> str:
    """`75` as `1 min 15 s`, `7200` as `2 h`: the two largest units that are not nothing."""
    left, parts = round(seconds), []
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def milliseconds(seconds: Any) -> str:
    """A response time as it is read: `84 ms`, `1.25 s`."""
    if seconds is None:
        return "—"
    return f"{seconds * 1000:.0f} ms" if seconds < 0.9995 else f"{seconds:.2f} s"


def percent(value: Any) -> str:
    """An availability: `100 %`, `99.98 %`; what is not whole is never rounded up to 100."""
    if value is None:
        return "—"
    if value >= 100:
        return "100 %"
    return f"{min(99.999, value):.3f}".rstrip("0").rstrip(".") + " %"
