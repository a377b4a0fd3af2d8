"""What can be done with calendars: plan who is on call, ask who is, hand over and swap."""

from tocsin.accounts.actions import when_founded
from tocsin.oncall.actions.calendars import (
    create,
    delete,
    ensure_defaults,
    list_calendars,
    resolve,
    show,
    update,
    users,
)
from tocsin.oncall.actions.layers import create as create_layer
from tocsin.oncall.actions.layers import delete as delete_layer
from tocsin.oncall.actions.layers import find as find_layer
from tocsin.oncall.actions.layers import list_layers
from tocsin.oncall.actions.layers import update as update_layer
from tocsin.oncall.actions.looking import ensure_default, find, on_call, schedule, shifts, team_of
from tocsin.oncall.actions.planning import (
    create_event,
    delete_event,
    find_event,
    find_rotation,
    list_events,
    replace_events,
    set_rotation,
    update_event,
)

when_founded(ensure_default)

__all__ = [
    "create",
    "create_event",
    "create_layer",
    "delete",
    "delete_event",
    "delete_layer",
    "ensure_default",
    "ensure_defaults",
    "find",
    "find_event",
    "find_layer",
    "find_rotation",
    "list_calendars",
    "list_events",
    "list_layers",
    "on_call",
    "replace_events",
    "resolve",
    "schedule",
    "set_rotation",
    "shifts",
    "show",
    "team_of",
    "update",
    "update_event",
    "update_layer",
    "users",
]
