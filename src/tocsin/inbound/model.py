"""The nouns of inbound."""
