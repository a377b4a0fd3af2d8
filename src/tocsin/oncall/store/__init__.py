"""The shelf of calendars, rotations and overrides."""
