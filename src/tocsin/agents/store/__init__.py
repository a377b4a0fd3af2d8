"""The shelf of agents: their rows, their tokens' rows, and the rows of what they asked."""

from tocsin.agents.store import agents, approvals, tokens

__all__ = ["agents", "approvals", "tokens"]
