"""The decisions about telling other systems: what they are told, in which form, and how long we try."""
