"""Who is paged about an incident, and at what instant, if nobody answers."""
