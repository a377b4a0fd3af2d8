"""Mail as a mail server and a mail program see it."""

from __future__ import annotations

import email as stdlib_email
import email.policy
import ssl
from datetime import UTC, datetime

import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from tests.notify.mailserver import Mailbox, mail_server, unused_port
from tocsin.notify.channels import discover, email
from tocsin.notify.model import GiveUp, Message, Notice, Retry, Sent


def message(*, address: str = "ann@example.com", recipient: str = "Ann Ångström", **more: object) -> Message:
    fields: dict[str, object] = {
        "kind": "page",
        "incident_id": 25,
        "team_id": 1,
        "subject": "[Tocsin] Down: shop.example.com (Status 503)",
        "headline": "shop.example.com is down",
        "cause": "Status 503",
        "facts": [("Response code", "503"), ("Region", "eu")],
        "url": "https://tocsin.example/incidents/25",
        "thread_key": "incident-25",
        "actions": ("acknowledge",),
    }
    return Message(
        delivery_id=7,
        attempt=1,
        channel="email",
        address=address,
        recipient=recipient,
        notice=Notice(**(fields | more)),  # type: ignore[arg-type]
        key="delivery-7-abcdef",
        thread="incident-25-abcdef",
        answer_url="https://tocsin.example/answer/7-0123456789abcdef0123456789abcdef",
        at=datetime(2026, 3, 2, 12, 0, tzinfo=UTC),
    )


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: object) -> str:
    path = f"{tmp_path}/ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


def server_context(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_the_folder_is_the_list_of_channels() -> None:
    assert discover()["email"] is email


async def test_a_mail_has_all_that_a_mail_program_needs() -> None:
    async with mail_server() as box:
        answer = await email.send(message(critical=True), email.settings(f"smtp://127.0.0.1:{box.port}?from=ops@x.org"))
    assert answer == Sent("accepted by 127.0.0.1: 250 2.0.0 Ok: taken")
    (mail,) = box.mails
    assert mail["From"] == "Tocsin <ops@x.org>"
    assert mail["To"] == "Ann Ångström <ann@example.com>"
    assert mail["Subject"] == "[Tocsin] Down: shop.example.com (Status 503)"
    assert mail["Message-ID"] == "<delivery-7-abcdef@x.org>"
    assert mail["References"] == mail["In-Reply-To"] == "<incident-25-abcdef@x.org>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Priority"] == "1"
    assert mail["Date"] == "Mon, 02 Mar 2026 12:00:00 +0000"
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        text = body.get_content()
        for part in ("shop.example.com is down", "Status 503", "Response code", "Acknowledge", "/answer/7-0123456789"):
            assert part in text, (kind, part)


async def test_what_others_wrote_cannot_become_markup() -> None:
    mail = email.compose(
        message(cause="<script>alert(1)</script>", url="javascript:alert(1)"), email.settings("smtp://x")
    )
    body = mail.get_body(("html",))
    assert body is not None
    assert "<script>" not in body.get_content()
    assert "javascript:" not in body.get_content()


@pytest.mark.slow
@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=100))
@example("0" * 27, "0" * 27, "")
def test_no_text_can_add_a_header_or_break_the_mail(subject: str, name: str, thread: str) -> None:
    nasty = f"{subject}\r\nBcc: eve@example.com\n{name}"
    composed = email.compose(
        message(subject=nasty, headline=nasty, cause=nasty, facts=[(nasty, nasty)], recipient=nasty),
        email.settings("smtp://mail.example.com"),
    )
    raw = composed.as_bytes()
    raw.decode("ascii")
    mail = stdlib_email.message_from_bytes(raw, policy=email_policy())
    assert mail["Bcc"] is None
    assert [address.addr_spec for address in mail["To"].addresses] == ["ann@example.com"]
    assert mail["Message-ID"] == "<delivery-7-abcdef@mail.example.com>"
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


def email_policy() -> stdlib_email.policy.EmailPolicy:
    return stdlib_email.policy.default


@pytest.mark.parametrize(
    ("reply", "final"),
    [
        ("550 5.1.1 no such user", True),
        ("553 5.1.3 bad address syntax", True),
        ("550 no such user here", True),
        ("551 user not local", True),
        ("554 5.7.1 Relay access denied", False),
        ("550 5.7.1 authenticate first", False),
        ("550 5.7.0 daily sending limit exceeded", False),
        ("550 5.1.8 sender address rejected", False),
        ("552 5.2.2 mailbox full", False),
        ("554 transaction failed", False),
    ],
)
async def test_a_refused_recipient_is_final_only_when_the_address_is_wrong(reply: str, final: bool) -> None:
    box = Mailbox()
    box.answer_recipient = lambda address: reply
    async with mail_server(box):
        answer = await email.send(message(), email.settings(f"smtp://127.0.0.1:{box.port}"))
    why = f"127.0.0.1 refused the recipient: {reply}"
    assert answer == (GiveUp(why) if final else Retry(why, refused=True))


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("451 4.3.0 disk full", Retry("127.0.0.1 answered 451 4.3.0 disk full")),
        ("554 5.7.1 looks like spam", Retry("127.0.0.1 refused the message: 554 5.7.1 looks like spam")),
        ("550 message refused", Retry("127.0.0.1 refused the message: 550 message refused")),
        ("550 5.1.1 no such user", GiveUp("127.0.0.1 refused the message: 550 5.1.1 no such user")),
    ],
)
async def test_a_refused_message_is_final_only_when_the_address_is_wrong(reply: str, expected: object) -> None:
    box = Mailbox()
    box.answer_data = lambda: reply
    async with mail_server(box):
        assert await email.send(message(), email.settings(f"smtp://127.0.0.1:{box.port}")) == expected


@pytest.mark.parametrize("address", ["", "ann", "@x.org", "a@", "a b@x.org", "a@x.org\r\nDATA", "<a@x.org>", "a@x@y"])
async def test_what_is_no_address_is_given_up_without_asking(address: str) -> None:
    answer = await email.send(message(address=address), email.settings(f"smtp://127.0.0.1:{unused_port()}"))
    assert isinstance(answer, GiveUp)
    assert "is not an e-mail address" in answer.why


async def test_letters_of_the_world_in_an_address_reach_a_server_that_takes_them() -> None:
    async with mail_server() as box:
        settings = email.settings(f"smtp://127.0.0.1:{box.port}")
        assert isinstance(await email.send(message(address="ann@münchen.example"), settings), Sent)
        assert isinstance(await email.send(message(address="änn@münchen.example"), settings), Sent)
    assert box.recipients == ["ann@xn--mnchen-3ya.example", "änn@xn--mnchen-3ya.example"]


async def test_tls_is_used_where_it_is_offered(authority: trustme.CA) -> None:
    async with mail_server(tls=server_context(authority)) as box:
        answer = await email.send(message(), email.settings(f"smtp://127.0.0.1:{box.port}"))
    assert isinstance(answer, Sent), "any certificate will do while nobody insists"
    assert box.tls == [True]


async def test_required_tls_takes_only_a_valid_certificate(authority: trustme.CA, ca_file: str) -> None:
    async with mail_server(tls=server_context(authority)) as box:
        url = f"smtp://127.0.0.1:{box.port}?starttls=required"
        refusal = await email.send(message(), email.settings(url))
        assert isinstance(refusal, Retry)
        assert "is not valid" in refusal.why
        assert box.mails == []
        assert isinstance(await email.send(message(), email.settings(f"{url}&ca={ca_file}")), Sent)
        assert isinstance(await email.send(message(), email.settings(f"{url}&verify=off")), Sent)
    assert box.tls == [True, True]


async def test_required_tls_that_is_not_offered_sends_nothing() -> None:
    async with mail_server() as box:
        answer = await email.send(message(), email.settings(f"smtp://127.0.0.1:{box.port}?starttls=required"))
    assert isinstance(answer, Retry)
    assert "STARTTLS" in answer.why
    assert box.mails == []


async def test_tls_from_the_first_byte(authority: trustme.CA, ca_file: str) -> None:
    async with mail_server(tls=server_context(authority), from_the_first_byte=True) as box:
        answer = await email.send(message(), email.settings(f"smtps://127.0.0.1:{box.port}?ca={ca_file}"))
    assert isinstance(answer, Sent)


async def test_a_password_signs_in_and_a_wrong_one_is_tried_again_because_it_can_be_mended() -> None:
    async with mail_server(password="p@ss/word") as box:
        right = await email.send(message(), email.settings(f"smtp://ops:p%40ss%2Fword@127.0.0.1:{box.port}"))
        wrong = await email.send(message(), email.settings(f"smtp://ops:wrong-one@127.0.0.1:{box.port}"))
    assert isinstance(right, Sent)
    assert box.signed_in == [True]
    assert isinstance(wrong, Retry)
    assert wrong.why.startswith("the server refused our sign-in: 535")
    assert "wrong-one" not in wrong.why


async def test_nobody_listening_is_tried_again() -> None:
    port = unused_port()
    answer = await email.send(message(), email.settings(f"smtp://127.0.0.1:{port}"))
    assert answer == Retry(f"127.0.0.1:{port} refused the connection")


async def test_a_server_that_dawdles_is_left() -> None:
    box = Mailbox()
    box.dawdle_seconds = 0.5
    async with mail_server(box):
        answer = await email.send(message(), email.settings(f"smtp://127.0.0.1:{box.port}?timeout=0.05"))
    assert answer == Retry(f"127.0.0.1:{box.port} did not answer in time")


async def test_the_doctor_can_try_the_server_without_sending_anything() -> None:
    async with mail_server(password="right") as box:
        assert await email.greet(email.settings(f"smtp://u:right@127.0.0.1:{box.port}")) == Sent(
            f"127.0.0.1:{box.port} lets us in"
        )
        assert isinstance(await email.greet(email.settings(f"smtp://u:wrong@127.0.0.1:{box.port}")), Retry)
    assert box.mails == []
    assert await email.greet(email.settings("")) == Retry(email.UNCONFIGURED, email.UNCONFIGURED_WAIT_SECONDS)


def test_a_password_never_leaves_in_clear_unless_the_operator_says_so() -> None:
    assert email.settings("smtp://u:p@mail.example.com").insists_on_tls
    assert not email.settings("smtp://u:p@mail.example.com?starttls=off").insists_on_tls
    assert not email.settings("smtp://u:p@localhost").insists_on_tls
    assert not email.settings("smtp://mail.example.com").insists_on_tls


def test_the_settings_come_from_one_url() -> None:
    settings = email.settings("smtp://u%40x:p%3A@mail.example.com:2525?from=Öps <ops@x.org>&connections=3")
    assert (settings.host, settings.port, settings.username, settings.password) == (
        "mail.example.com", 2525, "u@x", "p:",
    )  # fmt: skip
    assert (settings.from_name, settings.from_address, settings.connections) == ("Öps", "ops@x.org", 3)
    assert "p:" not in repr(settings)
    assert email.settings("smtp://mail.example.com").from_address == "tocsin@mail.example.com"
    assert [email.settings(url).port for url in ("smtp://h", "smtp://u:p@h", "smtps://h")] == [25, 587, 465]
    assert email.settings("").host == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://x", "smtp://", "smtp://h?starttls=maybe", "smtp://h?form=x", "smtp://h?from=nobody",
        "smtp://h?connections=many", "smtp://u:secret#word@h", "smtp://u:sec/ret@h:25", "smtp://h:port",
    ],
)  # fmt: skip
def test_a_wrong_url_is_refused_in_words_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP URL") as refusal:
        email.settings(url)
    assert "sec" not in str(refusal.value)
