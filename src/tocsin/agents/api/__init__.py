"""Agents on the wire: made, granted, stopped; their tokens; what they ask, and what is answered."""

import msgspec

from tocsin.agents.api.agents import OPERATIONS as _AGENTS
from tocsin.agents.api.approvals import OPERATIONS as _APPROVALS
from tocsin.agents.api.clients import OPERATIONS as _CLIENTS
from tocsin.agents.api.grants import OPERATIONS as _GRANTS
from tocsin.agents.api.tokens import OPERATIONS as _TOKENS

OPERATIONS = tuple(
    msgspec.structs.replace(operation, upstream="answered_here")
    for operation in (*_AGENTS, *_GRANTS, *_TOKENS, *_CLIENTS, *_APPROVALS)
)

__all__ = ["OPERATIONS"]
