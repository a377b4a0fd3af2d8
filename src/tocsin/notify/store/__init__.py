"""The shelf of messages: each has a row before it is sent, and a ledger of everything that happened to it."""

from tocsin.notify.store.tables import (
    channels_configured,
    deliveries,
    delivery_events,
    digests,
    page_breaches,
    self_tests,
)

__all__ = ["channels_configured", "deliveries", "delivery_events", "digests", "page_breaches", "self_tests"]
