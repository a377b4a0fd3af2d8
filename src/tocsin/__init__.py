"""Tocsin watches your sites, wakes the right person when one breaks, and tells your customers the truth about it."""

__version__ = "0.1.0"
