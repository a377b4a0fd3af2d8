"""Pings by name: a job that knows its team's ping key needs no URL of its own, and may bring its heartbeat along."""

from __future__ import annotations

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.heartbeats.actions import heartbeats
from tocsin.heartbeats.actions.pinging import record
from tocsin.heartbeats.model import Ping, PingKey
from tocsin.heartbeats.rules.settings import is_slug
from tocsin.heartbeats.store import heartbeats as shelf
from tocsin.kernel.errors import NotFound, Refused
from tocsin.storage import Tx, events

MAX_PROVISIONED = 1_000
"""Heartbeats of one team that pings may have made: a loop with a counter in its name must not fill the house."""
PERIOD_SECONDS, GRACE_SECONDS = 86_400, 3_600
"""What a heartbeat gets that a ping makes: a daily job, an hour of patience."""
_MAX_TEAM_DIGITS = 18


def ping_key(tx: Tx, team_id: int, base_url: str) -> PingKey:
    """The team's key; computed, so that nothing secret is stored."""
    return PingKey(team_id=team_id, team_name=accounts.team(tx, team_id).name, key=_key(tx, team_id), base_url=base_url)


def change_ping_key(tx: Tx, team_id: int, base_url: str) -> PingKey:
    """A new key; the old one is good for nothing from now on."""
    shelf.change_key(tx, team_id)
    events.record(tx, "heartbeat_ping_key.changed", team_id=team_id, resource_type="team", resource_id=team_id)
    return ping_key(tx, team_id, base_url)


def ping_by_name(tx: Tx, key: str, slug: str, ping: Ping, create: bool, base_url: str) -> bool:
    """Record a ping of the team's heartbeat of that slug; True when this made it. `ping.heartbeat_id` is filled in.

    Raises NotFound for a wrong key and an unknown slug (the same to a stranger), Refused when too many were made.
    """
    team_id = _team_of_key(tx, key)
    if team_id is None or not is_slug(slug):
        raise NotFound("heartbeat", slug)
    found = shelf.by_slug(tx, team_id, slug)
    made = found is None
    if found is None:
        if not create:
            raise NotFound("heartbeat", slug)
        if shelf.count_provisioned(tx, team_id) >= MAX_PROVISIONED:
            raise Refused(f"Pings have made {MAX_PROVISIONED} heartbeats already, which is the most they may make.")
        given = {"name": slug, "slug": slug, "period": PERIOD_SECONDS, "grace": GRACE_SECONDS}
        found = heartbeats.create(tx, team_id, given, provisioned=True)
    record(tx, [msgspec.structs.replace(ping, heartbeat_id=found.id)], base_url)
    return made


def _key(tx: Tx, team_id: int) -> str:
    return f"{team_id}-{tx.vault.sign(_text(tx, team_id))}"


def _text(tx: Tx, team_id: int) -> str:
    return f"ping key {shelf.key_version(tx, team_id)} of team {team_id}"


def _team_of_key(tx: Tx, key: str) -> int | None:
    number, _, signature = key.partition("-")
    if not (number.isascii() and number.isdigit() and len(number) <= _MAX_TEAM_DIGITS):
        return None
    team_id = int(number)
    return team_id if tx.vault.signed(_text(tx, team_id), signature) and _exists(tx, team_id) else None


def _exists(tx: Tx, team_id: int) -> bool:
    try:
        accounts.team(tx, team_id)
    except NotFound:
        return False
    return True
