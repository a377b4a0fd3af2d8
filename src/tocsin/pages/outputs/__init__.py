"""What a status page says to programs: one file per format, each a pure function of what the public sees."""
