"""Says what an agent may do, what it must ask for and what is shut to it, with the reason: before it tries."""

from __future__ import annotations

import msgspec

from tocsin.agents import actions as agents
from tocsin.gateway.rules import Verdict, need
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Operation, Route
from tocsin.storage import Tx

_ANSWERS = ("allow", "ask", "deny")


class AbilitiesWanted(msgspec.Struct, kw_only=True):
    """Of which agent, and which of them."""

    id: int
    answer: str | None = None
    """allow, ask or deny."""
    operation: str | None = None
    """One operation or tool alone, e.g. `incidents.resolve`: may it?"""


class Ability(msgspec.Struct, kw_only=True):
    """One thing that can be done here, and whether this agent may."""

    operation: str
    tool: str
    doc: str
    area: str
    level: str
    """What must be granted in the area."""
    acts: list[str]
    """The switches that it needs whatever is sent."""
    answer: str
    """allow, ask or deny: in general; a call that is about one thing can be answered more strictly."""
    reason: str


class Abilities(msgspec.Struct, kw_only=True):
    """What an agent may do at this moment; `tools` counts what it would see over MCP."""

    tools: int
    items: list[Ability]


def _abilities(tx: Tx, call: Call, input: AbilitiesWanted) -> Abilities:
    assert call.again is not None
    if input.answer is not None and input.answer not in _ANSWERS:
        raise Invalid.fields(answer=f"must be one of: {', '.join(_ANSWERS)}")
    named = None if input.operation is None else call.again.named(input.operation).name
    found = call.again.abilities(tx, agents.find(tx, input.id, call.team_ids))
    items = [
        _ability(operation, verdict)
        for operation, verdict in found
        if (input.answer is None or verdict.answer.value == input.answer) and (named is None or operation.name == named)
    ]
    return Abilities(tools=sum(verdict.answer.value != "deny" for _, verdict in found), items=items)


def _ability(operation: Operation, verdict: Verdict) -> Ability:
    needed = need(operation, None)
    return Ability(
        operation=operation.name,
        tool=operation.tool,
        doc=operation.doc,
        area=operation.area,
        level=needed.level.value,
        acts=sorted(needed.acts),
        answer=verdict.answer.value,
        reason=verdict.reason,
    )


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="agents.abilities", routes=(Route("GET", "/api/v2/agents/{id}/abilities"),), area="agents", level="read",
        people_only=True, input=AbilitiesWanted, handler=_abilities, answer="flat", flat=Abilities,
        doc="Explain what an agent may do, must ask for and may not do, each with the reason.",
        deed="looked at what an agent may do",
    ),
)  # fmt: skip
