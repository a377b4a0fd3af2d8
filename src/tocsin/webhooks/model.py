"""The nouns of webhooks."""
