"""The operations on status pages."""

from __future__ import annotations

from tocsin.registry import Operation
from tocsin.status_pages.api.contents import CONTENT_OPERATIONS
from tocsin.status_pages.api.groups import GROUP_OPERATIONS
from tocsin.status_pages.api.pages import PAGE_OPERATIONS
from tocsin.status_pages.api.previews import PREVIEW_OPERATIONS
from tocsin.status_pages.api.reports import REPORT_OPERATIONS
from tocsin.status_pages.api.subscribers import SUBSCRIBER_OPERATIONS
from tocsin.status_pages.api.visitors import VISITOR_OPERATIONS

OPERATIONS: tuple[Operation, ...] = (
    *PAGE_OPERATIONS,
    *PREVIEW_OPERATIONS,
    *CONTENT_OPERATIONS,
    *GROUP_OPERATIONS,
    *REPORT_OPERATIONS,
    *SUBSCRIBER_OPERATIONS,
    *VISITOR_OPERATIONS,
)
