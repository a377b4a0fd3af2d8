"""What a grant allows, and what it does not: a pure table of area, level and switch, denied by default."""

from tocsin.agents.rules.checking import MAX_TEXT, address_allowed, checked_grant, checked_networks
from tocsin.agents.rules.deciding import COVERED_BY_SWITCH, decide, gives, live

__all__ = [
    "COVERED_BY_SWITCH",
    "MAX_TEXT",
    "address_allowed",
    "checked_grant",
    "checked_networks",
    "decide",
    "gives",
    "live",
]
