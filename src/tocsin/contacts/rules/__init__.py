"""What makes an address acceptable, and how a person is reached: decided from what is known of them, nothing else."""

from tocsin.contacts.rules.addresses import Address, checked_address, checked_label
from tocsin.contacts.rules.preferences import checked_days, checked_steps, checked_time, checked_zone
from tocsin.contacts.rules.quiet import quiet_until
from tocsin.contacts.rules.reaching import ALWAYS, reach, unreachable

__all__ = [
    "ALWAYS",
    "Address",
    "checked_address",
    "checked_days",
    "checked_label",
    "checked_steps",
    "checked_time",
    "checked_zone",
    "quiet_until",
    "reach",
    "unreachable",
]
