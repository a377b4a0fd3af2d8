"""What the guard costs: one decision about an agent's call, alone and through the whole door.

    python bench/agents.py [--seconds 2]

"decision" is `gateway.rules.decide` for an agent with the given number of grants, over all operations in turn; "door"
is a whole read through the door (recognise by the token, judge, run, write down durably) against SQLite, one call at a
time. CPU is user and system time of this process. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path

from tocsin.accounts import actions as accounts
from tocsin.agents import actions as agents
from tocsin.agents.model import AREAS, SWITCHES, Agent, Budgets, Grant, Level, Setting
from tocsin.gateway import Actor, Credential, Door
from tocsin.gateway.request import Request
from tocsin.gateway.rules import decide
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.vault import Vault
from tocsin.registry import Catalogue
from tocsin.registry.input import Arguments
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import MemoryBus, Tx, open_database
from tocsin.storage.migrate import migrate

GRANTS = (1, 5, 50)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0)
    seconds = parser.parse_args().seconds
    catalogue = Catalogue(operations(load({}, {})))
    print(f"{'what':<24}{'CPU us each':>14}{'a second':>12}   goal")
    for number in GRANTS:
        cpu, rate = _decisions(catalogue, number, seconds)
        print(f"decision, {number:>2} grants     {cpu:>14.1f}{rate:>12.0f}   30 us")
    cpu, rate = asyncio.run(_door(catalogue, seconds))
    print(f"{'door, a read on record':<24}{cpu:>14.1f}{rate:>12.0f}")


def _decisions(catalogue: Catalogue, number: int, seconds: float) -> tuple[float, float]:
    """An agent whose last grant gives everything, so that all of them are looked at."""
    full = dict.fromkeys(AREAS, Level.FULL)
    grants = [Grant(id=id, levels={"telemetry": Level.READ}) for id in range(1, number)]
    grants.append(Grant(id=number, levels=full, switches=dict.fromkeys(SWITCHES, Setting.ON)))
    agent = Agent(
        id=1, team_id=1, owner_id=1, name="Bench", purpose=None, budgets=Budgets(), acknowledgement_lease_seconds=None,
        drafts_only=False, suspended_at=None, suspended_by=None, created_at=datetime.now(UTC), grants=tuple(grants),
    )  # fmt: skip
    actor = Actor(kind="agent", id=1, name="Bench", team_ids=(1,), agent=agent)
    done = 0
    began, cpu = time.monotonic(), _cpu()
    for operation in cycle(catalogue):
        decide(actor, operation, "1", sent={})
        done += 1
        if done % 1_000 == 0 and time.monotonic() - began > seconds:
            break
    return (_cpu() - cpu) / done * 1e6, done / (time.monotonic() - began)


async def _door(catalogue: Catalogue, seconds: float) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        clock = SystemClock()
        database = open_database(f"sqlite:///{Path(folder) / 'bench.db'}", clock, MemoryBus(), Vault(Vault.new_key()))
        migrate(database)
        secret = await database.write(_hire)
        door = Door(database, catalogue, clock)
        operation = catalogue["urgencies.list"]
        request = Request(
            operation=operation, route=operation.routes[0], credential=Credential(token=secret), surface="rest",
            arguments=Arguments(), base_url="http://127.0.0.1:8080",
        )  # fmt: skip
        done = 0
        began, cpu = time.monotonic(), _cpu()
        while time.monotonic() - began < seconds:
            await door.call(request)
            done += 1
        answer = (_cpu() - cpu) / done * 1e6, done / (time.monotonic() - began)
        database.close()
        return answer


def _hire(tx: Tx) -> str:
    team = accounts.ensure_team(tx, "Bench")
    owner = accounts.create_user(tx, email="a@example.com", name="Ann Lee", password=None)
    accounts.join(tx, team.id, owner.id)
    given = {"name": "Bench", "levels": {"policies": "read"}, "requests_per_minute": 1_000_000}
    agent = agents.create(tx, team.id, given, granted_by="bench", owner_id=owner.id)
    return agents.issue_token(tx, agent)[1]


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
