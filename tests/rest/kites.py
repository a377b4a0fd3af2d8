"""A small resource of the tests' own, so that the API can be tried without the product behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tocsin.kernel.errors import Conflict, Invalid, NotFound, Refused, TooMany, Unavailable
from tocsin.registry import Call, Operation, Page, PageSize, Resource, Route, Scope
from tocsin.storage import Tx


class Kite(msgspec.Struct, kw_only=True):
    id: int
    team_id: int
    name: str
    tail: str | None = None
    length: int = 10


class KiteAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A kite (contract part 1, 2.1)."""

    name: str
    tail: str | None
    length: int
    created_at: str
    team_name: str


class CreateKite(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    tail: str | None = None
    length: int = 10


class UpdateKite(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str | msgspec.UnsetType = msgspec.UNSET
    tail: str | msgspec.UnsetType | None = msgspec.UNSET


class OneKite(msgspec.Struct, frozen=True, kw_only=True):
    id: int


class ListKites(msgspec.Struct, frozen=True, kw_only=True):
    name: str | None = None
    page: int = 1
    per_page: int = 3


class Nothing(msgspec.Struct, frozen=True):
    pass


class Wind(msgspec.Struct, frozen=True):
    metres_per_second: float


def _attributes(kite: Kite) -> KiteAttributes:
    return KiteAttributes(
        name=kite.name,
        tail=kite.tail,
        length=kite.length,
        created_at="2026-03-02T12:00:00.000Z",
        team_name=f"Team {kite.team_id}",
    )


KITE = Resource(
    type="kite",
    attributes=KiteAttributes,
    render=_attributes,
    relationships=lambda kite: {"string": {"data": None}},
    included=lambda kite: [("kites.get", kite.id + 1)],
    doc="A kite on a string.",
)

_PATH = "/api/v2/kites"


class Sky:
    """Holds the kites and the operations upon them."""

    def __init__(self) -> None:
        self.kites: dict[int, Kite] = {}

    def find(self, call: Call, id: int) -> Kite:
        kite = self.kites.get(id)
        if kite is None or (call.team_ids is not None and kite.team_id not in call.team_ids):
            raise NotFound("kite", id)
        return kite

    def create(self, tx: Tx, call: Call, input: CreateKite) -> Kite:
        assert call.team_id is not None
        if not input.name:
            raise Invalid.fields(name="can't be blank")
        id = len(self.kites) + 1
        kite = Kite(id=id, team_id=call.team_id, name=input.name, tail=input.tail, length=input.length)
        self.kites[id] = kite
        return kite

    def list(self, tx: Tx, call: Call, input: ListKites) -> Page[Kite]:
        found = [
            kite
            for kite in self.kites.values()
            if (call.team_ids is None or kite.team_id in call.team_ids) and input.name in (None, kite.name)
        ]
        start = (input.page - 1) * input.per_page
        return Page(found[start : start + input.per_page], len(found), input.page, input.per_page)

    def update(self, tx: Tx, call: Call, input: UpdateKite) -> Kite:
        kite = self.find(call, input.id)
        if input.name is not msgspec.UNSET:
            kite.name = input.name
        if input.tail is not msgspec.UNSET:
            kite.tail = input.tail
        return kite

    def cut(self, tx: Tx, call: Call, input: OneKite) -> None:
        del self.kites[self.find(call, input.id).id]

    def fail(self, tx: Tx, call: Call, input: OneKite) -> Kite:
        """Kite 1 is tangled, 2 is somebody's, 3 is tired, 4 has no sky; any other tears."""
        errors: dict[int, Exception] = {
            1: Conflict("Kite was already launched"),
            2: Refused("This token may not launch kites."),
            3: TooMany("Too many launches. Please try again later.", retry_after_seconds=7),
            4: Unavailable("The sky is locked. Nothing was written; try again.", retry_after_seconds=10),
            5: Invalid.values({"wind": ["north", "south"]}),
        }
        raise errors.get(input.id, RuntimeError("the secret reason"))

    @property
    def operations(self) -> tuple[Operation, ...]:
        one = _PATH + "/{id}"

        def kite(name: str, method: Any, path: str, input: Any, handler: Callable[..., Any], **more: Any) -> Operation:
            return Operation(
                name=f"kites.{name}",
                routes=(Route(method, path),),
                area="kites",
                level=more.pop("level", "write"),
                input=input,
                handler=handler,
                doc=more.pop("doc", f"{name.capitalize()} a kite."),
                deed=f"did {name} a kite",
                resource=more.pop("resource", KITE),
                **more,
            )

        return (
            kite("list", "GET", _PATH, ListKites, self.list, level="read", answer="list", scope=Scope.LIST,
                 page_size=PageSize(3, 4)),
            kite("create", "POST", _PATH, CreateKite, self.create, scope=Scope.CREATE, event="kite.created"),
            kite("get", "GET", one, OneKite, lambda tx, call, input: self.find(call, input.id), level="read"),
            kite("update", "PATCH", one, UpdateKite, self.update),
            kite("delete", "DELETE", one, OneKite, self.cut, level="full", answer="none", switch="delete"),
            kite("launch", "POST", one + "/launch", OneKite, self.fail, conflicts=True),
            kite("all", "GET", "/api/v2/all-kites", Nothing,
                 lambda tx, call, input: [each for each in self.kites.values() if call.team_ids is None],
                 level="read", answer="all"),
            kite("wind", "GET", "/api/v2/wind", Nothing, lambda tx, call, input: Wind(4.5), level="read",
                 answer="flat", flat=Wind, resource=None),
        )  # fmt: skip
