"""What can be done with status pages: the public face of this package for every other room."""

from tocsin.status_pages.store.tables import NOTICES_TOPIC, PUBLISHING_TOPIC

__all__ = ["NOTICES_TOPIC", "PUBLISHING_TOPIC"]
