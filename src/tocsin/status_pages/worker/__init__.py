"""What status pages do by themselves."""

from tocsin.status_pages.worker.images import Images
from tocsin.status_pages.worker.notices import Notices
from tocsin.status_pages.worker.publishing import AutomaticReports, Publishing

__all__ = ["AutomaticReports", "Images", "Notices", "Publishing"]
