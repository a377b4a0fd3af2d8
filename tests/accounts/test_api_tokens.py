"""A team's API tokens: made with a secret that is good at once, listed without it, revoked for good."""

from __future__ import annotations

import pytest

from tocsin.accounts import actions
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.storage import Database, Tx


async def test_a_token_is_good_until_it_is_revoked_and_of_its_team_alone(database: Database) -> None:
    def story(tx: Tx) -> None:
        ops, other = actions.ensure_team(tx, "Ops"), actions.ensure_team(tx, "Other")
        actions.create_token(tx, team_id=None, name="Global")
        actions.create_token(tx, team_id=other.id, name="Theirs")
        made, secret = actions.issue_token(tx, ops.id, " Deployments ", by="Alice Archer")
        newer, _ = actions.issue_token(tx, ops.id, "Backups", by="Bob Builder")
        found, total = actions.list_tokens(tx, (ops.id,), page=1, per_page=50)
        assert ([each.id for each in found], total) == ([newer.id, made.id], 2)
        assert (found[1].name, found[1].created_by, found[1].last_used_at) == ("Deployments", "Alice Archer", None)
        everywhere, _ = actions.list_tokens(tx, None, page=1, per_page=50)
        assert "Global" not in [each.name for each in everywhere]
        known = actions.authenticate(tx, secret)
        assert known is not None
        assert known.team_id == ops.id
        with pytest.raises(NotFound):
            actions.revoke_token(tx, made.id, (other.id,))
        actions.revoke_token(tx, made.id, (ops.id,))
        assert actions.authenticate(tx, secret) is None
        with pytest.raises(NotFound):
            actions.revoke_token(tx, made.id, (ops.id,))
        with pytest.raises(Invalid):
            actions.issue_token(tx, ops.id, "", by="Alice Archer")

    await database.write(story)
