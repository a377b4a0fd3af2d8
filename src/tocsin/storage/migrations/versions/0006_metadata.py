"""Key-value facts on any resource, and the catalog that says what follows from them.

`metadata` holds all values of one key of one owner in one row, whatever the owner is; until now only incidents had
facts, one row for each value, and those are moved over. `metadata_terms` holds the numbers under which facts are found
again: a list of incidents that is filtered by a fact reads the few that have it instead of asking all of them, and a
value of ten thousand characters could not stand in an index itself. `catalog_terms` does the same for the catalog's
records, so that an incident opens as fast beside ten thousand of them as beside ten.
"""

import hashlib
import itertools
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

from tocsin.storage.tables import Id

revision = "0006"
down_revision = "0005"

_AT_ONCE = 500
"""Incidents whose facts are moved with one statement."""


def upgrade() -> None:
    _facts()
    _catalog()
    _move_over()
    op.drop_table("incident_metadata")


def _facts() -> None:
    op.create_table(
        "metadata",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_metadata_team_id_teams"), nullable=False),
        sa.Column("owner_type", sa.Text, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("values", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_metadata"),
        sa.UniqueConstraint("owner_type", "owner_id", "key", name="uq_metadata_owner_type_owner_id_key"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_metadata_team_id", "metadata", ["team_id", "id"])
    op.create_table(
        "metadata_terms",
        sa.Column("term", sa.BigInteger, nullable=False),
        sa.Column("owner_id", Id, nullable=False),
        sa.Column("key_term", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("term", "owner_id", name="pk_metadata_terms"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_metadata_terms_owner_id", "metadata_terms", ["owner_id", "key_term"])


def _catalog() -> None:
    op.create_table(
        "catalog_relations",
        sa.Column("id", Id, nullable=False),
        sa.Column("team_id", Id, sa.ForeignKey("teams.id", name="fk_catalog_relations_team_id_teams"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("match_mode", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_relations"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_catalog_relations_team_id", "catalog_relations", ["team_id", "id"])
    op.create_table(
        "catalog_attributes",
        sa.Column("id", Id, nullable=False),
        sa.Column("relation_id", Id, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("primary", sa.Boolean, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_attributes"),
        sa.UniqueConstraint("relation_id", "name", name="uq_catalog_attributes_relation_id_name"),
        sa.ForeignKeyConstraint(
            ["relation_id"], ["catalog_relations.id"], name="fk_catalog_attributes_relation_id_catalog_relations"
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "catalog_records",
        sa.Column("id", Id, nullable=False),
        sa.Column("relation_id", Id, nullable=False),
        sa.Column("entries", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_records"),
        sa.ForeignKeyConstraint(
            ["relation_id"], ["catalog_relations.id"], name="fk_catalog_records_relation_id_catalog_relations"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_catalog_records_relation_id", "catalog_records", ["relation_id", "id"])
    op.create_table(
        "catalog_terms",
        sa.Column("term", sa.BigInteger, nullable=False),
        sa.Column("record_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("term", "record_id", name="pk_catalog_terms"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_catalog_terms_record_id", "catalog_terms", ["record_id"])


def _move_over() -> None:
    connection = op.get_bind()
    last = 0
    while True:  # ends with the incidents: each round begins behind the last one
        incidents = connection.execute(
            sa.select(_INCIDENTS.c.id, _INCIDENTS.c.team_id, _INCIDENTS.c.started_at)
            .where(_INCIDENTS.c.id > last)
            .order_by(_INCIDENTS.c.id)
            .limit(_AT_ONCE)
        ).all()
        if not incidents:
            return
        _move(connection, incidents)
        last = incidents[-1].id


def _move(connection: sa.Connection, incidents: Any) -> None:
    owners = {row.id: row for row in incidents}
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    rows = connection.execute(
        sa.select(_OLD)
        .where(_OLD.c.incident_id >= incidents[0].id, _OLD.c.incident_id <= incidents[-1].id)
        .order_by(_OLD.c.id)
    )
    for row in rows:
        known = {name: getattr(row, name) for name in ("value", "item_id", "name", "email")}
        value = {"type": row.type, **{name: given for name, given in known.items() if given is not None}}
        if row.incident_id in owners:
            found.setdefault((row.incident_id, row.key), []).append(value)
    facts, terms = [], []
    for (incident_id, key), values in found.items():
        began_at = owners[incident_id].started_at
        text = msgspec.json.encode(values).decode()
        facts.append(
            {"team_id": owners[incident_id].team_id, "owner_type": "Incident", "owner_id": incident_id, "key": key,
             "values": text, "created_at": began_at, "updated_at": began_at}
        )  # fmt: skip
        key_term = _number(["Incident", key])
        terms += [
            {"term": term, "owner_id": incident_id, "key_term": key_term} for term in {key_term, *_terms(key, values)}
        ]
    if facts:
        connection.execute(sa.insert(_FACTS), facts)
        connection.execute(sa.insert(_TERMS), terms)


def _terms(key: str, values: list[dict[str, Any]]) -> set[int]:
    """As `metadata.rules.terms` had it when this was written."""
    found = set()
    for value in values:
        known = [[name, given] for name, given in value.items() if name != "type"]
        known = [[name, given.lower() if name == "email" else given] for name, given in known]
        for size in range(1, len(known) + 1):
            for some in itertools.combinations(known, size):
                found.add(_number(["Incident", key, value["type"], *some]))
    return found


def _number(parts: list[Any]) -> int:
    return int.from_bytes(hashlib.blake2b(msgspec.json.encode(parts), digest_size=8).digest(), "big", signed=True)


_INCIDENTS = sa.table("incidents", sa.column("id"), sa.column("team_id"), sa.column("started_at"))
_OLD = sa.table(
    "incident_metadata",
    *(sa.column(name) for name in ("id", "incident_id", "key", "type", "value", "item_id", "name", "email")),
)
_FACTS = sa.table(
    "metadata",
    *(sa.column(name) for name in ("team_id", "owner_type", "owner_id", "key", "values", "created_at", "updated_at")),
)
_TERMS = sa.table("metadata_terms", sa.column("term"), sa.column("owner_id"), sa.column("key_term"))
