"""Setting up who outside is told: create, change, show and delete webhooks."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.signatures import SECRET_PREFIX
from tocsin.storage import Tx, events
from tocsin.webhooks.model import Settings, Trigger, Webhook
from tocsin.webhooks.rules.settings import apply
from tocsin.webhooks.store import webhooks as shelf

TYPE = "outgoing_webhook"
MAX_WEBHOOKS_PER_TEAM = 100
"""Every event is written down once for each that wants it: beyond this a storm would hold up the database."""
NEW_SECRET_BYTES = 32
"""Of a signing secret made by us: as long as the digest that it keys."""


def create(tx: Tx, team_id: int, given: Mapping[str, Any]) -> Webhook:
    """Begin to tell somebody, of what happens from now on. `given`: wire names and values. Raises Invalid."""
    trigger = _trigger(given)
    settings, errors = apply(Settings(), given, trigger, _fresh_secret())
    if shelf.count(tx, team_id) >= MAX_WEBHOOKS_PER_TEAM:
        errors["base"] = [f"a team has at most {MAX_WEBHOOKS_PER_TEAM} outgoing webhooks: delete one first"]
    if errors:
        raise Invalid.of(errors)
    id = shelf.insert_webhook(tx, team_id=team_id, trigger=trigger, settings=settings)
    event_id = events.record(tx, f"{TYPE}.created", team_id=team_id, resource_type=TYPE, resource_id=id)
    shelf.begin_after(tx, id, event_id)
    return find(tx, id, None)


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> Webhook:
    """The webhook, if the caller may see it. Raises NotFound."""
    found = shelf.find(tx, id)
    if found is None or (team_ids is not None and found.team_id not in team_ids):
        raise NotFound(TYPE, id)
    return _shown(tx, [found])[0]


def list_webhooks(
    tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[Webhook], int]:  # fmt: skip
    """One page of the webhooks that the caller may see, by id, and how many there are in all."""
    found, total = shelf.page(tx, team_ids, offset=(page - 1) * per_page, limit=per_page)
    return _shown(tx, found), total


def update(tx: Tx, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any]) -> Webhook:
    """Change what is in `given` and nothing else. Raises NotFound, Invalid."""
    old = find(tx, id, team_ids)
    if "trigger_type" in given and given["trigger_type"] != old.trigger_type:
        raise Invalid.fields(trigger_type="can't be changed: create another webhook")
    current = Settings(
        name=old.name,
        url=old.url,
        events=old.events,
        notify_alongside_primary_responder=old.notify_alongside_primary_responder,
        signing_secret=old.signing_secret,
        template=old.template,
    )
    settings, errors = apply(current, given, old.trigger_type, _fresh_secret())
    if errors:
        raise Invalid.of(errors)
    shelf.update_webhook(tx, id, settings)
    events.record(tx, f"{TYPE}.updated", team_id=old.team_id, resource_type=TYPE, resource_id=id, changed=sorted(given))
    return find(tx, id, None)


def names(tx: Tx, ids: Collection[int]) -> dict[int, str]:
    """What webhooks are called, by id."""
    return shelf.names(tx, ids)


def delete(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> None:
    """Tell it nothing more, and forget its log (the housekeeping does, bit by bit). Raises NotFound."""
    webhook = find(tx, id, team_ids)
    shelf.delete_webhook(tx, id)
    events.record(tx, f"{TYPE}.deleted", team_id=webhook.team_id, resource_type=TYPE, resource_id=id)


def _trigger(given: Mapping[str, Any]) -> Trigger:
    if not given.get("trigger_type"):
        raise Invalid.missing(["trigger_type", *(() if given.get("url") else ("url",))])
    try:
        return Trigger(given["trigger_type"])
    except ValueError:
        raise Invalid.values({"trigger_type": [trigger.value for trigger in Trigger]}) from None


def _fresh_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(NEW_SECRET_BYTES)).decode()


def _shown(tx: Tx, webhooks: Sequence[Webhook]) -> list[Webhook]:
    """With the names of their teams."""
    names = {id: accounts.team(tx, id).name for id in {webhook.team_id for webhook in webhooks}}
    return [msgspec.structs.replace(webhook, team_name=names[webhook.team_id]) for webhook in webhooks]
