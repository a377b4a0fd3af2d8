"""The addresses of comments: version 2 only (contract part 2, 1.8)."""

from __future__ import annotations

from msgspec import UNSET

from tocsin.incidents import actions
from tocsin.incidents.api.inputs import ById, CommentById, CreateComment, UpdateComment
from tocsin.incidents.api.resources import COMMENT
from tocsin.incidents.model import Author, Comment
from tocsin.registry import Call, Operation, Route
from tocsin.storage import Tx

_ALL = "/api/v2/incidents/{id}/comments"
_ONE = "/api/v2/incidents/{id}/comments/{comment_id}"


def _list(tx: Tx, call: Call, input: ById) -> list[Comment]:
    return actions.comments(tx, actions.find(tx, input.id, call.team_ids))


def _get(tx: Tx, call: Call, input: CommentById) -> Comment:
    return actions.comment(tx, actions.find(tx, input.id, call.team_ids), input.comment_id)


def _create(tx: Tx, call: Call, input: CreateComment) -> Comment:
    author = Author(name=call.actor.name, user_id=call.actor.user_id)
    return actions.write_comment(tx, actions.find(tx, input.id, call.team_ids), input.content, author)


def _update(tx: Tx, call: Call, input: UpdateComment) -> Comment:
    incident = actions.find(tx, input.id, call.team_ids)
    if input.content is UNSET:
        return actions.comment(tx, incident, input.comment_id)
    return actions.edit_comment(tx, incident, input.comment_id, input.content)


def _delete(tx: Tx, call: Call, input: CommentById) -> None:
    actions.remove_comment(tx, actions.find(tx, input.id, call.team_ids), input.comment_id)


OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="incident_comments.list",
        routes=(Route("GET", _ALL),),
        area="incidents",
        level="read",
        input=ById,
        handler=_list,
        doc="List the comments of an incident.",
        deed="listed the comments of an incident",
        resource=COMMENT,
        answer="all",
    ),
    Operation(
        name="incident_comments.create",
        routes=(Route("POST", _ALL),),
        area="incidents",
        level="write",
        input=CreateComment,
        handler=_create,
        doc="Write a comment under an incident.",
        deed="wrote a comment under an incident",
        resource=COMMENT,
        event="incident.comment",
    ),
    Operation(
        name="incident_comments.get",
        routes=(Route("GET", _ONE),),
        area="incidents",
        level="read",
        input=CommentById,
        handler=_get,
        doc="Get one comment of an incident.",
        deed="read a comment of an incident",
        resource=COMMENT,
    ),
    Operation(
        name="incident_comments.update",
        routes=(Route("PATCH", _ONE),),
        area="incidents",
        level="write",
        input=UpdateComment,
        handler=_update,
        doc="Change the text of a comment.",
        deed="changed a comment of an incident",
        resource=COMMENT,
    ),
    Operation(
        name="incident_comments.delete",
        routes=(Route("DELETE", _ONE),),
        area="incidents",
        level="full",
        input=CommentById,
        handler=_delete,
        doc="Delete a comment.",
        deed="deleted a comment of an incident",
        resource=COMMENT,
        answer="none",
        switch="delete",
    ),
)
