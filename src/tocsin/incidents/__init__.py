"""What went wrong, since when, who answers for it and how it ended."""
