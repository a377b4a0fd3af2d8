"""The tables of metadata."""
