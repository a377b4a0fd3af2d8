"""Joins the addresses that receive alerts and mail with those who take them in."""

from __future__ import annotations

from typing import Any

from tocsin.heartbeats import actions as heartbeats
from tocsin.inbound.model import KINDS, Received, ReceivedMail
from tocsin.inbound.worker import Inbox
from tocsin.kernel.clock import Clock
from tocsin.rest.receiving import Incoming, Receiving
from tocsin.status_pages import actions as status_pages
from tocsin.storage import Database


def web_receiver(inbox: Inbox, clock: Clock) -> Receiving:
    """The addresses of all kinds of integrations that receive web requests."""

    async def deliver(kind: str, token: str, incoming: Incoming) -> tuple[int, Any]:
        received = Received(
            method=incoming.method,
            path=incoming.path,
            query=incoming.query,
            headers=incoming.headers,
            body=incoming.body,
            content_type=incoming.content_type,
            at=clock.now(),
        )
        answer = await inbox.receive(kind, token, received)
        return answer.status, answer.body

    return Receiving(deliver, inbox.knows, {kind.address: kind.name for kind in KINDS.values() if kind.address})


class HeartbeatMail:
    """Takes mail for heartbeats: a job that can only write mails is alive while it does."""

    def __init__(self, database: Database, clock: Clock, base_url: str) -> None:
        self._database = database
        self._clock = clock
        self._base_url = base_url

    async def takes_mail(self, token: str) -> bool:
        return await self._database.read(heartbeats.takes_mail, token)

    async def receive_mail(self, token: str, mail: ReceivedMail) -> bool:
        now = self._clock.now()
        return await self._database.write(heartbeats.receive_mail, token, mail, now, self._base_url)


class SubscriberMail:
    """Takes what comes back of mails to subscribers of status pages, and what they write to be left alone."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def takes_mail(self, token: str) -> bool:
        return await self._database.read(status_pages.takes_mail, token)

    async def receive_mail(self, token: str, mail: ReceivedMail) -> bool:
        content_type = dict(reversed(mail.headers)).get("content-type", "")
        return await self._database.write(status_pages.receive_mail, token, content_type, mail.report)
