"""Look first, then do: what a deed would come to, kept for fifteen minutes, and done only if it still would."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.gateway import plans
from tocsin.gateway.plans import Applied
from tocsin.gateway.preview import Preview
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Operation, Route
from tocsin.storage import Tx


class MakePlan(msgspec.Struct, kw_only=True):
    """What is planned."""

    operation: str
    """A tool or an operation, e.g. `escalate_incident`."""
    arguments: dict[str, Any] = {}


class ById(msgspec.Struct, kw_only=True):
    """Which one."""

    id: int


class PlanShown(msgspec.Struct, frozen=True, kw_only=True):
    """A plan, and what it would come to."""

    plan_id: int
    operation: str
    expires_at: str
    preview: Preview


def _create(tx: Tx, call: Call, input: MakePlan) -> PlanShown:
    assert call.again is not None
    named = call.again.named(input.operation)
    if named.errand is not None:
        raise Invalid.fields(operation="changes nothing that could be looked at before: call it by itself")
    operation = named.name
    preview: Preview = call.again.rehearse(tx, operation, input.arguments)
    plan = plans.keep(tx, call.actor, operation, input.arguments, preview)
    return PlanShown(plan_id=plan.id, operation=operation, expires_at=to_wire(plan.expires_at), preview=preview)


def _apply(tx: Tx, call: Call, input: ById) -> Applied:
    """Never called: the door puts what was planned in its place, so that it is judged as itself."""
    raise AssertionError("the door applies plans")


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="plans.create", routes=(Route("POST", "/api/v2/plans"),), area="team", level="write", self_service=True,
        input=MakePlan, handler=_create, answer="flat", flat=PlanShown, tool_name="plan", secrets=("arguments",),
        doc="See what a call would do and whom it would wake, and keep it for fifteen minutes to be applied as it is.",
        deed="planned something",
    ),
    Operation(
        name="plans.apply", routes=(Route("POST", "/api/v2/plans/{id}/apply"),), area="team", level="write",
        self_service=True, input=ById, handler=_apply, answer="flat", flat=Applied, conflicts=True, tool_name="apply",
        doc="Do what was planned, once; refused when it would not come to the same any more.", deed="applied a plan",
    ),
)  # fmt: skip
"""`self_service`: what is planned is judged as itself, when it is planned and when it is applied."""
