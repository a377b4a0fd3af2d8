"""The shelves of metadata: the facts themselves, and the catalog."""
