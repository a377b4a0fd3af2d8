"""What comes to the door and what leaves it: a call as a surface brings it, and the answer that is handed back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tocsin.gateway import idempotency, trash
from tocsin.gateway.identity import Actor, Credential
from tocsin.gateway.outgoing import Incoming, Outgoing, Raw
from tocsin.kernel.errors import Invalid
from tocsin.kernel.ids import new_request_id
from tocsin.registry import Operation, Resource, Route, Scope
from tocsin.registry.input import Arguments

Included = list[tuple[Resource, Any]]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the door hands back when the deed is done and durable."""

    operation: Operation
    route: Route
    status: int = 200
    """Which kind of success it was, as an HTTP status."""
    value: Any = None
    """What the handler returned: a record, a Page, a list, a struct or None."""
    included: Included = []
    """Other resources that the answer carries (contract part 2, 1.3)."""
    hidden: Mapping[str, frozenset[str]] = {}
    """Attributes of which this caller may see only that they are set, by the type of their resource."""
    body: bytes | None = None
    """What the surface's `render` made of it; on a replay, what it made the first time."""
    replayed: bool = False
    """True when an Idempotency-Key had seen this request before: nothing was done now."""
    trashed: trash.Item | None = None
    """What a deletion has put into the trash."""
    preview: bool = False
    """True when it was a dry run: `value` is a `gateway.preview.Preview`, `body` its JSON, and nothing was done."""
    passed_back: Incoming | None = None
    """The answer of another house, where it was done: `body` is its body, and there is no `value`."""

    @property
    def undo_id(self) -> int | None:
        """The number under which the trash has it: `trash.restore` takes it back."""
        return None if self.trashed is None else self.trashed.id


Render = Callable[[Reply], bytes]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One call as a surface brings it."""

    operation: Operation
    route: Route
    credential: Credential
    arguments: Arguments
    surface: str
    base_url: str
    team_id: int | None = None
    """The one of the caller's teams that this is about, by its id: like `team_name`, for surfaces that take ids."""
    request_id: str = msgspec.field(default_factory=new_request_id)
    idempotency_key: str | None = None
    render: Render | None = None
    dry_run: bool = False
    """Judge and do it, tell what it did, and undo it: see `gateway.preview`. Reads are done as always."""
    began: float = 0.0
    """When it came, in seconds of the monotonic clock: set by the door."""
    raw: Raw | None = None
    """The bytes as they came, where a surface has them: see `gateway.relaying`."""
    outgoing: Outgoing | None = None
    """What goes on to another house instead of being done here: set by the door."""


async def run_errand(request: Request, reply: Reply) -> Reply:
    """What a deed has to do outside, now that it is written down: its answer is what comes of that."""
    errand = reply.operation.errand
    if errand is None or reply.preview:
        return reply
    done = msgspec.structs.replace(reply, value=await errand(reply.value))
    return done if request.render is None else msgspec.structs.replace(done, body=request.render(done))


_DRAFTS = frozenset({"status_reports.create", "status_updates.create"})
"""What can begin as a draft."""


def drafted(actor: Actor, request: Request) -> Request:
    """The request of an agent that writes drafts only: what it says to the public waits for a person."""
    body = request.arguments.body
    if actor.agent is None or not actor.agent.drafts_only or isinstance(body, Invalid):
        return request
    if request.operation.name not in _DRAFTS:
        return request
    arguments = msgspec.structs.replace(request.arguments, body={**body, "draft": True})
    return msgspec.structs.replace(request, arguments=arguments)


def asked_in(request: Request) -> dict[str, Any]:
    """What was asked for beside the address, of a read too."""
    query = request.arguments.query
    if request.route.method != "GET":
        return sent_in(request)
    return {} if isinstance(query, Invalid) else {name: texts[-1] for name, texts in query.items() if texts}


def sent_in(request: Request) -> dict[str, Any]:
    """What was asked for beside the address: the body, or the query of a DELETE; {} when it cannot be read."""
    body, query = request.arguments.body, request.arguments.query
    if request.route.method == "DELETE":
        return {} if isinstance(query, Invalid) else {name: texts[-1] for name, texts in query.items() if texts}
    return {} if isinstance(body, Invalid) else dict(body)


def team_name(request: Request) -> str | None:
    if request.operation.scope is Scope.LIST:
        query = request.arguments.query
        if isinstance(query, Invalid):
            raise query
        names = query.get("team_name", [])
        return names[-1] if names and names[-1] else None
    body = request.arguments.body
    if isinstance(body, Invalid):
        raise body
    name = body.get("team_name")
    if name is not None and not isinstance(name, str):
        raise Invalid.fields(team_name="must be a string")
    return name or None


def digest_of(request: Request) -> str:
    """The fingerprint of exactly this call: its answer is kept, and a person's yes to it is given, by this."""
    return idempotency.digest(request.operation.name, request.arguments.path, sent_in(request))


def about_one(operation: Operation, id: int, credential: Credential, *, surface: str, base_url: str) -> Request:
    """The call of whoever comes by a link or a button of ours: this operation, on the record that it is about."""
    return Request(
        operation=operation,
        route=operation.routes[0],
        credential=credential,
        arguments=Arguments(path={"id": str(id)}),
        surface=surface,
        base_url=base_url,
    )
