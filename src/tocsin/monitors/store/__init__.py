"""Monitors' own shelf: their settings, where they stand, and what was measured."""
