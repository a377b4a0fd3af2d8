"""What may be set on a page, and what the public is shown: pure decisions."""
