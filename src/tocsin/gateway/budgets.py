"""How much of people's attention a deed took, and whether an agent may spend so much without asking."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from tocsin.agents import actions as agents
from tocsin.agents.model import Agent
from tocsin.gateway.effects import Effects
from tocsin.storage import Tx

COUNTED = frozenset({"page", "publish", "notify"})
"""Acts that reach people, whether an operation is declared to amount to one of them or came to it."""
SOON = timedelta(minutes=10)
"""A page that a deed sets off for so soon counts as one that it sends: else a policy that begins after a minute would
cost nothing."""

_LIMITS = {
    "page": ("pages_per_hour", "pages an hour"),
    "night_call": ("night_calls_per_day", "calls at night a day"),
    "subscriber_mail": ("subscriber_mails_per_day", "mails to subscribers a day"),
}


class OverBudget(Exception):
    """The deed would take more of people than is left: it is undone, and a person is asked."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def reached(effects: Effects) -> frozenset[str]:
    """Which risky acts a deed came to, whatever its operation declares: who may only write wakes and mails nobody."""
    pages = {"page"} if effects.woken_now else set[str]()
    return frozenset(pages | ({"notify"} if effects.subscriber_mails else set()))


def cost(effects: Effects, now: datetime) -> dict[str, int]:
    """What a deed takes of people, by kind."""
    soon = [alert for alert in effects.woken_next if alert.user_id and alert.at <= now + SOON]
    calls = [alert for alert in (*effects.woken_now, *soon) if alert.channel == "call" and alert.night]
    return {
        "page": len(effects.woken_now) + len(soon),
        "night_call": len(calls),
        "subscriber_mail": effects.subscriber_mails,
    }


def spend(tx: Tx, agent: Agent, costs: Mapping[str, int], *, approved: bool) -> None:
    """Note what was spent, in the transaction of the deed.

    Raises OverBudget when it is more than is left and no person has `approved` it: what was approved is noted all the
    same, so that a person's yes to one page does not make room for others.
    """
    if not approved:
        left = agents.remaining(tx, agent)
        for kind, amount in costs.items():
            limit = left[kind]
            if amount and limit is not None and amount > limit:
                name, words = _LIMITS[kind]
                raise OverBudget(
                    f"it would take {amount} of its {getattr(agent.budgets, name)} {words}, of which {limit} are left"
                )
    for kind, amount in costs.items():
        agents.spend(tx, agent.id, kind, amount)
