"""What can be asked of the door itself: who am I here, what may I do, and what is on record."""

from tocsin.gateway.api.audit_log import OPERATIONS as _AUDIT_LOG
from tocsin.gateway.api.whoami import OPERATIONS as _WHOAMI

OPERATIONS = (*_WHOAMI, *_AUDIT_LOG)

__all__ = ["OPERATIONS"]
