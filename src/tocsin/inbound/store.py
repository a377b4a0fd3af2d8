"""The tables of inbound."""
