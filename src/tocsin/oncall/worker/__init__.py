"""What happens by itself around being on call: hand-offs are told, and calendars kept elsewhere are read."""

from tocsin.oncall.worker.hand_offs import HandOffs
from tocsin.oncall.worker.imports import Imports

__all__ = ["HandOffs", "Imports"]
