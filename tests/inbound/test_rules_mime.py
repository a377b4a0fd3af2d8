"""Mail of every kind and none is read as its reader would, and none of it can do harm."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.inbound.model import ReceivedMail
from tocsin.inbound.rules.mime import MAX_TEXT_CHARACTERS, parse_mail, readable


def parsed(content: bytes) -> ReceivedMail:
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    return parse_mail(content, sender="envelope@example.com", recipient="t@x", at=at)


@pytest.mark.parametrize(
    ("headers", "subject", "sender"),
    [
        (b"Subject: =?utf-8?b?w4RyZ2Vy?=\r\nFrom: =?utf-8?q?J=C3=B6rg?= <J@X.example>", "Ärger", "j@x.example"),
        (b"Subject: =?iso-8859-1?q?=C4rger?= now\r\nFrom: a@b.example", "Ärger now", "a@b.example"),
        ("Subject: Ärger\r\nFrom: jörg@x.example".encode(), "Ärger", "jörg@x.example"),
        (b"Subject: \xc4rger\r\nFrom: nobody", "\ufffdrger", "nobody"),
        (b"Subject: =?nonsense?b?w4RyZ2Vy?=\r\nFrom: ", "Ärger", "envelope@example.com"),
        (b"Subject: a\r\n b\r\nX-Other: c", "a b", "envelope@example.com"),
    ],
)
def test_headers_are_read_in_whatever_form_they_come(headers: bytes, subject: str, sender: str) -> None:
    mail = parsed(headers + b"\r\n\r\ntext")
    assert (mail.subject, mail.sender, mail.text) == (subject, sender, "text")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\n\xc4rger", "Ärger"),
        (b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xc3\x84rger", "Ärger"),
        (b"Content-Transfer-Encoding: base64\r\n\r\nw4RyZ2Vy", "Ärger"),
        (b"Content-Type: text/html\r\n\r\n<p>Disk &amp; <b>CPU</b></p><script>x()</script>", "Disk & CPU"),
        (b"Content-Type: application/pdf\r\n\r\n%PDF", ""),
        (b"\r\nno headers", "no headers"),
        (b"", ""),
    ],
)
def test_the_text_is_read_in_whatever_form_it_comes(content: bytes, text: str) -> None:
    assert parsed(content).text.strip() == text


def test_plain_text_goes_before_html_and_attachments_are_left_aside() -> None:
    parts = (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n"
        b"--b\r\nContent-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nlog\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>markup</p>\r\n"
        b"--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n--b--\r\n"
    )
    mail = parsed(parts)
    assert (mail.text.strip(), "markup" in mail.html) == ("plain", True)


@pytest.mark.slow
def test_parts_within_parts_without_end_are_survived() -> None:
    deep = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(2_000))
    assert len(parsed(deep).text) <= MAX_TEXT_CHARACTERS
    assert readable("<div>" * 50_000 + "text") is not None


@given(st.binary(max_size=400))
def test_no_mail_can_do_harm(content: bytes) -> None:
    mail = parsed(content)
    for text in (mail.subject, mail.text, mail.sender, *(text for pair in mail.headers for text in pair)):
        assert "\x00" not in text
        text.encode()
