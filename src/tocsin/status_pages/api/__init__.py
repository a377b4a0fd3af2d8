"""The operations on status pages."""

from __future__ import annotations

from tocsin.registry import Operation
from tocsin.status_pages.actions import PUBLISHING_TOPIC as PUBLISHING_TOPIC

OPERATIONS: tuple[Operation, ...] = ()
