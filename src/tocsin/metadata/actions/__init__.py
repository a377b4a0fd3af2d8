"""What can be done with facts: read what callers wrote, attach, change, forget, and ask who has them."""

from tocsin.metadata.actions.facts import at_opening, forget, listed, of, owners_having, page, put, read_facts
from tocsin.metadata.actions.references import Resolver

__all__ = ["Resolver", "at_opening", "forget", "listed", "of", "owners_having", "page", "put", "read_facts"]
