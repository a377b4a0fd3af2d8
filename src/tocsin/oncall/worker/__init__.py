"""What happens by itself around being on call: hand-offs are told, and calendars kept elsewhere are read."""

from tocsin.oncall.worker.hand_offs import HandOffs

__all__ = ["HandOffs"]
