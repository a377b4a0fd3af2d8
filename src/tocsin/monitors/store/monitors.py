"""Monitors on the shelf: written whole, read fifty at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    type_coerce,
    update,
)

from tocsin.kernel.clock import from_milliseconds
from tocsin.kernel.vault import Vault
from tocsin.metadata import actions as metadata_of
from tocsin.metadata.model import OwnerType, Value
from tocsin.monitors.model import CheckSpec, Monitor, MonitorStatus, RequestHeader, Settings, Standing
from tocsin.monitors.store.tables import changes, counts, monitors, states
from tocsin.registry import Bounds
from tocsin.storage import Prepared, Tx

CHANGES_KEPT = 100_000
"""Journal rows kept behind the newest: a probe further behind than that reads everything anew anyway."""

_SECRETS_CACHED = 4096
"""Opened secrets kept in memory: opening one costs more than everything else about a row."""


class _Secrets(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a monitor's settings is nobody's business who only has the file."""

    auth_password: str = ""
    proxy_host: str | None = None
    header_values: tuple[str, ...] = ()
    environment_variables: dict[str, str] = {}


_NO_SECRETS = _Secrets()
_encode = msgspec.json.encode
_decode_settings = msgspec.json.Decoder(Settings).decode
_decode_secrets = msgspec.json.Decoder(_Secrets).decode

_COLUMNS = (
    monitors.c.id, monitors.c.team_id, monitors.c.url, monitors.c.pronounceable_name, monitors.c.monitor_group_id,
    *(type_coerce(column, BigInteger) for column in (
        monitors.c.paused_at, monitors.c.created_at, monitors.c.updated_at, states.c.last_checked_at,
        states.c.certificate_expires_at,
    )),
    monitors.c.revision, monitors.c.domain, monitors.c.settings, monitors.c.secrets, states.c.status,
    states.c.failing_since_ms, states.c.recovering_since_ms, states.c.incident_id, states.c.degraded_since_ms,
    states.c.degraded_reason, states.c.outages, states.c.flapping_since_ms,
)  # fmt: skip
"""Instants come as the milliseconds that they are: fifty rows hold two hundred of them."""
_SELECT = select(*_COLUMNS).select_from(monitors.join(states, states.c.monitor_id == monitors.c.id))
_ONE = _SELECT.where(monitors.c.id == bindparam("id"))


def insert_monitor(
    tx: Tx, *, team_id: int, url: str, name: str, group_id: int | None, paused: bool, domain: str | None,
    settings: Settings,
) -> int:  # fmt: skip
    document, secrets = _written(settings, tx.vault)
    id = tx.insert(
        insert(monitors).values(
            team_id=team_id, url=url, pronounceable_name=name, monitor_group_id=group_id,
            paused_at=tx.now if paused else None, created_at=tx.now, updated_at=tx.now, revision=1, domain=domain,
            settings=document, secrets=secrets,
        )
    )  # fmt: skip
    tx.execute(insert(states).values(monitor_id=id, status=MonitorStatus.PENDING.value))
    _changed_count(tx, team_id, 1)
    note_changes(tx, [id])
    return id


def update_monitor(
    tx: Tx, id: int, *, url: str, name: str, group_id: int | None, paused_at: datetime | None, domain: str | None,
    settings: Settings | None,
) -> None:  # fmt: skip
    """`settings` None: they stay as they lie."""
    document = {} if settings is None else dict(zip(("settings", "secrets"), _written(settings, tx.vault), strict=True))
    tx.execute(
        update(monitors)
        .where(monitors.c.id == id)
        .values(
            url=url, pronounceable_name=name, monitor_group_id=group_id, paused_at=paused_at, domain=domain,
            updated_at=tx.now, revision=monitors.c.revision + 1, **document,
        )
    )  # fmt: skip
    note_changes(tx, [id])


def set_paused_at(tx: Tx, ids: Sequence[int], paused_at: datetime | None) -> None:
    """Pause (None: resume) some hundreds of monitors at once; all else stays as it lies."""
    tx.execute(
        update(monitors)
        .where(monitors.c.id.in_(ids))
        .values(paused_at=paused_at, updated_at=tx.now, revision=monitors.c.revision + 1)
    )
    note_changes(tx, ids)


def delete_monitor(tx: Tx, id: int, team_id: int) -> None:
    tx.execute(delete(monitors).where(monitors.c.id == id))
    tx.execute(delete(states).where(states.c.monitor_id == id))
    _changed_count(tx, team_id, -1)
    note_changes(tx, [id])


def count_anew(tx: Tx, team_id: int, by: int) -> None:
    """So many monitors of a team are back."""
    _changed_count(tx, team_id, by)


def note_changes(tx: Tx, ids: Iterable[int]) -> None:
    """Write into the journal that running probes read: look at these anew."""
    tx.execute(insert(changes), [{"monitor_id": id} for id in ids])


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None = None) -> Monitor | None:
    """The monitor if it exists and belongs to one of the teams (None = whichever). `team_name` is left empty, and
    `status` knows nothing of maintenance: both are the actions' to fill in.
    """
    found = _fetch(tx, "one", lambda: _ONE, {"id": id})
    return found[0] if found and (team_ids is None or found[0].team_id in team_ids) else None


def page(
    tx: Tx,
    *,
    team_ids: tuple[int, ...] | None,
    page: int,
    per_page: int,
    url: str | None = None,
    name: str | None = None,
    group_id: int | None = None,
    reach: Sequence[Bounds] | None = None,
) -> tuple[list[Monitor], int]:
    """One page by id ascending, and how many there are in all. Filters match the whole text."""
    filters = {"url": url, "pronounceable_name": name, "monitor_group_id": group_id}
    sent: dict[str, Any] = {column: value for column, value in filters.items() if value is not None}
    shape = ("page", *sent, None if team_ids is None else len(team_ids))
    conditions: list[ColumnElement[bool]] = [monitors.c[column] == bindparam(column) for column in sent]
    if team_ids is not None:
        teams = {f"team_{place}": id for place, id in enumerate(team_ids)}
        conditions.append(or_(False, *(monitors.c.team_id == bindparam(place) for place in teams)))
        sent |= teams
    if reach is not None:  # each time another statement, so that nothing is kept of it
        conditions.append(or_(False, *(within(bounds) for bounds in reach)))
        total = _count(tx, conditions, sent)
        more = {"rows": per_page, "skipped": (page - 1) * per_page}
        return [_monitor(row, tx) for row in tx.execute(_page_of(conditions), sent | more)], total
    total = _count(tx, conditions, sent) if len(shape) > 2 else _count_all(tx, team_ids)
    if total <= (page - 1) * per_page:
        return [], total
    sent |= {"rows": per_page, "skipped": (page - 1) * per_page}
    return _fetch(tx, shape, lambda: _page_of(conditions), sent), total


def within(bounds: Bounds) -> ColumnElement[bool]:
    """Whether a monitor is within what a caller was granted."""
    wanted = {key: [Value(value=value)] for key, value in bounds.metadata.items()}
    conditions = [monitors.c.id.in_(owners) for owners in metadata_of.owners_having(OwnerType.MONITOR, wanted)]
    if bounds.monitor_ids is not None:
        conditions.append(monitors.c.id.in_(bounds.monitor_ids))
    return and_(True, *conditions)


def _page_of(conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """The page's ids come from an index alone; only then are the wide rows read."""
    ids = select(monitors.c.id).where(*conditions).order_by(monitors.c.id)
    chosen = ids.limit(bindparam("rows")).offset(bindparam("skipped")).subquery()
    return _SELECT.join(chosen, chosen.c.id == monitors.c.id).order_by(monitors.c.id)


def _count(tx: Tx, conditions: Sequence[ColumnElement[bool]], sent: dict[str, Any]) -> int:
    return int(tx.execute(select(func.count()).select_from(monitors).where(*conditions), sent).scalar_one())


def _count_all(tx: Tx, team_ids: tuple[int, ...] | None) -> int:
    teams = {f"team_{place}": id for place, id in enumerate(team_ids or ())}
    shape = ("count", None if team_ids is None else len(teams))
    return int(_rows(tx, shape, lambda: _counted(None if team_ids is None else list(teams)), teams)[0][0])


def _counted(places: list[str] | None) -> Select[Any]:
    statement = select(func.coalesce(func.sum(counts.c.monitors), 0))
    if places is None:
        return statement
    return statement.where(or_(False, *(counts.c.team_id == bindparam(place) for place in places)))


def _changed_count(tx: Tx, team_id: int, by: int) -> None:
    done = tx.execute(update(counts).where(counts.c.team_id == team_id).values(monitors=counts.c.monitors + by))
    if done.rowcount == 0:
        tx.execute(insert(counts).values(team_id=team_id, monitors=by))


def by_ids(tx: Tx, ids: Sequence[int]) -> list[Monitor]:
    rows = tx.execute(_SELECT.where(monitors.c.id.in_(ids)).order_by(monitors.c.id))
    return [_monitor(row, tx) for row in rows]


def after(tx: Tx, id: int, limit: int) -> list[Monitor]:
    """The next `limit` monitors by id, of every team."""
    rows = tx.execute(_SELECT.where(monitors.c.id > id).order_by(monitors.c.id).limit(limit))
    return [_monitor(row, tx) for row in rows]


def ids_in_group(tx: Tx, group_id: int) -> list[int]:
    return list(tx.execute(select(monitors.c.id).where(monitors.c.monitor_group_id == group_id)).scalars())


def ids_of_domain(tx: Tx, domain: str, team_id: int | None = None) -> list[int]:
    statement = select(monitors.c.id).where(monitors.c.domain == domain)
    if team_id is not None:
        statement = statement.where(monitors.c.team_id == team_id)
    return list(tx.execute(statement).scalars())


def detach_group(tx: Tx, group_id: int) -> None:
    """Members of a group that goes away belong to none."""
    tx.execute(update(monitors).where(monitors.c.monitor_group_id == group_id).values(monitor_group_id=None))


def revisions(tx: Tx) -> dict[int, int]:
    """Every monitor's revision, by id."""
    rows: Any = tx.execute(select(monitors.c.id, monitors.c.revision))
    return {id: revision for id, revision in rows}  # noqa: C416 - rows are not pairs to the type checker


def latest_change(tx: Tx) -> int:
    return int(tx.execute(select(func.coalesce(func.max(changes.c.id), 0))).scalar_one())


def changed_since(tx: Tx, change_id: int, limit: int) -> list[tuple[int, int]]:
    """(change id, monitor id) of what was created, changed or deleted after `change_id`, oldest first."""
    rows: Any = tx.execute(select(changes.c.id, changes.c.monitor_id).where(changes.c.id > change_id)
                      .order_by(changes.c.id).limit(limit))  # fmt: skip
    return [(id, monitor_id) for id, monitor_id in rows]


def trim_changes(tx: Tx) -> None:
    tx.execute(delete(changes).where(changes.c.id <= latest_change(tx) - CHANGES_KEPT))


def spec_of(monitor: Monitor) -> CheckSpec:
    """The monitor as a probe sees it."""
    return CheckSpec(
        monitor_id=monitor.id,
        revision=monitor.revision,
        kind=monitor.settings.monitor_type,
        frequency_seconds=monitor.settings.check_frequency,
        settings=settings_of(monitor.settings, monitor.url),
        last_checked_ms=monitor.standing.observed_ms or None,
    )


def settings_of(settings: Settings, url: str) -> dict[str, Any]:
    """What a check may need to know, by its wire name; lists and objects as JSON has them."""
    document = {name: getattr(settings, name) for name in _CHECKED}
    return document | {
        "url": url,
        "scenario_name": url if settings.monitor_type == "playwright" else None,
        "request_headers": [msgspec.structs.asdict(header) for header in settings.request_headers],
        "expected_status_codes": list(settings.expected_status_codes),
        "dns_expected_records": list(settings.dns_expected_records),
        "assertions": [msgspec.structs.asdict(assertion) for assertion in settings.assertions],
    }


_CHECKED = (
    "http_method", "request_body", "auth_username", "auth_password", "follow_redirects", "remember_cookies",
    "verify_ssl", "proxy_host", "proxy_port", "ip_version", "request_timeout", "required_keyword", "port",
    "environment_variables", "playwright_script", "dns_record_type", "database", "grpc_service", "tls",
)  # fmt: skip


_prepared: dict[Any, Prepared] = {}
"""By shape: as many as there are kinds of pages, a few dozen."""


def _fetch(tx: Tx, shape: Any, build: Callable[[], Select[Any]], values: dict[str, Any]) -> list[Monitor]:
    return [_monitor(row, tx) for row in _rows(tx, shape, build, values)]


def _rows(tx: Tx, shape: Any, build: Callable[[], Select[Any]], values: dict[str, Any]) -> list[Any]:
    """Run a statement that is compiled once and for all; `shape` names it."""
    prepared = _prepared.get(shape)
    if prepared is None:
        prepared = _prepared[shape] = Prepared(build())
    return prepared.rows(tx, values)


def _monitor(row: Any, tx: Tx) -> Monitor:
    (id, team_id, url, name, group_id, paused_ms, created_ms, updated_ms, last_checked_ms, certificate_ms, revision,
     domain, document, secrets, status, failing_since_ms, recovering_since_ms, incident_id, degraded_since_ms,
     degraded_reason, outages, flapping_since_ms) = row  # fmt: skip
    settings, unreadable = _read(document, secrets, tx.vault)
    standing = Standing(
        status=_STATUSES[status] if not unreadable else MonitorStatus.PENDING,
        observed_ms=last_checked_ms or 0,
        failing_since_ms=failing_since_ms,
        recovering_since_ms=recovering_since_ms,
        incident_id=incident_id,
        degraded_since_ms=degraded_since_ms,
        degraded_reason=degraded_reason,
        outages=tuple(map(int, outages.split())) if outages else (),
        flapping_since_ms=flapping_since_ms,
    )
    return Monitor(
        id=id,
        team_id=team_id,
        team_name="",
        url=url,
        pronounceable_name=name,
        monitor_group_id=group_id,
        paused_at=None if paused_ms is None else from_milliseconds(paused_ms),
        created_at=from_milliseconds(created_ms),
        updated_at=from_milliseconds(updated_ms),
        revision=revision,
        domain=domain,
        settings=settings,
        status=standing.status if paused_ms is None else MonitorStatus.PAUSED,
        last_checked_at=None if last_checked_ms is None else from_milliseconds(last_checked_ms),
        standing=standing,
        certificate_expires_at=None if certificate_ms is None else from_milliseconds(certificate_ms),
        unreadable=unreadable,
    )


_STATUSES = {status.value: status for status in MonitorStatus}


def _written(settings: Settings, vault: Vault) -> tuple[str, str]:
    """The document without its secrets, and the secrets sealed."""
    proxy = settings.proxy_host
    secrets = _Secrets(
        auth_password=settings.auth_password,
        proxy_host=proxy if proxy and "@" in proxy else None,
        header_values=tuple(header.value for header in settings.request_headers),
        environment_variables=settings.environment_variables,
    )
    plain = msgspec.structs.replace(
        settings,
        auth_password="",
        proxy_host=None if secrets.proxy_host else proxy,
        request_headers=tuple(RequestHeader(header.id, header.name, "") for header in settings.request_headers),
        environment_variables={},
    )
    sealed = "" if secrets == _NO_SECRETS else vault.seal(_encode(secrets).decode())
    return _encode(plain).decode(), sealed


def _read(document: str, sealed: str, vault: Vault) -> tuple[Settings, str]:
    """The settings, and why they are not whole: one row that cannot be read must not stop the watching of the others.

    Without a word of what is in them: these words are logged.
    """
    try:
        settings = _decode_settings(document)
    except msgspec.MsgspecError:
        return Settings(), "its stored settings are not those of this version"
    if not sealed:
        return settings, ""
    try:
        return _with_secrets(settings, _opened(vault, sealed)), ""
    except msgspec.MsgspecError:
        return settings, "its stored secrets are not those of this version"
    except ValueError as error:
        return settings, str(error)


def _with_secrets(settings: Settings, secrets: _Secrets) -> Settings:
    headers = zip(settings.request_headers, secrets.header_values, strict=True)
    return msgspec.structs.replace(
        settings,
        auth_password=secrets.auth_password,
        proxy_host=secrets.proxy_host or settings.proxy_host,
        request_headers=tuple(RequestHeader(header.id, header.name, value) for header, value in headers),
        environment_variables=secrets.environment_variables,
    )


@lru_cache(maxsize=_SECRETS_CACHED)
def _opened(vault: Vault, sealed: str) -> _Secrets:
    return _decode_secrets(vault.open(sealed))
