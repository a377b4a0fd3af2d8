"""A team's API tokens: listed, made and revoked by its people."""

from __future__ import annotations

from tocsin.accounts import rules, store
from tocsin.accounts.actions.identities import TOKEN_PREFIX
from tocsin.accounts.model import ApiToken
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.kernel.ids import fingerprint, new_token
from tocsin.storage import Tx, events

MAX_TOKENS = 200
"""Live ones of one team."""


def list_tokens(
    tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[ApiToken], int]:  # fmt: skip
    """One page of the live tokens of these teams (None = all teams), the newest first, and how many there are.

    Global tokens belong to no team: nobody sees them here, and only the command line makes them.
    """
    return store.page_of_tokens(tx, team_ids, (page - 1) * per_page, per_page), store.count_tokens(tx, team_ids)


def issue_token(tx: Tx, team_id: int, name: str, by: str) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret: the only time it can be seen. Raises Invalid (field `name`)."""
    name = rules.checked_name(name)
    if store.count_tokens(tx, (team_id,)) >= MAX_TOKENS:
        raise Invalid.fields(base=f"a team can have at most {MAX_TOKENS} API tokens: revoke one first")
    secret = new_token(TOKEN_PREFIX)
    id = store.insert_token(tx, team_id=team_id, name=name, fingerprint=fingerprint(secret), created_by=by)
    events.record(tx, "api_token.created", team_id=team_id, resource_type="api_token", resource_id=id, called=name)
    made = ApiToken(id=id, team_id=team_id, name=name, created_at=tx.now, last_used_at=None, created_by=by)
    return made, secret


def revoke_token(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> None:
    """End it, from the next request on. Raises NotFound."""
    found = store.team_token(tx, id, team_ids)
    if found is None or found.team_id is None or not store.revoke_token(tx, id):
        raise NotFound("api_token", id)
    events.record(
        tx, "api_token.revoked", team_id=found.team_id, resource_type="api_token", resource_id=id, called=found.name
    )
