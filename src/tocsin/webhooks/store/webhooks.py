"""Webhooks on the shelf: their addresses, passwords, headers and templates sealed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Row, Select, delete, func, insert, select, update

from tocsin.kernel.vault import Vault
from tocsin.storage import Tx
from tocsin.webhooks.model import Header, Listener, Settings, Template, Trigger, Webhook
from tocsin.webhooks.store.tables import templates, webhooks

_SECRETS_CACHED = 1024
"""Opened secrets kept in memory: opening one costs more than everything else about a row."""


class _Secrets(msgspec.Struct, frozen=True, omit_defaults=True):
    """What of a webhook is nobody's business who only has the file. Addresses of chats are passwords themselves."""

    url: str = ""
    signing_secret: str | None = None


class _TemplateSecrets(msgspec.Struct, frozen=True, omit_defaults=True):
    """The same of a template."""

    auth_password: str | None = None
    headers: tuple[Header, ...] = ()
    body: str | None = None


def insert_webhook(tx: Tx, *, team_id: int, trigger: Trigger, settings: Settings) -> int:
    """Put a webhook on the shelf; returns its id. Say with `begin_after` from when on it is told."""
    id = tx.insert(
        insert(webhooks).values(
            team_id=team_id,
            trigger_type=trigger.value,
            after_event_id=0,
            failures=0,
            held_until=None,
            created_at=tx.now,
            updated_at=tx.now,
            **_columns(settings, tx.vault),
        )
    )
    _put_template(tx, id, settings.template)
    return id


def begin_after(tx: Tx, id: int, event_id: int) -> None:
    """Events up to this one do not concern the webhook."""
    tx.execute(update(webhooks).where(webhooks.c.id == id).values(after_event_id=event_id))


def update_webhook(tx: Tx, id: int, settings: Settings) -> None:
    """Replace what is set, and ask the endpoint anew at once: whoever changes it has perhaps mended it."""
    changed = _columns(settings, tx.vault)
    tx.execute(
        update(webhooks).where(webhooks.c.id == id).values(updated_at=tx.now, failures=0, held_until=None, **changed)
    )
    _put_template(tx, id, settings.template)


def delete_webhook(tx: Tx, id: int) -> None:
    """Take a webhook and its template off the shelf."""
    tx.execute(delete(templates).where(templates.c.webhook_id == id))
    tx.execute(delete(webhooks).where(webhooks.c.id == id))


def find(tx: Tx, id: int) -> Webhook | None:
    found = _read(tx, select(webhooks).where(webhooks.c.id == id))
    return found[0] if found else None


def by_ids(tx: Tx, ids: Collection[int]) -> dict[int, Webhook]:
    return {webhook.id: webhook for webhook in _read(tx, select(webhooks).where(webhooks.c.id.in_(ids)))}


def names(tx: Tx, ids: Collection[int]) -> dict[int, str]:
    """What webhooks are called, by id; one without a name by its number."""
    column = webhooks.c
    found = tx.execute(select(column.id, column.name).where(column.id.in_(ids)))
    return {row.id: row.name or f"Webhook {row.id}" for row in found}


def listeners(tx: Tx, team_ids: Iterable[int]) -> list[Listener]:
    """Who of some teams is to be told of what, by id; nothing is opened for it. Bounded by what a team may have."""
    column = webhooks.c
    mine = select(
        column.id,
        column.team_id,
        column.trigger_type,
        column.events,
        column.after_event_id,
        column.notify_alongside_primary_responder,
    )
    return [
        Listener(
            id=row.id,
            team_id=row.team_id,
            trigger_type=Trigger(row.trigger_type),
            events=tuple(row.events),
            after_event_id=row.after_event_id,
            notify_alongside_primary_responder=row.notify_alongside_primary_responder,
        )
        for row in tx.execute(mine.where(column.team_id.in_(list(team_ids))).order_by(column.id))
    ]


def page(tx: Tx, team_ids: tuple[int, ...] | None, *, offset: int, limit: int) -> tuple[list[Webhook], int]:
    """One page by id, and how many there are in all."""
    statement, count = select(webhooks), select(func.count()).select_from(webhooks)
    if team_ids is not None:
        statement = statement.where(webhooks.c.team_id.in_(team_ids))
        count = count.where(webhooks.c.team_id.in_(team_ids))
    total: int = tx.execute(count).scalar_one()
    return _read(tx, statement.order_by(webhooks.c.id).offset(offset).limit(limit)), total


def count(tx: Tx, team_id: int) -> int:
    """How many webhooks a team has."""
    statement = select(func.count()).select_from(webhooks).where(webhooks.c.team_id == team_id)
    found: int = tx.execute(statement).scalar_one()
    return found


def stand(tx: Tx, id: int, *, failures: int, held_until: datetime | None) -> None:
    """Note how the endpoint stands."""
    tx.execute(update(webhooks).where(webhooks.c.id == id).values(failures=failures, held_until=held_until))


def _read(tx: Tx, statement: Select[Any]) -> list[Webhook]:
    rows = tx.execute(statement).all()
    if not rows:
        return []
    mine = select(templates).where(templates.c.webhook_id.in_([row.id for row in rows]))
    by_webhook = {row.webhook_id: row for row in tx.execute(mine)}
    return [_webhook(row, by_webhook.get(row.id), tx.vault) for row in rows]


def _webhook(row: Row[Any], template: Row[Any] | None, vault: Vault) -> Webhook:
    """One that cannot be opened must not hide the others: it says why, and holds nothing."""
    unreadable, secrets, opened = "", _Secrets(), None
    try:
        secrets = _opened(vault, row.secrets, _Secrets)
        opened = None if template is None else _template(template, vault)
    except msgspec.MsgspecError:
        unreadable = "its stored settings are not those of this version"
    except ValueError as error:
        unreadable = str(error)
    return Webhook(
        id=row.id,
        team_id=row.team_id,
        name=row.name,
        url=secrets.url,
        trigger_type=Trigger(row.trigger_type),
        events=tuple(row.events),
        notify_alongside_primary_responder=row.notify_alongside_primary_responder,
        signing_secret=secrets.signing_secret,
        template=opened,
        after_event_id=row.after_event_id,
        failures=row.failures,
        held_until=row.held_until,
        created_at=row.created_at,
        updated_at=row.updated_at,
        unreadable=unreadable,
    )


def _template(row: Row[Any], vault: Vault) -> Template:
    secrets = _opened(vault, row.secrets, _TemplateSecrets)
    return Template(
        id=row.id,
        http_method=row.http_method,
        auth_username=row.auth_username,
        auth_password=secrets.auth_password,
        headers_template=secrets.headers,
        body_template=secrets.body,
    )


def _columns(settings: Settings, vault: Vault) -> dict[str, Any]:
    secrets = _Secrets(url=settings.url, signing_secret=settings.signing_secret)
    return {
        "name": settings.name,
        "events": list(settings.events),
        "notify_alongside_primary_responder": settings.notify_alongside_primary_responder,
        "secrets": _sealed(vault, secrets),
    }


def _put_template(tx: Tx, webhook_id: int, template: Template | None) -> None:
    """A template without an id takes the place of whatever was there."""
    if template is None or not template.id:
        tx.execute(delete(templates).where(templates.c.webhook_id == webhook_id))
    if template is None:
        return
    secrets = _TemplateSecrets(template.auth_password, template.headers_template, template.body_template)
    values = {
        "http_method": template.http_method,
        "auth_username": template.auth_username,
        "secrets": _sealed(tx.vault, secrets),
    }
    if template.id:
        tx.execute(update(templates).where(templates.c.id == template.id).values(**values))
    else:
        tx.execute(insert(templates).values(webhook_id=webhook_id, **values))


def _sealed(vault: Vault, secrets: msgspec.Struct) -> str:
    return vault.seal(msgspec.json.encode(secrets).decode())


@lru_cache(maxsize=_SECRETS_CACHED)
def _opened(vault: Vault, sealed: str, kind: type[Any]) -> Any:
    return msgspec.json.decode(vault.open(sealed) or "{}", type=kind)
