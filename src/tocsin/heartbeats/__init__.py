"""What must call us, and when its silence is an outage."""
