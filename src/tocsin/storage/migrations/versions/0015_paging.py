"""What an escalation must remember of its policy.

The plan of an incident is a copy of every policy to which it can lead. How far it has come (`course`) is kept beside
it: which way a branch took is decided once, at its instant, and no later edit of metadata takes another. `owed` holds
steps that found nobody at all, until somebody joins; `told_target_ids` the places that were told. Escalations that run
during the upgrade go on: their plans are rewritten in the new form. `escalation_errands` are the instructions that a
policy has come to, each to be written once and to be reminded of until it is done.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant

revision = "0015"
down_revision = "0014"

_ONCE = ("incident_id", "policy_id", "step")
_MEMBERS = {"primary": "current_on_call", "others": "others", "team": "entire_team"}


def upgrade() -> None:
    for name, empty in (("course", '{"runs":[],"turns":0}'), ("owed", "[]"), ("told_target_ids", "[]")):
        op.add_column("escalations", sa.Column(name, sa.Text, nullable=False, server_default=empty))
    op.create_table(
        "escalation_errands",
        sa.Column("id", Id, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("policy_id", Id, nullable=False),
        sa.Column("step", Id, nullable=False),
        sa.Column("instructions", sa.Text, nullable=False),
        sa.Column("comment_id", Id, nullable=True),
        sa.Column("due_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_escalation_errands"),
        sa.UniqueConstraint(*_ONCE, name="uq_escalation_errands_incident_id_policy_id_step"),
        sqlite_autoincrement=True,
    )
    where = sa.text("due_at IS NOT NULL")
    op.create_index(
        "ix_escalation_errands_due_at", "escalation_errands", ["due_at"], sqlite_where=where, postgresql_where=where
    )
    _rewrite()


def _rewrite() -> None:
    """Plans in their old form: steps with a target each, told apart from new ones by having no scripts."""
    columns: list[Any] = [sa.column(name) for name in ("id", "plan", "opened_at", "since", "next_page_at")]
    escalations = sa.table("escalations", *columns, sa.column("course"))
    connection = op.get_bind()
    for row in connection.execute(sa.select(*columns).select_from(escalations)).all():
        old = json.loads(row.plan)
        if "scripts" in old:
            continue
        plan, course = _converted(old, row.opened_at, row.since, row.next_page_at is not None)
        values = {"plan": json.dumps(plan), "course": json.dumps(course)}
        connection.execute(sa.update(escalations).where(escalations.c.id == row.id).values(**values))


def _converted(
    old: dict[str, Any], opened_at: int, since: int, runs_on: bool
) -> tuple[dict[str, Any], dict[str, Any]]:  # fmt: skip
    steps = [
        {
            "wait_seconds": step["wait_seconds"],
            "members": [{"type": _MEMBERS[step["target"]]}],
            "channels": step["channels"],
        }
        for step in old["steps"]
    ]
    plan = {"scripts": {"0": {"steps": steps}}, "root": 0, "otherwise": ["email"], "note": old["note"]}
    runs: list[dict[str, Any]] = []
    due_ms = 0
    for number, step in enumerate(old["steps"]):
        due_ms += step["wait_seconds"] * 1000
        if runs_on and not runs and opened_at + due_ms > since:
            runs.append({"policy_id": 0, "due_at": due_ms, "step": number, "path": [0]})
    return plan, {"runs": runs, "turns": 0}
