"""What can be done with monitors: the public face of this package for every other room."""

from tocsin.monitors.actions.courses import courses, quarters
from tocsin.monitors.actions.groups import (
    create_group,
    delete_group,
    find_group,
    ids_in_group,
    list_groups,
    update_group,
)
from tocsin.monitors.actions.history import response_times, sla
from tocsin.monitors.actions.monitors import create, delete, find, list_monitors, returned, team_of, update
from tocsin.monitors.actions.recording import record, record_batch
from tocsin.monitors.actions.searching import search
from tocsin.monitors.actions.summary import chart, summary
from tocsin.monitors.actions.trying import prepare as prepare_trial

__all__ = [
    "chart",
    "courses",
    "create",
    "create_group",
    "delete",
    "delete_group",
    "find",
    "find_group",
    "ids_in_group",
    "list_groups",
    "list_monitors",
    "prepare_trial",
    "quarters",
    "record",
    "record_batch",
    "response_times",
    "returned",
    "search",
    "sla",
    "summary",
    "team_of",
    "update",
    "update_group",
]
