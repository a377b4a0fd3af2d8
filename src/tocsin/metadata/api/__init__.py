"""The addresses of metadata and of the catalog (contract part 2, section 7)."""
