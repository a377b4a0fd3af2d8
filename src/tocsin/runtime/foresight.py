"""Joins what each room knows of the next outage: who would be paged about it, and what would go wrong."""

from __future__ import annotations

from tocsin.contacts.actions import warnings as contact_warnings
from tocsin.escalation.actions.reachability import Source
from tocsin.escalation.actions.reachability import warnings as policy_warnings
from tocsin.escalation.api import reachability, simulate
from tocsin.heartbeats.actions.foreseeing import subject as heartbeat_subject
from tocsin.monitors.actions.foreseeing import subject as monitor_subject
from tocsin.monitors.actions.warnings import warnings as monitor_warnings
from tocsin.registry import Operation

SOURCES: tuple[Source, ...] = (policy_warnings, contact_warnings, monitor_warnings)
"""What each room has to say about who could not be reached, the weightiest first."""
SUBJECTS: simulate.Subjects = {"monitor_id": monitor_subject, "heartbeat_id": heartbeat_subject}
"""What can be imagined to fail, besides an incident under a policy."""


def operations() -> tuple[Operation, ...]:
    """The time machine and the list of what should be mended before the next outage."""
    return (*simulate.operations(SUBJECTS), *reachability.operations(SOURCES))
