"""Decides how facts may be written, when two of them are the same, and what the catalog adds to them."""

from tocsin.metadata.rules.catalog import MAX_PASSES, enrich, enriched, matches, same
from tocsin.metadata.rules.terms import catalog_terms, key_term, lookup_term, terms
from tocsin.metadata.rules.values import (
    MAX_ID,
    MAX_KEY_CHARACTERS,
    MAX_KEYS,
    MAX_VALUE_CHARACTERS,
    MAX_VALUES,
    REFERENCES,
    checked_key,
    owner_type_of,
    parsed,
    parsed_values,
    plain,
    resource_type,
    typed,
)

__all__ = [
    "MAX_ID",
    "MAX_KEYS",
    "MAX_KEY_CHARACTERS",
    "MAX_PASSES",
    "MAX_VALUES",
    "MAX_VALUE_CHARACTERS",
    "REFERENCES",
    "catalog_terms",
    "checked_key",
    "enrich",
    "enriched",
    "key_term",
    "lookup_term",
    "matches",
    "owner_type_of",
    "parsed",
    "parsed_values",
    "plain",
    "resource_type",
    "same",
    "terms",
    "typed",
]
