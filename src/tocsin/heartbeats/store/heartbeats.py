"""Heartbeats on the shelf: what was set up, found by id, by token or by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    FromClause,
    and_,
    case,
    delete,
    false,
    func,
    insert,
    or_,
    select,
    true,
    update,
)

from tocsin.heartbeats.model import WHICHEVER, Heartbeat, HeartbeatStatus, Run, Settings, Standing, Wanted
from tocsin.heartbeats.store.tables import bodies, heartbeats, ping_keys, pings, states
from tocsin.kernel.vault import Vault
from tocsin.metadata import actions as metadata_of
from tocsin.metadata.model import OwnerType, Value
from tocsin.registry import Bounds
from tocsin.storage import Tx

_TOKENS_CACHED = 4096
"""Opened tokens kept in memory: opening one costs more than everything else about a row."""
MAX_WORDS = 8
"""Of a search: each is one more look through the names."""
_encode = msgspec.json.encode
_decode_settings = msgspec.json.Decoder(Settings).decode
_decode_runs = msgspec.json.Decoder(tuple[Run, ...]).decode
_SELECT = select(
    heartbeats, states.c.status, states.c.last_beat_ms, states.c.since_ms, states.c.due_ms, states.c.runs
).join(states, states.c.heartbeat_id == heartbeats.c.id)


def insert_heartbeat(
    tx: Tx, *, team_id: int, name: str, group_id: int | None, slug: str | None, provisioned: bool, paused: bool,
    token: str, settings: Settings,
) -> int:  # fmt: skip
    id = tx.insert(
        insert(heartbeats).values(
            team_id=team_id, name=name, heartbeat_group_id=group_id, slug=slug, provisioned=provisioned,
            paused_at=tx.now if paused else None, created_at=tx.now, updated_at=tx.now, token=tx.vault.seal(token),
            token_digest=digest(tx.vault, token), settings=_encode(settings).decode(),
        )
    )  # fmt: skip
    start = {"status": HeartbeatStatus.PENDING.value, "plain": False, "runs": "[]", "pings": 0, "bodies": 0}
    tx.execute(insert(states).values(heartbeat_id=id, **start))
    return id


def update_heartbeat(
    tx: Tx, id: int, *, name: str, group_id: int | None, slug: str | None, paused_at: datetime | None,
    settings: Settings,
) -> None:  # fmt: skip
    tx.execute(
        update(heartbeats)
        .where(heartbeats.c.id == id)
        .values(
            name=name, heartbeat_group_id=group_id, slug=slug, paused_at=paused_at, updated_at=tx.now,
            settings=_encode(settings).decode(),
        )
    )  # fmt: skip


def set_paused_at(tx: Tx, ids: Sequence[int], paused_at: datetime | None) -> None:
    """Pause (None: resume) some hundreds at once."""
    tx.execute(update(heartbeats).where(heartbeats.c.id.in_(ids)).values(paused_at=paused_at, updated_at=tx.now))


def delete_heartbeat(tx: Tx, id: int) -> None:
    """With all its pings: little more of them is kept than one answer shows."""
    tx.execute(delete(bodies).where(bodies.c.heartbeat_id == id))
    tx.execute(delete(pings).where(pings.c.heartbeat_id == id))
    tx.execute(delete(heartbeats).where(heartbeats.c.id == id))
    tx.execute(delete(states).where(states.c.heartbeat_id == id))


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None = None) -> Heartbeat | None:
    """The heartbeat if it exists and belongs to one of the teams (None = whichever). `team_name` is left empty."""
    row = tx.execute(_SELECT.where(heartbeats.c.id == id)).first()
    found = None if row is None else _heartbeat(row, tx.vault)
    return found if found is not None and (team_ids is None or found.team_id in team_ids) else None


def by_ids(tx: Tx, ids: Collection[int]) -> list[Heartbeat]:
    """Those of some hundreds of ids that exist, without their tokens: opening them is only worth it to be shown."""
    rows = tx.execute(_SELECT.where(heartbeats.c.id.in_(ids)).order_by(heartbeats.c.id))
    return [_heartbeat(row, None) for row in rows]


def by_slug(tx: Tx, team_id: int, slug: str) -> Heartbeat | None:
    row = tx.execute(_SELECT.where(heartbeats.c.team_id == team_id, heartbeats.c.slug == slug)).first()
    return None if row is None else _heartbeat(row, tx.vault)


def page(
    tx: Tx,
    *,
    team_ids: tuple[int, ...] | None,
    page: int,
    per_page: int,
    wanted: Wanted = WHICHEVER,
    reach: Sequence[Bounds] | None = None,
) -> tuple[list[Heartbeat], int]:
    """One page of those that are meant, and how many there are in all."""
    conditions: list[ColumnElement[bool]] = [] if team_ids is None else [heartbeats.c.team_id.in_(team_ids)]
    conditions += _meant(wanted)
    if reach is not None:
        conditions.append(or_(False, *(_within(bounds) for bounds in reach)))
    meant: FromClause = heartbeats
    if wanted.status is not None or wanted.sort:
        meant = heartbeats.join(states, states.c.heartbeat_id == heartbeats.c.id)
    total = tx.execute(select(func.count()).select_from(meant).where(*conditions)).scalar_one()
    chosen = select(heartbeats.c.id).select_from(meant).where(*conditions).order_by(*_order(wanted.sort))
    ids = list(tx.execute(chosen.limit(per_page).offset((page - 1) * per_page)).scalars())
    rows = tx.execute(_SELECT.where(heartbeats.c.id.in_(ids))) if ids else ()
    found = {row.id: _heartbeat(row, tx.vault) for row in rows}
    return [found[id] for id in ids], int(total)


def counts(tx: Tx, team_ids: tuple[int, ...] | None, reach: Sequence[Bounds] | None = None) -> dict[str, int]:
    """How many of these teams' heartbeats there are of each status."""
    paused = heartbeats.c.paused_at.is_not(None)
    statement = (
        select(states.c.status, paused, func.count())
        .join(heartbeats, heartbeats.c.id == states.c.heartbeat_id)
        .group_by(states.c.status, paused)
    )
    if team_ids is not None:
        statement = statement.where(heartbeats.c.team_id.in_(team_ids))
    if reach is not None:
        statement = statement.where(or_(False, *(_within(bounds) for bounds in reach)))
    found = {status.value: 0 for status in HeartbeatStatus}
    rows: Any = tx.execute(statement)
    for status, is_paused, count in rows:
        found[HeartbeatStatus.PAUSED.value if is_paused else status] += count
    return found


def _meant(wanted: Wanted) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        or_(heartbeats.c.name.icontains(word, autoescape=True), heartbeats.c.slug.icontains(word, autoescape=True))
        for word in wanted.search.split()[:MAX_WORDS]
    ]
    if wanted.group_id is not None:
        in_group = heartbeats.c.heartbeat_group_id
        conditions.append(in_group == wanted.group_id if wanted.group_id else in_group.is_(None))
    if wanted.status is HeartbeatStatus.PAUSED:
        conditions.append(heartbeats.c.paused_at.is_not(None))
    elif wanted.status is not None:
        conditions += [heartbeats.c.paused_at.is_(None), states.c.status == wanted.status.value]
    return conditions


def _order(sort: str) -> list[ColumnElement[Any]]:
    """What is not known comes last, whichever way; ids break ties."""
    if not sort:
        return [heartbeats.c.id]
    worst_first = case(
        (heartbeats.c.paused_at.is_not(None), 3),
        (states.c.status == HeartbeatStatus.DOWN.value, 0),
        (states.c.status == HeartbeatStatus.PENDING.value, 1),
        else_=2,
    )
    keys: dict[str, ColumnElement[Any]] = {
        "name": func.lower(heartbeats.c.name),
        "status": worst_first,
        "last_beat_at": states.c.last_beat_ms,
        "created_at": heartbeats.c.created_at,
    }
    key = keys[sort.removeprefix("-")]
    backwards = sort.startswith("-")
    return [key.is_(None), key.desc() if backwards else key.asc(), heartbeats.c.id]


def _within(bounds: Bounds) -> ColumnElement[bool]:
    """Whether a heartbeat is within what a caller was granted: one that is about monitors is about no heartbeat."""
    wanted = {key: [Value(value=value)] for key, value in bounds.metadata.items()}
    having = [heartbeats.c.id.in_(owners) for owners in metadata_of.owners_having(OwnerType.HEARTBEAT, wanted)]
    return and_(true() if bounds.monitor_ids is None else false(), *having)


def ids_of_tokens(tx: Tx, tokens: Sequence[str]) -> dict[str, int]:
    """The heartbeats behind some hundreds of tokens; unknown ones are left out."""
    digests = {digest(tx.vault, token): token for token in tokens}
    rows = tx.execute(
        select(heartbeats.c.token_digest, heartbeats.c.id).where(heartbeats.c.token_digest.in_(list(digests)))
    )
    return {digests[row.token_digest]: row.id for row in rows}


def ids_in_group(tx: Tx, group_id: int) -> list[int]:
    return list(tx.execute(select(heartbeats.c.id).where(heartbeats.c.heartbeat_group_id == group_id)).scalars())


def ids_in_groups(tx: Tx, group_ids: Collection[int]) -> list[int]:
    """The members of some hundreds of groups."""
    return list(tx.execute(select(heartbeats.c.id).where(heartbeats.c.heartbeat_group_id.in_(group_ids))).scalars())


def detach_group(tx: Tx, group_id: int) -> None:
    """Members of a group that goes away belong to none."""
    statement = update(heartbeats).where(heartbeats.c.heartbeat_group_id == group_id)
    tx.execute(statement.values(heartbeat_group_id=None))


def count_provisioned(tx: Tx, team_id: int) -> int:
    """How many of a team's heartbeats were made by a ping."""
    statement = select(func.count()).select_from(heartbeats)
    return int(tx.execute(statement.where(heartbeats.c.team_id == team_id, heartbeats.c.provisioned)).scalar_one())


def key_version(tx: Tx, team_id: int) -> int:
    """How often a team's ping key was changed."""
    return int(tx.execute(select(ping_keys.c.version).where(ping_keys.c.team_id == team_id)).scalar() or 0)


def change_key(tx: Tx, team_id: int) -> None:
    done = tx.execute(
        update(ping_keys)
        .where(ping_keys.c.team_id == team_id)
        .values(version=ping_keys.c.version + 1, updated_at=tx.now)
    )
    if done.rowcount == 0:
        tx.execute(insert(ping_keys).values(team_id=team_id, version=1, updated_at=tx.now))


def digest(vault: Vault, token: str) -> str:
    """The keyed hash under which a token is found: who has only the file can neither read nor test one."""
    return vault.sign(f"heartbeat:{token}")


def _heartbeat(row: Any, vault: Vault | None) -> Heartbeat:
    return Heartbeat(
        id=row.id, team_id=row.team_id, team_name="", name=row.name, heartbeat_group_id=row.heartbeat_group_id,
        slug=row.slug, token="" if vault is None else _opened(vault, row.token), paused_at=row.paused_at,
        created_at=row.created_at, updated_at=row.updated_at, settings=_decode_settings(row.settings),
        standing=standing(row),
    )  # fmt: skip


def standing(row: Any) -> Standing:
    """Out of a row of `heartbeat_states`."""
    return Standing(
        status=HeartbeatStatus(row.status),
        last_beat_ms=row.last_beat_ms,
        since_ms=row.since_ms,
        due_ms=row.due_ms,
        runs=() if row.runs == "[]" else _decode_runs(row.runs),
    )


@lru_cache(maxsize=_TOKENS_CACHED)
def _opened(vault: Vault, sealed: str) -> str:
    """Empty when the key that sealed it is lost: everything else about the heartbeat can still be read."""
    try:
        return vault.open(sealed)
    except ValueError:
        return ""


def policies_of(tx: Tx, team_id: int) -> Iterator[tuple[int, str, int]]:
    """(id, name, policy id) of every heartbeat that is paged by a policy."""
    column = heartbeats.c
    rows = tx.execute(select(column.id, column.name, column.settings).where(column.team_id == team_id).order_by("id"))
    for row in rows:
        policy_id = _decode_settings(row.settings).policy_id
        if policy_id is not None:
            yield row.id, row.name, policy_id
