"""A header holds one line, whatever stands in it; what programs read in one is never encoded."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

from tocsin.notify.channels.letters import blank

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def letter(**given: str) -> EmailMessage:
    plain = {
        "author": "Acme", "sender": "status@acme.example", "recipient": "", "address": "ann@customer.example",
        "subject": "Payments fail", "key": "1", "thread": "report-1",
    }  # fmt: skip
    return blank(at=AT, **{**plain, **given})


def test_links_in_headers_are_broken_between_and_never_encoded() -> None:
    mail = letter()
    link = "<https://status.example.com/status/acme-corporation/unsubscribe/123456-" + "a" * 32 + ">"
    other = "<mailto:unsubscribe+123456." + "b" * 32 + "@alerts.mail.example.com>"
    mail["List-Unsubscribe"] = f"{link}, {other}"
    mail.set_content("Hello")
    assert f"List-Unsubscribe: {link},\r\n {other}\r\n".encode() in mail.as_bytes()
    assert f"List-Unsubscribe: {link},\r\n {other}\r\n" in mail.as_string()


def test_a_name_or_a_subject_cannot_begin_another_header() -> None:
    mail = letter(author="Acme\r\nBcc: eve@evil.example", subject="a\r\nBcc: eve@evil.example")
    mail.set_content("Hello")
    assert b"\nBcc" not in mail.as_bytes()
    assert mail["From"].addresses[0].addr_spec == "status@acme.example"
