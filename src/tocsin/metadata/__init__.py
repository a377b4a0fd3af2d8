"""Key-value facts that anyone may attach to what is watched and to what happened, and the catalog that adds to them."""
