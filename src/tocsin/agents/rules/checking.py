"""What makes a grant, and a token's network, acceptable."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tocsin.agents.model import AREAS, SWITCHES, Level, Setting
from tocsin.kernel.errors import Invalid

MAX_NARROWED = 200
"""Monitors or groups in one grant: more is a group of its own."""
MAX_FACTS = 10
MAX_NETWORKS = 20
MAX_TEXT = 1_000
"""Characters of a purpose or a reason."""
LONGEST = timedelta(days=366)
"""Of a grant for a time."""


def checked_grant(given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The attributes of a grant, as they were sent, made into those of a `Grant`. Raises Invalid by field.

    Only what was sent is in the answer.
    """
    made: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for field, names, kind in (("levels", AREAS, Level), ("switches", SWITCHES, Setting)):
        if field in given:
            made[field], wrong = _chosen(given[field] or {}, names, kind)
            if wrong:
                errors[field] = wrong
    if "levels" in made and Level(made["levels"].get("team", "off")) not in (Level.OFF, Level.READ):
        errors["levels"] = ["team can be at most read: no agent changes members or how people are reached"]
    for field in ("monitor_ids", "monitor_group_ids"):
        if field in given:
            made[field] = tuple(dict.fromkeys(given[field] or ()))
            if len(made[field]) > MAX_NARROWED:
                errors[field] = [f"has too many entries (maximum is {MAX_NARROWED})"]
    if "metadata" in given:
        made["metadata"] = dict(given["metadata"] or {})
        if len(made["metadata"]) > MAX_FACTS:
            errors["metadata"] = [f"has too many entries (maximum is {MAX_FACTS})"]
    if "reason" in given:
        made["reason"] = given["reason"]
        if made["reason"] and len(made["reason"]) > MAX_TEXT:
            errors["reason"] = [f"is too long (maximum is {MAX_TEXT} characters)"]
    if given.get("expires_at") is not None:
        made["expires_at"] = given["expires_at"]
        if not now < made["expires_at"] <= now + LONGEST:
            errors["expires_at"] = ["must be in the future, and within a year"]
    if "incident_id" in given:
        made["incident_id"] = given["incident_id"]
    if errors:
        raise Invalid.of(errors)
    return made


def checked_networks(addresses: Sequence[str]) -> tuple[str, ...]:
    """Networks in CIDR notation (RFC 4632, RFC 4291), single addresses as /32 and /128. Raises Invalid."""
    if len(addresses) > MAX_NETWORKS:
        raise Invalid.fields(allowed_addresses=f"has too many entries (maximum is {MAX_NETWORKS})")
    try:
        return tuple(str(ipaddress.ip_network(address.strip(), strict=False)) for address in addresses)
    except ValueError as error:
        raise Invalid.fields(allowed_addresses=f"must be addresses or networks such as 192.0.2.0/24: {error}") from None


def address_allowed(networks: Sequence[str], address: str | None) -> bool:
    """Whether a caller at this address may use a token that is bound to networks."""
    if not networks:
        return True
    if address is None:
        return False
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in ipaddress.ip_network(network) for network in networks)


def _chosen(
    sent: Mapping[str, Any], names: Sequence[str], kind: type[Level] | type[Setting]
) -> tuple[dict[str, str], list[str]]:
    """What was chosen by name, without what is off; and what is wrong with it."""
    allowed = [choice.value for choice in kind]
    unknown = sorted(set(sent) - set(names))
    wrong = [f"has no {name[:40]}: there are {', '.join(names)}" for name in unknown[:3]]
    wrong += [f"{name} must be one of: {', '.join(allowed)}" for name in names if sent.get(name, "off") not in allowed]
    return {name: kind(sent[name]) for name in names if name in sent and sent[name] in allowed[1:]}, wrong
