"""Gives an incident its facts: what the alert says, what its owner is known for, and what follows."""

from __future__ import annotations

import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.incidents import store
from tocsin.incidents.model import Opening
from tocsin.metadata import actions as metadata
from tocsin.metadata.model import Metadata, OwnerType, Value
from tocsin.metadata.rules import MAX_KEY_CHARACTERS, MAX_KEYS, MAX_VALUE_CHARACTERS, MAX_VALUES
from tocsin.storage import Tx

log = structlog.get_logger()

OWNER = OwnerType.INCIDENT
MAX_SHOWN_CHARACTERS = 300
"""Of a fact's values on the timeline; the whole of them stand in the incident."""


def attach(tx: Tx, incident_id: int, opening: Opening, facts: Metadata) -> None:
    """Attach its facts to an incident that has just been opened: `facts`, and what else is known.

    Whatever goes wrong with what owner and catalog add to them costs these additions alone: people are paged all the
    same.
    """
    said = [(key[:MAX_KEY_CHARACTERS], values) for key, values in facts.items() if key.strip()][:MAX_KEYS]
    given = {key: [_short(value) for value in values[:MAX_VALUES]] for key, values in said} | opening.facts
    try:
        given = metadata.at_opening(tx, opening.team_id, opening.owner_type, opening.owner_id, given)
    except DBAPIError:
        raise
    except Exception:
        log.exception("an incident opens without the facts of its owner and of the catalog", incident_id=incident_id)
    metadata.put(tx, team_id=opening.team_id, owner_type=OWNER, owner_id=incident_id, facts=given, new=True)


def replace(tx: Tx, incident_id: int, team_id: int, facts: Metadata) -> None:
    """Attach facts to an incident; keys that it has already are replaced."""
    metadata.put(tx, team_id=team_id, owner_type=OWNER, owner_id=incident_id, facts=facts)


def changed(tx: Tx, incident_id: int, key: str, before: str | None, after: str | None, by: str) -> None:
    """Tell on the timeline that somebody changed a fact; before and after as text, None = there was nothing."""
    before, after = _shown(before), _shown(after)
    if after is None:
        title, content = "Metadata removed", f"{by} removed {key}, which was {before}."
    elif before is None:
        title, content = "Metadata added", f"{by} set {key} to {after}."
    else:
        title, content = "Metadata changed", f"{by} changed {key} from {before} to {after}."
    store.tell(tx, incident_id, "metadata", title, content, by)


def _shown(text: str | None) -> str | None:
    return text if text is None or len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "…"


def _short(value: Value) -> Value:
    """What another system says may be longer than what a caller may."""
    return Value(value=(value.value or "")[:MAX_VALUE_CHARACTERS]) if value.type == "String" else value
