"""Status pages: what the public is told, in sections of resources, by reports, and who subscribes to them."""
