"""Joins the addresses at which providers tell us something with those who write it down."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from tocsin.contacts import actions as contacts
from tocsin.gateway import Door
from tocsin.kernel.clock import Clock
from tocsin.notify import actions as notify
from tocsin.notify.channels import twilio
from tocsin.notify.model import Receipt
from tocsin.rest.callbacks.deeds import Answering
from tocsin.rest.callbacks.push import PushCallbacks
from tocsin.rest.callbacks.pushover import PushoverCallbacks
from tocsin.rest.callbacks.twilio import CallbackSettings, TwilioCallbacks
from tocsin.storage import Database, Tx


class DeliveryLedger:
    """Satisfies `rest.callbacks.deeds.Ledger`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def told(self, state_token: str, receipt: str, detail: str) -> bool:
        return await self._database.write(_told, state_token, Receipt(receipt), detail)

    async def seen(self, answer_token: str, detail: str) -> bool:
        return await self._database.write(_seen, answer_token, detail)

    async def open_pages(self, number: str, code: str | None) -> list[str] | None:
        return await self._database.read(_open_pages, number, code)


def twilio_callbacks(
    database: Database, door: Door, clock: Clock, channels: Mapping[str, msgspec.Struct], base_url: str
) -> TwilioCallbacks:  # fmt: skip
    """The addresses for Twilio; without an account they believe nobody. `channels`: settings by kind."""
    accounts = [each for each in channels.values() if isinstance(each, twilio.Settings) and each.auth_token]
    settings = accounts[0] if accounts else twilio.Settings()
    believed = CallbackSettings(
        auth_token=settings.auth_token, base_url=base_url, machine_detection=settings.machine_detection
    )
    return TwilioCallbacks(Answering(database, door, base_url), DeliveryLedger(database), clock, believed)


def push_callbacks(database: Database, door: Door, base_url: str) -> PushCallbacks:
    """The addresses for notifications in browsers."""
    return PushCallbacks(Answering(database, door, base_url), DeliveryLedger(database))


def pushover_callbacks(database: Database, door: Door, base_url: str) -> PushoverCallbacks:
    """The addresses at which Pushover says that a page was acknowledged."""
    return PushoverCallbacks(Answering(database, door, base_url), DeliveryLedger(database))


def _told(tx: Tx, state_token: str, receipt: Receipt, detail: str) -> bool:
    delivery_id = notify.verify_state(tx, state_token)
    if delivery_id is None:
        return False
    notify.receipt(tx, delivery_id, receipt, detail)
    return True


def _seen(tx: Tx, answer_token: str, detail: str) -> bool:
    link = notify.verify_answer(tx, answer_token)
    if link is None:
        return False
    notify.receipt(tx, link.delivery_id, Receipt.SEEN, detail)
    return True


def _open_pages(tx: Tx, number: str, code: str | None) -> list[str] | None:
    people = contacts.by_phone(tx, number)
    return notify.by_code(tx, people, code) if people else None
