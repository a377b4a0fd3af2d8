"""Puts people on call in tests that are about something else."""

from __future__ import annotations

from datetime import timedelta

from tocsin.oncall import actions as oncall
from tocsin.storage import Tx


def put_on_call(tx: Tx, team_id: int, *emails: str, days: int = 400) -> None:
    """From now on these people are on call by the team's default calendar, and nobody else is."""
    calendar = oncall.ensure_default(tx, team_id)
    stretch = {"starts_at": tx.now.isoformat(), "ends_at": (tx.now + timedelta(days=days)).isoformat()}
    oncall.create_event(tx, calendar, {**stretch, "users": list(emails), "override": True})
