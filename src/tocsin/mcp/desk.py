"""Where tools are named: says which there are for this caller, and has the door do what is asked for, or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from tocsin.gateway import Actor, Door, Reply
from tocsin.gateway.request import Request
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import Invalid, TocsinError, Unauthenticated
from tocsin.mcp import elsewhere, errors, results
from tocsin.mcp.aliases import current
from tocsin.mcp.arguments import arranged
from tocsin.mcp.composites import Composite, composite_tool, given
from tocsin.mcp.offer import Offer, Tool
from tocsin.mcp.tools import COMPOSITES
from tocsin.mcp.visit import Visit
from tocsin.registry import Operation

log = structlog.get_logger()

SURFACE = "mcp"
"""How the audit log names this way in."""


_ADDRESSES = frozenset({"email", "address"})


class UnknownTool(Exception):
    """There is no tool of that name for anybody."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.message = f"There is no tool {name[:128]!r}. `tools/list` has those that you may call."


class Desk:
    """The tools of one server."""

    def __init__(self, door: Door, clock: Clock) -> None:
        self._door = door
        self.clock = clock
        self._offer = Offer(door.catalogue)
        self._secrets = _secrets(door)

    async def tools(self, visit: Visit) -> list[Tool]:
        """All that this caller may do or ask for, in the order of their names."""
        _, permitted = await self._door.permitted(visit.credential)
        names = {operation.name for operation in permitted}
        operations = [each for each in permitted if visit.narrowing.keeps_operation(each)]
        composites = [each for each in COMPOSITES.values() if self._offered(each, names, visit)]
        key = tuple(sorted([*(each.name for each in operations), *(each.name for each in composites)]))
        found = self._offer.remembered(key)
        if found is None:
            found = [*map(self._offer.tool, operations), *map(composite_tool, composites)]
            found.sort(key=lambda tool: str(tool["name"]))
            self._offer.remember(key, found)
        return found

    async def permitted(self, visit: Visit) -> tuple[Actor, set[str]]:
        """Who calls, and the names of the operations that are open to them here and now."""
        actor, permitted = await self._door.permitted(visit.credential)
        return actor, {each.name for each in permitted if visit.narrowing.keeps_operation(each)}

    async def call(self, visit: Visit, name: str, arguments: Mapping[str, Any]) -> results.Result:
        """Do it, or say what is in the way; raises UnknownTool."""
        tool = current(name)
        try:
            if (composite := COMPOSITES.get(tool)) is not None and self._door.catalogue.tool(tool) is None:
                visit.note(f"mcp.{tool}")
                return await self._composed(visit, composite, arguments)
            operation = self._door.catalogue.tool(tool)
            if operation is None or not operation.routes:
                raise UnknownTool(name)
            visit.note(operation.name)
            reply = await self.ask(self.bound(visit, operation), operation, arguments)
            if reply.passed_back is not None:
                return elsewhere.told(reply, self.secrets_of(operation))
            return results.told(reply, self.secrets_of(operation), self._secrets)
        except (Unauthenticated, UnknownTool):
            raise
        except TocsinError as error:
            return errors.failed(error, visit.request_id)
        except Exception:
            log.exception("tool failed", request_id=visit.request_id, tool=tool)
            return errors.our_fault(visit.request_id)

    async def ask(self, visit: Visit, operation: Operation, arguments: Mapping[str, Any]) -> Reply:
        """One operation through the door. Raises what the door raises."""
        sent = arranged(operation, arguments)
        secrets = self.secrets_of(operation)
        return await self._door.call(
            Request(
                operation=operation,
                route=operation.routes[0],
                credential=visit.credential,
                arguments=sent.arguments,
                surface=SURFACE,
                base_url=visit.base_url,
                team_id=sent.team_id,
                request_id=visit.request_id,
                render=(lambda reply: results.encoded(reply, secrets, self._secrets)) if sent.dry_run else None,
                dry_run=sent.dry_run,
            )
        )

    def bound(self, visit: Visit, operation: Operation) -> Visit:
        """The caller with the hands bound that they have bound themselves: the door refuses and writes it down."""
        if visit.narrowing.is_everything:
            return visit
        # All that is left, not this one alone: what is planned and applied is judged as itself.
        left = frozenset(each.name for each in self._door.catalogue if visit.narrowing.keeps_operation(each))
        return msgspec.structs.replace(visit, credential=msgspec.structs.replace(visit.credential, only=left))

    def operation(self, name: str) -> Operation | None:
        """By its own name, e.g. `incidents.get`."""
        catalogue = self._door.catalogue
        if name not in catalogue:
            return None
        return catalogue[name]

    def secrets_of(self, operation: Operation) -> frozenset[str]:
        """Attributes of its answer that are passwords and keys."""
        resource = operation.routes[0].resource or operation.resource
        return frozenset() if resource is None else self._secrets.get(resource.type, frozenset())

    def _offered(self, composite: Composite, permitted: set[str], visit: Visit) -> bool:
        if not visit.narrowing.keeps(composite.name, composite.areas):
            return False
        return permitted.issuperset(composite.operations)

    async def _composed(self, visit: Visit, composite: Composite, arguments: Mapping[str, Any]) -> results.Result:
        _, permitted = await self._door.permitted(visit.credential)
        names = {operation.name for operation in permitted}
        refused = visit
        missing = [name for name in composite.operations if name not in names]
        if not missing and not visit.narrowing.keeps(composite.name, composite.areas):
            missing = list(composite.operations)
            refused = msgspec.structs.replace(visit, credential=_nothing(visit))
        if missing:
            # What it lacks is asked for in earnest: the door says why not, and has it on record.
            operation = self.operation(missing[0])
            if operation is None:
                raise UnknownTool(composite.name)
            await self.ask(refused, operation, {})
            raise Invalid(f"{composite.name} cannot be had here.")
        structured, words = await composite.run(self._asker(visit), given(composite, arguments))
        return results.result(structured, words)

    def _asker(self, visit: Visit) -> Asker:
        return Asker(self, visit)


class Asker:
    """What a composite has in its hand: operations by name, through the door, and the present instant."""

    def __init__(self, desk: Desk, visit: Visit) -> None:
        self._desk = desk
        self._visit = visit
        self.now = desk.clock.now()

    async def __call__(self, name: str, **arguments: Any) -> results.Structured:
        """The structured answer of one operation. Raises what the door raises."""
        operation = self._desk.operation(name)
        assert operation is not None
        reply = await self._desk.ask(self._visit, operation, arguments)
        shaped = results.shaped if reply.passed_back is None else elsewhere.shaped
        return shaped(reply, self._desk.secrets_of(operation))


def _nothing(visit: Visit) -> Any:
    return msgspec.structs.replace(visit.credential, only=frozenset())


def _secrets(door: Door) -> dict[str, frozenset[str]]:
    """By the type of a resource: what its operations take as secrets, and answers must not tell a model.

    Addresses are kept out of the log for the sake of whoever lives there; whoever may read the thing may read them.
    """
    found: dict[str, frozenset[str]] = {}
    for operation in door.catalogue:
        for route in operation.routes:
            resource = route.resource or operation.resource
            if resource is not None and operation.secrets:
                found[resource.type] = found.get(resource.type, frozenset()) | (
                    frozenset(operation.secrets) - _ADDRESSES
                )
    return found
