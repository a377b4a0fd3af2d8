"""The nouns of metadata."""
