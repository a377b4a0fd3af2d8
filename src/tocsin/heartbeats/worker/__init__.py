"""What happens by itself around heartbeats: pings are taken in, deadlines watched, old pings forgotten."""

from tocsin.heartbeats.worker.deadlines import Deadlines
from tocsin.heartbeats.worker.forgetting import Forgetting
from tocsin.heartbeats.worker.intake import Intake

__all__ = ["Deadlines", "Forgetting", "Intake"]
