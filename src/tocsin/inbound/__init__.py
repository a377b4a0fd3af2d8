"""Alerts that other systems send us, turned into incidents."""
