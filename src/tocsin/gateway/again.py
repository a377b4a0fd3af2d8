"""The door once more: some deeds are about other deeds, and those are judged and written down like any other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tocsin.gateway import preview, rules
from tocsin.gateway.identity import Actor
from tocsin.kernel.errors import Invalid, Refused
from tocsin.registry import Catalogue, Operation
from tocsin.storage import Tx

Rehearse = Callable[[Tx, Operation, Mapping[str, Any]], preview.Preview]


class Again:
    """See `registry.operation.Again`; `rehearse` is the door's."""

    def __init__(self, catalogue: Catalogue, actor: Actor, rehearse: Rehearse) -> None:
        self._catalogue, self._actor, self._rehearse = catalogue, actor, rehearse

    def may(self, operation: str) -> None:
        verdict = rules.decide(self._actor, self.named(operation), sent={})
        if verdict.answer is not rules.Answer.ALLOW:
            raise Refused(f"You may not do this: {verdict.reason}.")

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
