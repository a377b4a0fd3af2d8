"""The tables of heartbeats."""
