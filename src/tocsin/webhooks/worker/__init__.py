"""What telling others does by itself: hand events on to webhooks, and send what is to be sent."""

from tocsin.webhooks.worker.fanout import FanOut
from tocsin.webhooks.worker.sending import WebhookDeliveries

__all__ = ["FanOut", "WebhookDeliveries"]
