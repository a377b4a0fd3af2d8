"""What status pages do by themselves."""

from tocsin.status_pages.worker.images import Images

__all__ = ["Images"]
