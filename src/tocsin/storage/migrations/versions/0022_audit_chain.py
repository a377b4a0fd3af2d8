"""The audit log as evidence: more is said in columns, and every entry is sealed into a chain.

An entry says by which credential, which program, which rule and whose approval it came about, what became of it and how
long that took. `mark` is an HMAC over all of it, written with the entry; `position`, `previous_hash` and `hash` are its
place in one of two chains, given to it by a worker within about a second. `audit_chains` says where each chain begins
and ends. Entries of earlier versions stay as they are, outside of the chains: nobody could vouch for them now.
"""

import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id, Instant

revision = "0022"
down_revision = "0021"

_TEXTS = (
    "owner_name", "credential_hint", "client_name", "area", "target_name", "rule", "approval_id", "approved_by",
    "result",
)  # fmt: skip


def upgrade() -> None:
    for name in _TEXTS:
        op.add_column("audit_entries", sa.Column(name, sa.Text, nullable=True))
    op.add_column("audit_entries", sa.Column("latency_ms", sa.Integer, nullable=True))
    for name in ("arguments_hash", "nonce", "chain", "mark"):
        op.add_column("audit_entries", sa.Column(name, sa.Text, nullable=True))
    op.add_column("audit_entries", sa.Column("position", Id, nullable=True))
    for name in ("previous_hash", "hash"):
        op.add_column("audit_entries", sa.Column(name, sa.Text, nullable=True))
    op.create_index("ix_audit_entries_team_position", "audit_entries", ["team_id", "position"])
    op.create_index("uq_audit_entries_position", "audit_entries", ["chain", "position"], unique=True)
    op.create_index("uq_audit_entries_mark", "audit_entries", ["mark"], unique=True)
    op.create_index(
        "ix_audit_entries_unsealed",
        "audit_entries",
        ["id"],
        sqlite_where=sa.text("position IS NULL AND mark IS NOT NULL"),
        postgresql_where=sa.text("position IS NULL AND mark IS NOT NULL"),
    )
    op.create_table(
        "audit_chains",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("first_position", Id, nullable=False),
        sa.Column("anchor_hash", sa.Text, nullable=False),
        sa.Column("anchored_at", Instant, nullable=True),
        sa.Column("head_position", Id, nullable=False),
        sa.Column("head_hash", sa.Text, nullable=False),
        sa.Column("began_after_id", Id, nullable=False),
        sa.Column("seal", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_audit_chains"),
    )
