"""What can be done with calendars: plan who is on call, ask who is, hand over and swap."""

from tocsin.oncall.actions.looking import ensure_default, find, on_call, schedule, shifts, team_of

__all__ = ["ensure_default", "find", "on_call", "schedule", "shifts", "team_of"]
