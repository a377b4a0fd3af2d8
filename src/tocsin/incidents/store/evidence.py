"""The failing servers' answers, and how the old ones are forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, func, insert, select, update

from tocsin.incidents.model import Response
from tocsin.incidents.store.tables import incident_responses, incidents
from tocsin.storage import Tx

_READ = tuple(name for name in Response.__struct_fields__ if name not in ("screenshot", "trace"))


def add_response(tx: Tx, response: Response) -> None:
    """Keep the failing server's answer; an incident has at most one."""
    tx.execute(insert(incident_responses).values(**msgspec.structs.asdict(response)))


def drop_response(tx: Tx, incident_id: int) -> None:
    """Forget the answer, before a fresher one is kept."""
    tx.execute(delete(incident_responses).where(incident_responses.c.incident_id == incident_id))


def response_of(tx: Tx, incident_id: int) -> Response | None:
    """The stored answer, if there is one; without picture and trace, for which only their own readers ask."""
    columns = [incident_responses.c[name] for name in _READ]
    row = tx.execute(select(*columns).where(incident_responses.c.incident_id == incident_id)).first()
    if row is None:
        return None
    values = {name: row._mapping[name] for name in _READ}
    values["headers"] = [(name, value) for name, value in row.headers]
    values["body"] = bytes(row.body)
    return Response(**values)


def screenshot_of(tx: Tx, incident_id: int) -> bytes | None:
    """The picture of a failed browser check (PNG), if there is one."""
    column = incident_responses.c
    found = tx.execute(select(column.screenshot).where(column.incident_id == incident_id)).scalar()
    return None if found is None else bytes(found)


def trace_of(tx: Tx, incident_id: int) -> bytes | None:
    """The recording of a failed browser check (zip), if there is one."""
    column = incident_responses.c
    found = tx.execute(select(column.trace).where(column.incident_id == incident_id)).scalar()
    return None if found is None else bytes(found)


def old_responses(tx: Tx, before: datetime, limit: int) -> list[int]:
    """Incidents that ended before then and still have their evidence, the oldest first."""
    kept = incident_responses.c
    old = select(kept.incident_id).join(incidents, incidents.c.id == kept.incident_id)
    old = old.where(kept.at < before, incidents.c.resolved_at < before).order_by(kept.at).limit(limit)
    return list(tx.execute(old).scalars())


def crowded_owners(tx: Tx, whole: int, limit: int) -> list[tuple[str, int]]:
    """(owner_type, owner_id) of those with more than `whole` whole answers of incidents that have ended."""
    column, kept = incidents.c, incident_responses.c
    crowded = (
        select(column.owner_type, column.owner_id)
        .select_from(incident_responses)
        .join(incidents, column.id == kept.incident_id)
        .where(kept.shortened.is_(False), column.owner_id.is_not(None), column.resolved_at.is_not(None))
        .group_by(column.owner_type, column.owner_id)
        .having(func.count() > whole)
        .limit(limit)
    )
    return [(row.owner_type, row.owner_id) for row in tx.execute(crowded)]


def surplus_responses(tx: Tx, owner: tuple[str, int], whole: int, limit: int) -> list[int]:
    """Incidents of an owner that have ended, with a whole answer that is not among the newest `whole` ones."""
    column, kept = incidents.c, incident_responses.c
    statement = (
        select(column.id)
        .join(incident_responses, column.id == kept.incident_id)
        .where(column.owner_type == owner[0], column.owner_id == owner[1], column.resolved_at.is_not(None))
        .where(kept.shortened.is_(False))
        .order_by(column.started_at.desc(), column.id.desc())  # as the owner's index has them
    )
    return list(tx.execute(statement.offset(whole).limit(limit)).scalars())


def shorten_responses(tx: Tx, incident_ids: Sequence[int]) -> None:
    """Forget body and headers of the stored answers; where it came from, its status and its timings stay."""
    kept = update(incident_responses).where(incident_responses.c.incident_id.in_(incident_ids))
    tx.execute(kept.values(body=b"", headers=[], body_truncated=True, shortened=True, screenshot=None, trace=None))
    tx.execute(update(incidents).where(incidents.c.id.in_(incident_ids)).values(has_screenshot=False, has_trace=False))
    _forget_headers(tx, incident_ids)


def drop_responses(tx: Tx, incident_ids: Sequence[int]) -> None:
    """Forget the stored answers for good."""
    tx.execute(delete(incident_responses).where(incident_responses.c.incident_id.in_(incident_ids)))
    tx.execute(
        update(incidents)
        .where(incidents.c.id.in_(incident_ids))
        .values(has_response=False, has_screenshot=False, has_trace=False)
    )
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
