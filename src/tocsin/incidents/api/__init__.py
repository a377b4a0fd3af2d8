"""Incidents on the wire: every address, what it takes and what it answers (contract part 2, section 1)."""

from collections.abc import Mapping

from tocsin.incidents.api import comments, groups, incidents, pages, postmortems
from tocsin.incidents.api.pages import PAGE
from tocsin.incidents.api.postmortems import POSTMORTEM
from tocsin.incidents.api.resources import COMING_PAGE, COMMENT, INCIDENT, INCIDENT_V2, TIMELINE_ITEM
from tocsin.metadata.actions import Resolver
from tocsin.registry import Operation

RESOURCES = (INCIDENT, INCIDENT_V2, COMING_PAGE, COMMENT, TIMELINE_ITEM, PAGE, POSTMORTEM)
_BESIDE = (*pages.OPERATIONS, *groups.OPERATIONS, *comments.OPERATIONS, *postmortems.OPERATIONS)
OPERATIONS = (*incidents.OPERATIONS, *_BESIDE)


def operations(references: Mapping[str, Resolver]) -> tuple[Operation, ...]:
    """Everything that can be done with incidents; `references`: who looks up what their facts refer to, by type."""
    return (*incidents.operations(references), *_BESIDE)


__all__ = [
    "COMING_PAGE",
    "COMMENT",
    "INCIDENT",
    "INCIDENT_V2",
    "OPERATIONS",
    "RESOURCES",
    "TIMELINE_ITEM",
    "operations",
]
