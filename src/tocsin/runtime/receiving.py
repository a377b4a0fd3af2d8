"""Joins the addresses that receive alerts with the inbox that takes them in."""

from __future__ import annotations

from typing import Any

from tocsin.inbound.model import KINDS, Received
from tocsin.inbound.worker import Inbox
from tocsin.kernel.clock import Clock
from tocsin.rest.receiving import Incoming, Receiving


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

    return Receiving(deliver, {kind.address: kind.name for kind in KINDS.values() if kind.address})
