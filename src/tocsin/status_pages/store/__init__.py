"""Status pages on the shelf."""
