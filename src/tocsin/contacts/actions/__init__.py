"""What can be done with the ways to reach people: add and prove an address, set rules, ask how somebody is reached."""

from tocsin.contacts.actions.inviting import send_invitation
from tocsin.contacts.actions.methods import add_push, member, retire
from tocsin.contacts.actions.pushing import confirm, push_link
from tocsin.contacts.actions.reaching import by_phone, phone_numbers, reach, warnings

__all__ = [
    "add_push",
    "by_phone",
    "confirm",
    "member",
    "phone_numbers",
    "push_link",
    "reach",
    "retire",
    "send_invitation",
    "warnings",
]
