"""One connection for a burst of mails: used again while it answers, left as soon as anything is wrong with it."""

from __future__ import annotations

import asyncio

import pytest

from tests.notify.channels.test_email import message
from tests.notify.mailserver import Mailbox, mail_server
from tocsin.notify.channels import email
from tocsin.notify.model import GiveUp, Retry, Sent


def session(box: Mailbox) -> email.Session:
    return email.Session(email.settings(f"smtp://127.0.0.1:{box.port}?from=tocsin@ops.example&timeout=2"))


async def test_mails_one_after_the_other_share_a_connection() -> None:
    async with mail_server() as box:
        office = session(box)
        for number in range(5):
            answer = await office.send(message(address=f"person{number}@example.com"))
            assert isinstance(answer, Sent)
        await office.close()
    assert box.recipients == [f"person{number}@example.com" for number in range(5)]
    assert len(box.connections) == 1


async def test_mails_at_the_same_time_each_have_their_own() -> None:
    async with mail_server() as box:
        box.dawdle_seconds = 0.05
        office = session(box)
        answers = await asyncio.gather(*(office.send(message()) for _ in range(4)))
        assert all(isinstance(answer, Sent) for answer in answers)
        await office.close()
    assert len(box.connections) == 4


async def test_a_server_that_has_hung_up_meanwhile_costs_nothing_but_a_new_connection() -> None:
    async with mail_server() as box:
        office = session(box)
        await office.send(message())
        box.connections[0].transport.close()
        assert isinstance(await office.send(message()), Sent)
        await office.close()
    assert (len(box.mails), len(box.connections)) == (2, 2)


async def test_a_server_that_hangs_up_in_the_middle_of_a_mail_has_not_accepted_it() -> None:
    async with mail_server() as box:
        office = session(box)
        await office.send(message())

        def hang_up() -> None:
            box.connections[0].transport.abort()

        box.answer_data = hang_up  # type: ignore[assignment]
        assert isinstance(await office.send(message()), Retry)
        await office.close()


@pytest.mark.parametrize("reply", ["451 4.3.0 later", "550 5.1.1 no such user"])
async def test_after_a_refusal_the_next_mail_goes_over_a_fresh_connection(reply: str) -> None:
    async with mail_server() as box:
        office = session(box)
        await office.send(message())
        box.answer_recipient = lambda address: reply if address.startswith("gone") else None
        assert isinstance(await office.send(message(address="gone@example.com")), Retry | GiveUp)
        assert isinstance(await office.send(message()), Sent)
        await office.close()
    assert (len(box.mails), len(box.connections)) == (2, 2)


@pytest.mark.slow
async def test_a_connection_carries_only_so_many_mails() -> None:
    async with mail_server() as box:
        office = session(box)
        for _ in range(email.MAILS_PER_CONNECTION + 1):
            assert isinstance(await office.send(message()), Sent)
        await office.close()
    assert len(box.connections) == 2
