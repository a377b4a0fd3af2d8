"""Pure decisions about inbound alerts: what may be set, what a message says, which incident an alert belongs to."""
