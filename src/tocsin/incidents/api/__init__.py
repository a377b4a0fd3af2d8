"""Incidents on the wire: every address, what it takes and what it answers (contract part 2, section 1)."""

from tocsin.incidents.api import comments, groups, incidents
from tocsin.incidents.api.resources import COMMENT, INCIDENT, INCIDENT_V2, TIMELINE_ITEM

RESOURCES = (INCIDENT, INCIDENT_V2, COMMENT, TIMELINE_ITEM)
OPERATIONS = (*incidents.OPERATIONS, *groups.OPERATIONS, *comments.OPERATIONS)

__all__ = ["COMMENT", "INCIDENT", "INCIDENT_V2", "OPERATIONS", "RESOURCES", "TIMELINE_ITEM"]
