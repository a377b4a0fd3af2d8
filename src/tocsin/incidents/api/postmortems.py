"""The addresses of post-mortems: one text for each incident, drafted from its story. Ours, beyond the contract."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.incidents import actions
from tocsin.incidents.api.inputs import ById
from tocsin.incidents.model import Author, Postmortem
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Operation, Resource, Route
from tocsin.storage import Tx

_ONE = "/api/v3/incidents/{id}/postmortem"


class SavePostmortem(ById, frozen=True, kw_only=True):
    """The text in Markdown."""

    content: str
    updated_at: str | UnsetType | None = UNSET
    """As the caller has read it, so that nobody's change is lost: another one meanwhile is 409. Null: there was none.
    Not sent: whatever is there is replaced."""


class PostmortemAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, and by whom last."""

    incident_id: int
    content: str
    edited_by: str
    edited_by_user_id: int | None
    created_at: str
    updated_at: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A text to begin with."""

    content: str


def _get(tx: Tx, call: Call, input: ById) -> Postmortem:
    return actions.postmortem(tx, actions.find(tx, input.id, call.team_ids))


def _save(tx: Tx, call: Call, input: SavePostmortem) -> Postmortem:
    author = Author(name=call.actor.name, user_id=call.actor.user_id)
    seen = _instant(input.updated_at) if isinstance(input.updated_at, str) else None
    return actions.save_postmortem(
        tx,
        actions.find(tx, input.id, call.team_ids),
        input.content,
        author,
        seen=seen,
        unseen=input.updated_at is None,
    )


def _delete(tx: Tx, call: Call, input: ById) -> None:
    actions.remove_postmortem(tx, actions.find(tx, input.id, call.team_ids))


def _draft(tx: Tx, call: Call, input: ById) -> Draft:
    return Draft(content=actions.draft_postmortem(tx, actions.find(tx, input.id, call.team_ids)))


def _export(tx: Tx, call: Call, input: ById) -> bytes:
    return _get(tx, call, input).content.encode()


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Invalid.fields(updated_at="is not an instant")
    return found


def _render(saved: Postmortem) -> PostmortemAttributes:
    return PostmortemAttributes(
        incident_id=saved.incident_id,
        content=saved.content,
        edited_by=saved.edited_by,
        edited_by_user_id=saved.edited_by_user_id,
        created_at=to_wire(saved.created_at),
        updated_at=to_wire(saved.updated_at),
    )


POSTMORTEM = Resource(
    type="postmortem",
    attributes=PostmortemAttributes,
    render=_render,
    doc="What a team has learned of an incident, in Markdown.",
)
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="postmortems.get", upstream="not_there", routes=(Route("GET", _ONE),), area="incidents", level="read",
        input=ById, handler=_get, resource=POSTMORTEM,
        doc="Read the post-mortem of an incident.", deed="read the post-mortem of an incident",
    ),
    Operation(
        name="postmortems.save", upstream="not_there", routes=(Route("PUT", _ONE),), area="incidents", level="write",
        input=SavePostmortem, handler=_save, resource=POSTMORTEM, event="incident.postmortem", conflicts=True,
        doc="Write the post-mortem of an incident, or replace it.", deed="wrote the post-mortem of an incident",
    ),
    Operation(
        name="postmortems.delete", upstream="not_there", routes=(Route("DELETE", _ONE),), area="incidents",
        level="full", input=ById, handler=_delete, resource=POSTMORTEM, answer="none", switch="delete",
        event="incident.postmortem_deleted",
        doc="Delete the post-mortem of an incident.", deed="deleted the post-mortem of an incident",
    ),
    Operation(
        name="postmortems.draft", upstream="not_there", routes=(Route("GET", f"{_ONE}/draft"),), area="incidents",
        level="read", input=ById, handler=_draft, resource=POSTMORTEM, answer="flat", flat=Draft,
        doc="Draft a post-mortem from an incident's story; nothing is saved.",
        deed="drafted the post-mortem of an incident",
    ),
    Operation(
        name="postmortems.export", upstream="not_there", routes=(Route("GET", f"{_ONE}.md"),), area="incidents",
        level="read", input=ById, handler=_export, resource=POSTMORTEM, answer="flat",
        media="text/markdown", filename="post-mortem.md",
        doc="Download the post-mortem of an incident as a Markdown file.",
        deed="downloaded the post-mortem of an incident",
    ),
)  # fmt: skip
