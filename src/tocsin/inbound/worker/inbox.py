"""Where messages arrive: each is answered only when it is kept and acted on, durably."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import structlog

from tocsin.inbound import actions
from tocsin.inbound.actions import MAX_ALERTS_AT_ONCE, Progress, Reading, Recorded
from tocsin.inbound.model import EMAIL, Integration, Received, ReceivedMail
from tocsin.kernel.errors import Unavailable
from tocsin.storage import Database

log = structlog.get_logger()

MAX_TOGETHER = 50
"""Messages of one integration in one transaction: a burst costs one flush to disk, and pages wait at most that long."""
MAX_TRIES = 5
"""How often a message is read anew because its integration was changed while it was read."""
SMALL_BYTES = 16 * 1024
"""Bodies up to this are read on the event loop: a thread would cost more than the reading."""

Read = Callable[[Integration], Reading]
_Waiting = tuple[Reading, asyncio.Future[Recorded]]


class Answer(msgspec.Struct, frozen=True):
    """What the sender is told: an HTTP status, and a short JSON object."""

    status: int
    body: Any


class Inbox:
    """Takes in web requests and e-mails for integrations.

    What arrives for one integration while its last transaction is being written goes into the next one together: two
    messages about one trouble never race, and a storm costs few flushes to disk.
    """

    def __init__(self, database: Database, base_url: str) -> None:
        self._database = database
        self._base_url = base_url
        self._waiting: dict[int, list[_Waiting]] = {}
        self._writing: dict[int, asyncio.Task[None]] = {}
        self.received = 0
        """Messages kept since the start, for the metrics."""

    async def knows(self, kind_name: str, token: str) -> bool:
        """Whether there is an integration of that kind and token."""
        integration = await self._recipient(token)
        return integration is not None and integration.kind.name == kind_name

    async def receive(self, kind_name: str, token: str, received: Received) -> Answer:
        """Take in a web request for the integration of that kind and token. Raises `kernel.errors.Unavailable`."""
        integration = await self._recipient(token)
        if integration is None or integration.kind.name != kind_name:
            return _UNKNOWN
        done, reading = await self._take(
            token, integration, lambda known: actions.read_request(known, received), len(received.body)
        )
        if done.state == "gone":
            return _UNKNOWN
        if done.state == "failed":
            return Answer(500, {"errors": "It was kept, but a fault of ours kept us from acting on it. Send it again."})
        if reading.unread is not None:
            if kind_name == "pagerduty" and not reading.unread.ours:  # its senders know this answer
                words = {"status": "invalid event", "message": "Event object is invalid"}
                return Answer(400, {**words, "errors": [reading.unread.words]})
            status = 500 if reading.unread.ours else 422
            return Answer(status, {"errors": reading.unread.words, "payload_id": str(done.payload_id)})
        if reading.answer is not None:
            return Answer(*reading.answer)
        incidents = [str(id) for id in done.incident_ids]
        return Answer(202, {"message": done.outcome, "payload_id": str(done.payload_id), "incident_ids": incidents})

    async def takes_mail(self, token: str) -> bool:
        """Whether an e-mail integration has this token."""
        integration = await self._recipient(token)
        return integration is not None and integration.kind is EMAIL

    async def receive_mail(self, token: str, mail: ReceivedMail) -> bool:
        """Take in an e-mail; False: no e-mail integration has this token. Raises when it could not be kept."""
        integration = await self._recipient(token)
        if integration is None or integration.kind is not EMAIL:
            return False
        done, reading = await self._take(
            token, integration, lambda known: actions.read_mail(known, mail), len(mail.text)
        )
        if done.state == "failed" or reading.unread is not None:
            raise RuntimeError("the mail was kept, but not acted on")
        return done.state == "done"

    async def _recipient(self, token: str) -> Integration | None:
        return await self._database.read(actions.recipient, token)

    async def _take(self, token: str, integration: Integration, read: Read, size: int) -> tuple[Recorded, Reading]:
        for _ in range(MAX_TRIES):
            reading = read(integration) if size <= SMALL_BYTES else await asyncio.to_thread(read, integration)
            done = await self._record(reading)
            if done.state != "stale":
                self.received += 1
                return done, reading
            found = await self._recipient(token)
            if found is None:
                return Recorded(state="gone"), reading
            integration = found
        log.error("an integration changes faster than its messages are read", integration_id=integration.id)
        return Recorded(state="failed"), reading

    async def _record(self, reading: Reading) -> Recorded:
        """Put it into the next transaction of its integration."""
        answered: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        id = reading.integration_id
        self._waiting.setdefault(id, []).append((reading, answered))
        if id not in self._writing:
            # A task of its own: the sender that happened to be first may hang up while others wait behind it.
            self._writing[id] = asyncio.create_task(self._write(id), name=f"inbox-{id}")
        return await answered

    async def _write(self, id: int) -> None:
        try:
            while together := _first(self._waiting.get(id, [])):
                del self._waiting[id][: len(together)]
                if not await self._written(together, alone=len(together) == 1):
                    for each in together:  # what one of them holds must not cost the others
                        await self._written([each], alone=True)
        finally:
            del self._writing[id]
            for _, answered in self._waiting.pop(id, []):
                answered.cancel()

    async def _written(self, together: list[_Waiting], *, alone: bool) -> bool:
        """Write messages in one transaction; False when that failed and each is worth a try of its own."""
        try:
            done = await self._recorded([reading for reading, _ in together])
        except Exception as error:
            if not alone and not isinstance(error, Unavailable):
                return False
            for _, answered in together:
                if not answered.done():
                    answered.set_exception(error)
            return True
        for (_, answered), recorded in zip(together, done, strict=True):
            if not answered.done():
                answered.set_result(recorded)
        return True

    async def _recorded(self, readings: list[Reading]) -> list[Recorded]:
        """In one transaction, but a message of very many alerts in several, so that others' pages go in between."""
        if len(readings) > 1 or len(readings[0].alerts) <= MAX_ALERTS_AT_ONCE:
            return await self._database.write(actions.record, readings, self._base_url)
        progress = Progress()
        while progress.recorded is None:  # bounded: each part is of so many alerts, of which a message has so many
            progress = await self._database.write(actions.record_part, readings[0], progress, self._base_url)
        return [progress.recorded]


def _first(waiting: list[_Waiting]) -> list[_Waiting]:
    """As many messages, from the first on, as may go into one transaction; at least one if there is any."""
    alerts = 0
    for number, (reading, _) in enumerate(waiting[:MAX_TOGETHER]):
        alerts += len(reading.alerts)
        if number and alerts > MAX_ALERTS_AT_ONCE:
            return waiting[:number]
    return waiting[:MAX_TOGETHER]


_UNKNOWN = Answer(404, {"errors": "No integration has this address. Compare it with the one that its owner sees."})
