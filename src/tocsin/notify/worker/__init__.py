"""What happens by itself: messages leave when they are due, and the pager is tried out before it is needed."""

from tocsin.notify.worker.self_tests import SelfTests
from tocsin.notify.worker.sending import Deliveries

__all__ = ["Deliveries", "SelfTests"]
