"""The shelf of people's addresses and rules."""
