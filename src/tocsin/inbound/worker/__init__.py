"""What happens by itself with inbound alerts: messages are taken in, alerts run out, subscriptions are confirmed."""

from tocsin.inbound.worker.confirmations import Confirmations
from tocsin.inbound.worker.inbox import Answer, Inbox
from tocsin.inbound.worker.recoveries import Recoveries

__all__ = ["Answer", "Confirmations", "Inbox", "Recoveries"]
