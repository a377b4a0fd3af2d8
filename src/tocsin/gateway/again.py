"""The door once more: some deeds are about other deeds, and those are judged and written down like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tocsin.accounts.model import Role
from tocsin.agents.model import Agent
from tocsin.gateway import preview, rules, targets
from tocsin.gateway.identity import Actor, as_agent
from tocsin.kernel.errors import Invalid
from tocsin.registry import Catalogue, Operation
from tocsin.storage import Tx

Offered = Callable[[Tx, Actor], list[Operation]]
Rehearse = Callable[[Tx, Operation, Mapping[str, Any]], preview.Preview]


class Again:
    """See `registry.operation.Again`; `rehearse` is the door's."""

    def __init__(self, catalogue: Catalogue, actor: Actor, rehearse: Rehearse, offered: Offered) -> None:
        self._catalogue, self._actor, self._rehearse, self._offered = catalogue, actor, rehearse, offered

    def abilities(self, tx: Tx, agent: Agent) -> list[tuple[Operation, rules.Verdict]]:
        actor = as_agent(tx, agent)
        offered = {operation.name for operation in self._offered(tx, actor)}
        found = []
        for operation in self._catalogue:
            if not operation.routes:
                continue
            verdict = rules.decide(actor, operation, narrowable=targets.narrowable(operation))
            if verdict.answer is not rules.Answer.DENY and operation.name not in offered:
                verdict = rules.Verdict(rules.Answer.DENY, "it works in another house, which does not have this")
            found.append((operation, verdict))
        return found

    def may(self, operation: str, path: Mapping[str, str] | None = None, role: Role | None = None) -> None:
        actor = self._actor
        if role is not None:  # a link opens one thing only; what its person may do is another question
            actor = msgspec.structs.replace(actor, role=role, only=None, record_id=None)
        rules.insist(rules.decide(actor, self.named(operation), sent={}, path=path))

    def rehearse(self, tx: Tx, operation: str, arguments: Mapping[str, Any]) -> preview.Preview:
        found = self.named(operation)
        if found.reads or found.name.startswith("plans."):
            raise Invalid.fields(operation="changes nothing that could be planned")
        return self._rehearse(tx, found, arguments)

    def named(self, name: str) -> Operation:
        operation = self._catalogue[name] if name in self._catalogue else self._catalogue.tool(name)
        if operation is None or not operation.routes:
            raise Invalid.fields(operation="is no operation and no tool")
        return operation
