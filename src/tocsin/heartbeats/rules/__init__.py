"""When a job's silence is an outage: pure decisions over settings, standing and an instant."""
