"""What can be done: each deed declared once, from which every surface draws its own form of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from typing import Any, Generic, Literal, Protocol, TypeVar

import msgspec

from tocsin.registry.resource import Resource
from tocsin.storage import Tx

R = TypeVar("R")


class Caller(Protocol):
    """Who calls: filled in by the gateway, the only one that knows."""

    @property
    def kind(self) -> str: ...
    @property
    def id(self) -> int | None: ...
    @property
    def name(self) -> str: ...
    @property
    def user_id(self) -> int | None: ...
    @property
    def role(self) -> str | None:
        """Of a person who is signed in: as what, in the team at which they look; None where roles do not count."""
        ...


class Again(Protocol):
    """The door once more, for the same caller: for operations that are about other operations."""

    def may(self, operation: str, path: Mapping[str, str] | None = None, role: Any = None) -> None:
        """Raises Refused unless the caller may do this now, without asking anybody.

        `path`: the parameters of its address, where it depends on them; None = at all. `role`: a person's in the team
        that it is about (a `Role`), who came by a link.
        """
        ...

    def named(self, name: str) -> Operation:
        """An operation by its name or its tool's. Raises Invalid (field `operation`) when there is none."""
        ...

    def abilities(self, tx: Tx, agent: Any) -> list[tuple[Operation, Any]]:
        """Everything there is, with the verdict on whether this agent (a `Agent` with all its grants) may do it, in
        general and at this instant."""
        ...

    def rehearse(self, tx: Tx, operation: str, arguments: Mapping[str, Any]) -> Any:
        """A dry run of another operation (its name or its tool), judged and written down as if it came by itself.

        Returns a `gateway.preview.Preview`.
        """
        ...


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller may see of a list: what is within all of these. Several of them: what is within any."""

    monitor_ids: tuple[int, ...] | None = None
    """These monitors and what is about them; None = whatever it is about."""
    monitor_group_ids: tuple[int, ...] = ()
    """These groups, where groups are listed."""
    metadata: Mapping[str, str] = {}
    """What carries all these facts."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call, after the door has let it in: who, within which teams, in answer to which request."""

    actor: Caller
    team_ids: tuple[int, ...] | None
    """The teams whose things this caller may see here; None = all (a global token without `team_name`)."""
    team_id: int | None
    """The team that owns what is created; always set for `Scope.CREATE`."""
    reach: tuple[Bounds, ...] | None = None
    """Within which the lists that know it show things; None = everything of these teams."""
    request_id: str
    surface: str
    base_url: str
    """The public address, without a trailing slash, for links that go into answers and messages."""
    again: Again | None = None
    """Always there when the door made this call."""


class Page(msgspec.Struct, Generic[R], frozen=True):
    """One page of a list: what a list operation returns."""

    items: Sequence[R]
    total: int
    page: int
    per_page: int


class Done(msgspec.Struct, Generic[R], frozen=True):
    """What a handler returns when success is not always the same: one of the operation's `statuses`, and the record."""

    status: int
    value: R | None = None


class PageSize(msgspec.Struct, frozen=True):
    """`per_page` of a list when it is not given, and at the most (contract part 2, 0.1). Larger is clamped."""

    default: int = 50
    maximum: int = 250


class Scope(StrEnum):
    """What `team_name` means to an operation (contract part 1, section 1)."""

    CREATE = "create"
    """Names the owner; required from a global token."""
    LIST = "list"
    """Filters; optional."""
    RECORD = "record"
    """Not accepted: the record knows its team."""


class Route(msgspec.Struct, frozen=True):
    """One HTTP address of an operation. `{id}` stands for a path parameter (a field of the input struct)."""

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: str
    resource: Resource | None = None
    """The form of the answer at this address when it differs (v2 and v3 of incidents)."""

    @property
    def path_parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)


class Operation(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A deed: `handler(tx, call, input) -> record | Page | None`, run inside one transaction by the door.

    `input` is a msgspec struct. Field names are the wire's. A field without default is required; `UNSET` as default
    means "not sent" (partial update); `T | None` is nullable, and then `""` means null (contract part 1, 2.5).
    """

    name: str
    """`area.verb`, e.g. `monitors.create`: unique, and the word of audit log, CLI and MCP."""
    routes: tuple[Route, ...]
    area: str
    level: Literal["read", "write", "full"]
    """What a caller must be granted in the area: read; write to create and change; full to delete."""
    input: type[msgspec.Struct]
    handler: Callable[[Tx, Call, Any], Any]
    doc: str
    """One sentence in the imperative, for people: OpenAPI summary, MCP description, --help."""
    deed: str
    """The past-tense phrase of the audit sentence, e.g. `created a monitor`."""
    resource: Resource | None = None
    answer: Literal["one", "list", "all", "flat", "none"] = "one"
    """one: a resource; list: a page of them; all: every one, unpaginated; flat: a struct as it is; none: 204."""
    flat: type[msgspec.Struct] | None = None
    media: str | None = None
    """For a flat answer that is bytes as they are, e.g. a picture: their media type; None = JSON."""
    filename: str | None = None
    """For such bytes: what a browser shall save them as; None = it shows them."""
    scope: Scope = Scope.RECORD
    page_size: PageSize = PageSize()
    switch: str | None = None
    """The risky act that an agent must be allowed besides: acknowledge, resolve, page, delete, publish, notify."""
    acts: Callable[[Mapping[str, Any]], frozenset[str]] | None = None
    """Which risky acts these attributes, as they were sent, amount to, when that is not always `switch` alone."""
    acts_at_least: frozenset[str] = frozenset()
    """With `acts`: those that every such call amounts to, whatever is sent."""
    people_only: bool = False
    """What no agent can ever be granted: tokens, members, how people are reached, grants and approvals."""
    self_service: bool = False
    """What is about the caller itself: every agent may do it, without any grant."""
    upstream: Literal["passed_on", "answered_here", "not_there"] = "passed_on"
    """What becomes of an agent's call when the real Better Stack stands behind the door (docs/proxy.md): it has this
    operation too; or it is about the gateway itself, and answered here; or it is Tocsin's alone, and nobody has it."""
    tool_name: str | None = None
    """What agents call it, when the rule of `tool` gives another word than the contract (MCP, 1.2)."""
    event: str | None = None
    """The event that doing this records, if any, e.g. `monitor.created`."""
    conflicts: bool = False
    """Whether it can answer 409."""
    not_found: bool = False
    """Whether it can answer 404 although its address names nothing: what it looks for stands in the query."""
    bad_request: bool = False
    """Whether it can answer 400 for more than malformed JSON (date ranges)."""
    tags: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    """Input fields that never stand in the audit log in clear."""
    statuses: tuple[int, ...] = ()
    """The HTTP statuses of success when they are not what `success` would say; the first is the usual one.

    A handler returns `Done` for any of the others.
    """
    list_field: str | None = None
    """The input field that takes the whole body when that is a JSON array and no object."""
    paged: bool = True
    """For lists: whether `page` and `per_page` are taken."""
    errand: Callable[[Any], Awaitable[Any]] | None = None
    """What is done outside, after the transaction and its entry are durable, with what the handler returned: its result
    is the answer. For what cannot be done in a transaction and is wanted at once; a dry run leaves it out, and it is
    done each time, whatever Idempotency-Key it comes with."""
    picks: str | None = None
    """For lists: the input field with which a single one is asked for, and answered, at the list's own address."""

    @property
    def reads(self) -> bool:
        return self.level == "read"

    @property
    def success(self) -> int:
        """The HTTP status of success: 201 for what a POST creates, 204 for nothing, 200 otherwise."""
        if self.statuses:
            return self.statuses[0]
        if self.answer == "none":
            return 204
        return 201 if self.creates else 200

    @property
    def tool(self) -> str:
        """What agents call it: lists by their plural, one by its singular, deeds by verb and singular.

        E.g. `monitors`, `monitor`, `create_monitor`, `incident_timeline`.
        """
        if self.tool_name is not None:
            return self.tool_name
        noun, verb = self.name.split(".")
        if verb in ("list", "get"):
            return noun if verb == "list" else singular(noun)
        return f"{singular(noun)}_{verb}" if self.reads else f"{verb}_{singular(noun)}"

    def acts_of(self, sent: Mapping[str, Any]) -> frozenset[str]:
        """The risky acts that a call with these attributes amounts to: each must be allowed besides."""
        if self.acts is not None:
            return self.acts_at_least | self.acts(sent)
        return self.least_acts()

    def least_acts(self) -> frozenset[str]:
        """The risky acts that any call of it amounts to: who may not do these may not do it at all."""
        if self.acts is not None:
            return self.acts_at_least
        return frozenset() if self.switch is None else frozenset({self.switch})

    @property
    def creates(self) -> bool:
        return self.scope is Scope.CREATE or self.name.endswith(".create")

    @cached_property
    def readonly(self) -> frozenset[str]:
        """Attribute names that answers carry and this operation does not take: sent back by clients, ignored by us."""
        if self.resource is None:
            return frozenset()
        taken = {field.encode_name for field in msgspec.structs.fields(self.input)}
        shown = {field.encode_name for field in msgspec.structs.fields(self.resource.attributes)}
        return frozenset(shown - taken)


def singular(noun: str) -> str:
    """One of them: `policies` -> `policy`, `status_pages` -> `status_page`, `news` stays what it is."""
    if noun.endswith("ies"):
        return noun[:-3] + "y"
    return noun.removesuffix("s")
