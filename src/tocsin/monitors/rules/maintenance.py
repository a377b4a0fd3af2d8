"""When we do not watch on purpose: the weekly window, which monitors share with heartbeats."""

from tocsin.kernel.maintenance import has_window, in_maintenance, next_change, wall_time

__all__ = ["has_window", "in_maintenance", "next_change", "wall_time"]
