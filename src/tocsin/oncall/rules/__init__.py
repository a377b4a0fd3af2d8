"""Who is on call at an instant, worked out from a plan and nothing else."""

from tocsin.oncall.rules.planning import next_change, shifts, who

__all__ = ["next_change", "shifts", "who"]
