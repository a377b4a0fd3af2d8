"""What can be asked of the door itself: who am I here, what may I do, what is on record, what can be taken back."""

import msgspec

from tocsin.gateway.api.abilities import OPERATIONS as _ABILITIES
from tocsin.gateway.api.audit_log import OPERATIONS as _AUDIT_LOG
from tocsin.gateway.api.plans import OPERATIONS as _PLANS
from tocsin.gateway.api.trash import OPERATIONS as _TRASH
from tocsin.gateway.api.whoami import OPERATIONS as _WHOAMI

_ABOUT_THE_GATEWAY = (*_WHOAMI, *_ABILITIES, *_AUDIT_LOG, *_TRASH)
OPERATIONS = (
    *(msgspec.structs.replace(operation, upstream="answered_here") for operation in _ABOUT_THE_GATEWAY),
    # What another house would do cannot be rehearsed, so nothing there can be planned.
    *(msgspec.structs.replace(operation, upstream="not_there") for operation in _PLANS),
)

__all__ = ["OPERATIONS"]
