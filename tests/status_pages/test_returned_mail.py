"""What comes back of a mail to a subscriber, through the real server that receives mail: the dead are unsubscribed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
import pytest

from tests.status_pages.audience import Audience
from tests.time import FakeClock
from tocsin.runtime.mail import MailListener
from tocsin.runtime.receiving import SubscriberMail
from tocsin.status_pages.actions import notices as actions
from tocsin.status_pages.rules import notices as rules
from tocsin.status_pages.rules import subscribing
from tocsin.storage import Database

DOMAIN = "alerts.tocsin.example"


def delivery_report(status: str, action: str = "failed") -> bytes:
    return (
        "From: MAILER-DAEMON@mx.customer.example\r\n"
        "Subject: Undelivered Mail Returned to Sender\r\n"
        "MIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.customer.example\r\n\r\n"
        f"Final-Recipient: rfc822; ann@customer.example\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such user\r\n\r\n"
        "--b--\r\n"
    ).encode()


class Post:
    """Whoever sends mail to the address behind a subscriber."""

    def __init__(self, audience: Audience, listener: MailListener) -> None:
        self.audience = audience
        self.port = listener.port

    async def send(self, subscriber_id: int, content: bytes, deed: str = "bounce", spoil: str = "") -> None:
        path = await self.audience.database.read(actions._return_path, deed, subscriber_id)
        to = f"{path}{spoil}@{DOMAIN}"
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=self.port, start_tls=False) as client:
            await client.sendmail("", [to], content)


@pytest.fixture
async def post(sqlite_database: Database, clock: FakeClock) -> AsyncIterator[Post]:
    audience = await Audience(sqlite_database, clock).furnish()
    receiver = [SubscriberMail(sqlite_database)]
    listener = MailListener(receiver, clock, host="127.0.0.1", port=0, domain=DOMAIN, max_bytes=100_000)
    await listener.start()
    yield Post(audience, listener)
    await listener.stop()


async def listens(post: Post, id: int) -> bool:
    found = await post.audience.subscriber(id)
    assert found is not None
    return subscribing.listening(found)


async def test_a_mailbox_that_does_not_exist_is_unsubscribed(post: Post) -> None:
    ann, bob = [await post.audience.listening(f"{name}@customer.example") for name in ("ann", "bob")]
    await post.send(ann, delivery_report("5.1.1"))
    assert (await listens(post, ann), await listens(post, bob)) == (False, True)


@pytest.mark.slow
async def test_other_lasting_troubles_count_and_delays_do_not(post: Post) -> None:
    ann = await post.audience.listening("ann@customer.example")
    for _ in range(rules.MAX_FAILURES - 1):
        await post.send(ann, delivery_report("5.2.2"))
    await post.send(ann, delivery_report("4.4.1", "delayed"))
    holiday = EmailMessage()
    holiday["Subject"] = "Out of office"
    holiday.set_content("I am away")
    await post.send(ann, holiday.as_bytes())
    assert await listens(post, ann)
    await post.send(ann, delivery_report("5.2.2"))
    assert not await listens(post, ann)


async def test_whoever_writes_to_be_left_alone_is(post: Post) -> None:
    ann = await post.audience.listening("ann@customer.example")
    await post.send(ann, b"Subject: unsubscribe\r\n\r\n", deed="unsubscribe")
    assert not await listens(post, ann)


async def test_mail_to_what_we_never_handed_out_is_refused(post: Post) -> None:
    ann = await post.audience.listening("ann@customer.example")
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
        await post.send(ann, delivery_report("5.1.1"), spoil="0")
    assert await listens(post, ann)


async def test_a_report_about_somebody_forgotten_is_taken(post: Post) -> None:
    await post.send(99, delivery_report("5.1.1"))
    assert await post.audience.count() == 0
