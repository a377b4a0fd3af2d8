"""What can be done with heartbeats: the public face of this package for every other room."""

from tocsin.heartbeats.actions.courses import courses
from tocsin.heartbeats.actions.groups import create_group, delete_group, find_group, list_groups, update_group
from tocsin.heartbeats.actions.heartbeats import (
    count_by_status,
    create,
    delete,
    find,
    list_heartbeats,
    returned,
    team_of,
    update,
)
from tocsin.heartbeats.actions.history import days, pings, prune, sla
from tocsin.heartbeats.actions.mail import receive_mail, takes_mail
from tocsin.heartbeats.actions.pinging import record
from tocsin.heartbeats.actions.provisioning import change_ping_key, ping_by_name, ping_key

__all__ = [
    "change_ping_key",
    "count_by_status",
    "courses",
    "create",
    "create_group",
    "days",
    "delete",
    "delete_group",
    "find",
    "find_group",
    "list_groups",
    "list_heartbeats",
    "ping_by_name",
    "ping_key",
    "pings",
    "prune",
    "receive_mail",
    "record",
    "returned",
    "sla",
    "takes_mail",
    "team_of",
    "update",
    "update_group",
]
