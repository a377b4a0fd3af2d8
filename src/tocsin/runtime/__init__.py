"""A running Tocsin: its settings, its parts put together, and the clockwork that keeps them moving."""
