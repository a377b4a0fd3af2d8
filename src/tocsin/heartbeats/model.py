"""The nouns of heartbeats."""
