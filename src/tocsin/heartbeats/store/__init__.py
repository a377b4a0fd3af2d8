"""The shelf of heartbeats: what was set up, where each stands, and every ping."""
