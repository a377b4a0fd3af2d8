"""What can be asked of the door itself: who am I here, what may I do, what is on record, what can be taken back."""

from tocsin.gateway.api.audit_log import OPERATIONS as _AUDIT_LOG
from tocsin.gateway.api.plans import OPERATIONS as _PLANS
from tocsin.gateway.api.trash import OPERATIONS as _TRASH
from tocsin.gateway.api.whoami import OPERATIONS as _WHOAMI

OPERATIONS = (*_WHOAMI, *_AUDIT_LOG, *_TRASH, *_PLANS)

__all__ = ["OPERATIONS"]
