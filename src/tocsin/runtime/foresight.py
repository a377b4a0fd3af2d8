"""Joins what each room knows of the next outage: who would be paged about it, and what would go wrong."""

from __future__ import annotations

from tocsin.accounts import actions as accounts
from tocsin.contacts.actions import warnings as contact_warnings
from tocsin.escalation.actions.reachability import Source, everything
from tocsin.escalation.actions.reachability import warnings as policy_warnings
from tocsin.escalation.actions.uses import Source as UseSource
from tocsin.escalation.actions.uses import uses as policy_uses
from tocsin.escalation.api import reachability, simulate, uses
from tocsin.heartbeats.actions.foreseeing import subject as heartbeat_subject
from tocsin.heartbeats.actions.foreseeing import uses as heartbeat_uses
from tocsin.inbound.actions.foreseeing import uses as integration_uses
from tocsin.monitors.actions.foreseeing import subject as monitor_subject
from tocsin.monitors.actions.foreseeing import uses as monitor_uses
from tocsin.monitors.actions.warnings import warnings as monitor_warnings
from tocsin.oncall.actions import warnings as on_call_warnings
from tocsin.registry import Operation
from tocsin.storage import Tx

SOURCES: tuple[Source, ...] = (on_call_warnings, policy_warnings, contact_warnings, monitor_warnings)
"""What each room has to say about who could not be reached, the weightiest first."""
SUBJECTS: simulate.Subjects = {"monitor_id": monitor_subject, "heartbeat_id": heartbeat_subject}
"""What can be imagined to fail, besides an incident under a policy."""

USES: tuple[UseSource, ...] = (monitor_uses, heartbeat_uses, integration_uses, policy_uses)
"""What can name a policy."""


def simulated(tx: Tx, question: simulate.Simulate) -> simulate.SimulationShown:
    """The time machine for the command line, which sees every team. Raises Invalid, NotFound."""
    return simulate.simulated(tx, question, None, SUBJECTS)


def shortcomings(tx: Tx) -> list[tuple[str, str]]:
    """(team's name, sentence) of all that would cost somebody a page one day."""
    names = {team.id: team.name for team in accounts.all_teams(tx)}
    return [(names[id], found.sentence) for id, found in everything(tx, list(names), SOURCES)]


def operations() -> tuple[Operation, ...]:
    """The time machine, the list of what should be mended before the next outage, and who uses which policy."""
    return (*simulate.operations(SUBJECTS), *reachability.operations(SOURCES), *uses.operations(USES))
