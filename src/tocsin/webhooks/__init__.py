"""Tells other systems what happened here."""
