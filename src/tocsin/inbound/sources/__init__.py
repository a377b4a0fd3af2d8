"""The systems whose alerts we understand: one module per source, found by looking into this folder."""
