"""What can be done with facts and with the catalog: read, attach, change, forget, find, and add what follows."""

from tocsin.metadata.actions.facts import at_opening, forget, of, owners_having, page, put, read_facts
from tocsin.metadata.actions.records import Outcome, Owners, TeamOf, Told, delete, find, owners_team, put_key, update
from tocsin.metadata.actions.references import Resolver

__all__ = [
    "Outcome",
    "Owners",
    "Resolver",
    "TeamOf",
    "Told",
    "at_opening",
    "delete",
    "find",
    "forget",
    "of",
    "owners_having",
    "owners_team",
    "page",
    "put",
    "put_key",
    "read_facts",
    "update",
]
