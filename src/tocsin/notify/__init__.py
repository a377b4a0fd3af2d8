"""Tells people: every message is a row before it is sent, and stays one until a server has taken it."""
