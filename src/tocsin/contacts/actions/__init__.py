"""What can be done with the ways to reach people: add and prove an address, set rules, ask how somebody is reached."""

from tocsin.contacts.actions.codes import prune_codes, verify
from tocsin.contacts.actions.codes import send as send_code
from tocsin.contacts.actions.inviting import send_invitation
from tocsin.contacts.actions.methods import add_push, member, retire
from tocsin.contacts.actions.methods import create as create_method
from tocsin.contacts.actions.methods import find as find_method
from tocsin.contacts.actions.methods import of as methods_of
from tocsin.contacts.actions.methods import remove as remove_method
from tocsin.contacts.actions.methods import rename as rename_method
from tocsin.contacts.actions.preferences import (
    create_quiet_hours,
    create_rule,
    find_quiet_hours,
    find_rule,
    list_quiet_hours,
    list_rules,
    remove_quiet_hours,
    remove_rule,
    update_quiet_hours,
    update_rule,
)
from tocsin.contacts.actions.pushing import confirm, push_link
from tocsin.contacts.actions.reaching import by_phone, phone_numbers, quiet_hours, reach, reach_now, warnings

__all__ = [
    "add_push",
    "by_phone",
    "confirm",
    "create_method",
    "create_quiet_hours",
    "create_rule",
    "find_method",
    "find_quiet_hours",
    "find_rule",
    "list_quiet_hours",
    "list_rules",
    "member",
    "methods_of",
    "phone_numbers",
    "prune_codes",
    "push_link",
    "quiet_hours",
    "reach",
    "reach_now",
    "remove_method",
    "remove_quiet_hours",
    "remove_rule",
    "rename_method",
    "retire",
    "send_code",
    "send_invitation",
    "update_quiet_hours",
    "update_rule",
    "verify",
    "warnings",
]
