"""The shelves of outgoing webhooks: who is to be told, and every message to them."""
