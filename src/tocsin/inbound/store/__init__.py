"""The shelf of inbound alerts: who may send, what was sent, and every trouble from its first message to its end."""
