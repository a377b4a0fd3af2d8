"""What can be asked of the door itself: who am I here, and what may I do."""

from tocsin.gateway.api.whoami import OPERATIONS as _WHOAMI

OPERATIONS = (*_WHOAMI,)

__all__ = ["OPERATIONS"]
