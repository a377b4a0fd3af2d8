"""The shelf of incidents: what failed, the evidence, the facts attached, and every line of the story."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    delete,
    exists,
    false,
    func,
    insert,
    or_,
    select,
    update,
)

from tocsin.escalation.model import Paging
from tocsin.incidents.model import Change, Comment, Filter, Incident, IncidentStatus, Metadata, Response, Value
from tocsin.storage import Tx
from tocsin.storage.tables import Id, Instant, Json, metadata

incidents = Table(
    "incidents",
    metadata,
    Column("id", Id, primary_key=True),
    Column("team_id", Id, ForeignKey("teams.id"), nullable=False),
    Column("owner_type", Text, nullable=True),
    Column("owner_id", Id, nullable=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=True),
    Column("http_method", Text, nullable=True),
    Column("cause", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("confirmed_at", Instant, nullable=True),
    Column("acknowledged_at", Instant, nullable=True),
    Column("acknowledged_by", Text, nullable=True),
    Column("resolved_at", Instant, nullable=True),
    Column("resolved_by", Text, nullable=True),
    Column("reopened_at", Instant, nullable=True),
    Column("reopened_by", Text, nullable=True),
    Column("withdrawn", Boolean, nullable=False),
    Column("incident_group_id", Id, nullable=True),
    Column("regions", Json, nullable=True),
    Column("origin_url", Text, nullable=True),
    Column("requester_email", Text, nullable=True),
    Column("paging", Json, nullable=False),
    Column("ssl_certificate_expires_at", Instant, nullable=True),
    Column("domain_expires_at", Instant, nullable=True),
    Column("response_content", Text, nullable=True),
    Column("response_options", Text, nullable=True),
    Column("has_response", Boolean, nullable=False),
    sqlite_autoincrement=True,
)
_OPEN = incidents.c.resolved_at.is_(None)
Index("ix_incidents_team_id", incidents.c.team_id, incidents.c.withdrawn, incidents.c.id)
Index("ix_incidents_withdrawn", incidents.c.withdrawn, incidents.c.resolved_at)
Index("ix_incidents_owner", incidents.c.owner_type, incidents.c.owner_id, incidents.c.started_at)
Index(
    "ix_incidents_open",
    incidents.c.team_id,
    incidents.c.withdrawn,
    incidents.c.id,
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)
Index(
    "uq_incidents_open_owner",
    incidents.c.owner_type,
    incidents.c.owner_id,
    incidents.c.kind,
    unique=True,  # one owner has at most one open incident of a kind, whatever two workers think
    sqlite_where=_OPEN,
    postgresql_where=_OPEN,
)

incident_metadata = Table(
    "incident_metadata",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("value", Text, nullable=True),
    Column("item_id", Id, nullable=True),
    Column("name", Text, nullable=True),
    Column("email", Text, nullable=True),
    Index("ix_incident_metadata_incident_id", "incident_id", "id"),
    sqlite_autoincrement=True,
)

incident_responses = Table(
    "incident_responses",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False, unique=True),
    Column("at", Instant, nullable=False),
    Column("url", Text, nullable=False),
    Column("status_code", Integer, nullable=True),
    Column("headers", Json, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("body_truncated", Boolean, nullable=False),
    Column("remote_ip", Text, nullable=True),
    Column("timings", Json, nullable=False),
    Column("shortened", Boolean, nullable=False, server_default=false()),
    Index("ix_incident_responses_at", "at"),
    Index("ix_incident_responses_shortened", "shortened", "incident_id"),
    sqlite_autoincrement=True,
)

incident_comments = Table(
    "incident_comments",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("content", Text, nullable=False),
    Column("user_id", Id, nullable=True),
    Column("user_email", Text, nullable=True),
    Column("author_name", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("ix_incident_comments_incident_id", "incident_id", "id"),
    sqlite_autoincrement=True,
)

incident_changes = Table(
    "incident_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("at", Instant, nullable=False),
    Column("act", Text, nullable=False),
    Column("actor", Text, nullable=True),
    Column("title", Text, nullable=False),
    Column("content", Text, nullable=False),
    Index("ix_incident_changes_incident_id", "incident_id", "id"),
    sqlite_autoincrement=True,
)

_FIELDS = tuple(incidents.c[name] for name in Incident.__struct_fields__)

# --- Incidents -----------------------------------------------------------------------------------------------------


def add(tx: Tx, **values: Any) -> int:
    """Insert an incident; returns its id."""
    return tx.insert(insert(incidents).values(withdrawn=False, **values))


def find(tx: Tx, id: int) -> Incident | None:
    """The incident with that id."""
    row = tx.execute(select(*_FIELDS).where(incidents.c.id == id)).first()
    return None if row is None else _incident(row)


def current(tx: Tx, owner_type: str, owner_id: int, kind: str) -> Incident | None:
    """The open incident of an owner and kind: there is at most one."""
    row = tx.execute(
        select(*_FIELDS).where(
            incidents.c.owner_type == owner_type, incidents.c.owner_id == owner_id, incidents.c.kind == kind, _OPEN
        )
    ).first()
    return None if row is None else _incident(row)


def open_owners(tx: Tx, owner_type: str, owner_ids: Sequence[int]) -> set[int]:
    """Those of the owners about which anything is open, of whatever kind."""
    statement = select(incidents.c.owner_id).where(
        incidents.c.owner_type == owner_type, incidents.c.owner_id.in_(owner_ids), _OPEN
    )
    return set(tx.execute(statement).scalars())


def change(tx: Tx, seen: Incident, **values: Any) -> bool:
    """Set columns if the incident still is in the state in which it was seen; False when somebody was faster."""
    answer = tx.execute(
        update(incidents)
        .where(
            incidents.c.id == seen.id,
            incidents.c.status == seen.status,
            incidents.c.acknowledged_at.is_not_distinct_from(seen.acknowledged_at),
        )
        .values(**values)
    )
    return answer.rowcount == 1


def page(tx: Tx, wanted: Filter, *, offset: int, limit: int) -> tuple[list[Incident], int]:
    """One page of the matching incidents, newest first, and how many match in all."""
    where = _where(wanted)
    total = tx.execute(select(func.count()).select_from(incidents).where(*where)).scalar_one()
    if offset >= total:
        return [], total
    rows = tx.execute(select(*_FIELDS).where(*where).order_by(incidents.c.id.desc()).offset(offset).limit(limit))
    return [_incident(row) for row in rows], total


def downtime(
    tx: Tx, owner_type: str, owner_id: int, kind: str, since: datetime, until: datetime
) -> list[tuple[datetime, datetime | None]]:
    """(start, end or None) of the confirmed incidents of an owner that touch the time from `since` to `until`."""
    rows = tx.execute(
        select(incidents.c.started_at, incidents.c.resolved_at)
        .where(
            incidents.c.owner_type == owner_type,
            incidents.c.owner_id == owner_id,
            incidents.c.started_at < until,
            incidents.c.kind == kind,
            incidents.c.confirmed_at.is_not(None),
            or_(_OPEN, incidents.c.resolved_at > since),
        )
        .order_by(incidents.c.started_at)
    )
    return [(row.started_at, row.resolved_at) for row in rows]


def count_open(tx: Tx) -> int:
    """How many incidents are open in all."""
    return int(tx.execute(select(func.count()).select_from(incidents).where(_OPEN)).scalar_one())


def remove(tx: Tx, id: int) -> None:
    """Delete an incident and everything that hangs on it."""
    for table in (incident_metadata, incident_responses, incident_comments, incident_changes):
        tx.execute(delete(table).where(table.c.incident_id == id))
    tx.execute(delete(incidents).where(incidents.c.id == id))


def unresolved(tx: Tx, limit: int) -> list[int]:
    """Ids of what is open, confirmed or not."""
    return list(tx.execute(select(incidents.c.id).where(_OPEN).limit(limit)).scalars())


def withdrawn(tx: Tx, before: datetime, limit: int) -> list[int]:
    """Ids of the incidents that were taken back before then."""
    column = incidents.c
    old = select(column.id).where(column.withdrawn.is_(True), column.resolved_at < before)
    return list(tx.execute(old.order_by(column.resolved_at).limit(limit)).scalars())


# --- Facts and evidence --------------------------------------------------------------------------------------------


def put_metadata(tx: Tx, incident_id: int, facts: Metadata) -> None:
    """Attach values to an incident; keys that it has already are replaced."""
    if facts:
        attached = incident_metadata.c
        tx.execute(delete(incident_metadata).where(attached.incident_id == incident_id, attached.key.in_(list(facts))))
        add_metadata(tx, incident_id, facts)


def add_metadata(tx: Tx, incident_id: int, facts: Metadata) -> None:
    """Attach values under keys that the incident does not have yet."""
    rows = [
        {"incident_id": incident_id, "key": key, **msgspec.structs.asdict(value)}
        for key, values in facts.items()
        for value in values
    ]
    if rows:
        tx.execute(insert(incident_metadata), rows)


def metadata_of(tx: Tx, incident_ids: Iterable[int]) -> dict[int, Metadata]:
    """The attached values by incident, in the order in which they were attached."""
    found: dict[int, Metadata] = {id: {} for id in incident_ids}
    if found:
        rows = tx.execute(
            select(incident_metadata)
            .where(incident_metadata.c.incident_id.in_(list(found)))
            .order_by(incident_metadata.c.id)
        )
        for row in rows:
            value = Value(type=row.type, value=row.value, item_id=row.item_id, name=row.name, email=row.email)
            found[row.incident_id].setdefault(row.key, []).append(value)
    return found


def add_response(tx: Tx, response: Response) -> None:
    """Keep the failing server's answer; an incident has at most one."""
    tx.execute(insert(incident_responses).values(**msgspec.structs.asdict(response)))


def drop_response(tx: Tx, incident_id: int) -> None:
    """Forget the answer, before a fresher one is kept."""
    tx.execute(delete(incident_responses).where(incident_responses.c.incident_id == incident_id))


def response_of(tx: Tx, incident_id: int) -> Response | None:
    """The stored answer, if there is one."""
    row = tx.execute(select(incident_responses).where(incident_responses.c.incident_id == incident_id)).first()
    if row is None:
        return None
    values = {name: row._mapping[name] for name in Response.__struct_fields__}
    values["headers"] = [(name, value) for name, value in row.headers]
    values["body"] = bytes(row.body)
    return Response(**values)


def old_responses(tx: Tx, before: datetime, limit: int) -> list[int]:
    """Incidents that ended before then and still have their evidence, the oldest first."""
    kept = incident_responses.c
    old = select(kept.incident_id).join(incidents, incidents.c.id == kept.incident_id)
    old = old.where(kept.at < before, incidents.c.resolved_at < before).order_by(kept.at).limit(limit)
    return list(tx.execute(old).scalars())


def surplus_responses(tx: Tx, whole: int, limit: int) -> list[int]:
    """Incidents that have ended, with a whole answer beyond the newest `whole` ones of their owner."""
    column, kept = incidents.c, incident_responses.c
    rank = func.row_number().over(partition_by=(column.owner_type, column.owner_id), order_by=kept.incident_id.desc())
    ranked = (
        select(kept.incident_id, column.resolved_at, rank.label("rank"))
        .join(incidents, column.id == kept.incident_id)
        .where(kept.shortened.is_(False), column.owner_id.is_not(None))
        .subquery()
    )
    surplus = select(ranked.c.incident_id).where(ranked.c.rank > whole, ranked.c.resolved_at.is_not(None))
    return list(tx.execute(surplus.limit(limit)).scalars())


def shorten_responses(tx: Tx, incident_ids: Sequence[int]) -> None:
    """Forget body and headers of the stored answers; where it came from, its status and its timings stay."""
    kept = update(incident_responses).where(incident_responses.c.incident_id.in_(incident_ids))
    tx.execute(kept.values(body=b"", headers=[], body_truncated=True, shortened=True))
    _forget_headers(tx, incident_ids)


def drop_responses(tx: Tx, incident_ids: Sequence[int]) -> None:
    """Forget the stored answers for good."""
    tx.execute(delete(incident_responses).where(incident_responses.c.incident_id.in_(incident_ids)))
    tx.execute(update(incidents).where(incidents.c.id.in_(incident_ids)).values(has_response=False))
    _forget_headers(tx, incident_ids)


def _forget_headers(tx: Tx, incident_ids: Sequence[int]) -> None:
    """The incident shows the answer's headers as well (`response_options`)."""
    column = incidents.c
    shown = select(column.id, column.response_options).where(column.id.in_(incident_ids))
    for row in tx.execute(shown.where(column.response_options.is_not(None))).all():
        options = msgspec.json.decode(row.response_options)
        if options.pop("headers", None) is not None:
            text = msgspec.json.encode(options).decode()
            tx.execute(update(incidents).where(column.id == row.id).values(response_options=text))


# --- The story -----------------------------------------------------------------------------------------------------


def tell(tx: Tx, incident_id: int, act: str, title: str, content: str, actor: str | None = None) -> None:
    """Write one line of the story."""
    tx.execute(
        insert(incident_changes).values(
            incident_id=incident_id, at=tx.now, act=act, actor=actor, title=title, content=content
        )
    )


def changes(tx: Tx, incident_id: int, limit: int) -> list[Change]:
    """The newest lines of the story."""
    rows = tx.execute(
        select(incident_changes)
        .where(incident_changes.c.incident_id == incident_id)
        .order_by(incident_changes.c.id.desc())
        .limit(limit)
    )
    return [Change(**row._mapping) for row in rows]


def add_comment(tx: Tx, comment: dict[str, Any]) -> int:
    """Insert a comment; returns its id."""
    return tx.insert(insert(incident_comments).values(created_at=tx.now, updated_at=tx.now, **comment))


def comments(tx: Tx, incident_id: int, limit: int) -> list[Comment]:
    """The newest comments, oldest of them first."""
    rows = tx.execute(
        select(incident_comments)
        .where(incident_comments.c.incident_id == incident_id)
        .order_by(incident_comments.c.id.desc())
        .limit(limit)
    )
    return [Comment(**row._mapping) for row in reversed(rows.all())]


def comment(tx: Tx, incident_id: int, id: int) -> Comment | None:
    """One comment of an incident."""
    row = tx.execute(
        select(incident_comments).where(incident_comments.c.id == id, incident_comments.c.incident_id == incident_id)
    ).first()
    return None if row is None else Comment(**row._mapping)


def edit_comment(tx: Tx, id: int, content: str) -> None:
    """Replace a comment's text."""
    tx.execute(update(incident_comments).where(incident_comments.c.id == id).values(content=content, updated_at=tx.now))


def remove_comment(tx: Tx, id: int) -> None:
    """Delete a comment."""
    tx.execute(delete(incident_comments).where(incident_comments.c.id == id))


# --- Below: how rows become records, and filters become SQL --------------------------------------------------------


def _incident(row: Any) -> Incident:
    values = dict(row._mapping)
    values["status"] = IncidentStatus(values["status"])
    values["paging"] = msgspec.convert(values["paging"], Paging, strict=False)
    return Incident(**values)


def _where(wanted: Filter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = [incidents.c.withdrawn.is_(False)]
    if wanted.team_ids is not None:
        where.append(incidents.c.team_id.in_(wanted.team_ids))
    if wanted.since is not None:
        where.append(incidents.c.started_at >= wanted.since)
    if wanted.until is not None:
        where.append(incidents.c.started_at < wanted.until)
    if wanted.owner is not None:
        where += [incidents.c.owner_type == wanted.owner[0], incidents.c.owner_id == wanted.owner[1]]
    for column, asked in (
        (incidents.c.resolved_at, wanted.resolved),
        (incidents.c.acknowledged_at, wanted.acknowledged),
    ):
        if asked is not None:
            where.append(column.is_not(None) if asked else column.is_(None))
    where += [_has(key, values) for key, values in wanted.metadata.items()]
    return where


def _has(key: str, values: Sequence[Value]) -> ColumnElement[bool]:
    """Whether an incident has, under `key`, any of these values (an empty list: anything at all)."""
    attached = incident_metadata.c
    alternatives = [
        and_(
            attached.type == value.type,
            *(
                attached[name] == given
                for name in ("value", "item_id", "name", "email")
                if (given := getattr(value, name)) is not None
            ),
        )
        for value in values
    ]
    matching = [attached.incident_id == incidents.c.id, attached.key == key]
    if alternatives:
        matching.append(or_(*alternatives))
    return exists().where(*matching)
