"""Subscriptions that are to be confirmed by fetching a URL: claimed, tried, and their outcome shown."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from tocsin.inbound.model import Confirmation
from tocsin.inbound.store import payloads as shelf
from tocsin.storage import Tx

CONFIRMATIONS_TOPIC = "inbound_confirmations"
LEASE_SECONDS = 60
"""Longer than a fetch may take: what a killed process was fetching is due again then."""
MAX_ATTEMPTS = 8
WAIT_SECONDS = (5, 15, 60, 300, 900, 1_800, 3_600)
"""After the first, second, … attempt; together about two hours. Amazon's links are good for three days."""

_AMAZON = re.compile(r"sns\.[a-z]{2}(?:-[a-z]+)+-\d\.amazonaws\.com(?:\.cn)?")


def is_amazons(url: str) -> bool:
    """Whether a URL leads to Amazon SNS by https: whoever knows an integration's address could send any other one."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme != "https" or parts.username is not None or port not in (None, 443):
        return False
    return _AMAZON.fullmatch((parts.hostname or "").lower()) is not None


def claim_confirmations(tx: Tx, limit: int) -> list[Confirmation]:
    """Take what is due; a lease keeps others from it."""
    return shelf.claim_confirmations(tx, limit, tx.now + timedelta(seconds=LEASE_SECONDS))


def settle_confirmation(tx: Tx, confirmation: Confirmation, failure: str | None, *, again: bool = True) -> None:
    """Write down how it went. `failure` None: confirmed. `again`: whether another attempt may help."""
    if failure is None:
        due_at, outcome = None, "The subscription was confirmed: alerts arrive from now on."
    elif again and confirmation.attempts < MAX_ATTEMPTS:
        wait = WAIT_SECONDS[min(confirmation.attempts, len(WAIT_SECONDS)) - 1]
        due_at = tx.now + timedelta(seconds=wait)
        outcome = f"The subscription could not be confirmed yet ({failure}); it is tried again in {wait} s."
    else:
        due_at = None
        outcome = f"The subscription was NOT confirmed ({failure}). Have it sent again, or open its link yourself."
    shelf.settle_confirmation(tx, confirmation.id, due_at)
    shelf.change(tx, confirmation.payload_id, outcome=outcome)


def next_confirmation(tx: Tx) -> datetime | None:
    """When the next one is due."""
    return shelf.next_confirmation(tx)
