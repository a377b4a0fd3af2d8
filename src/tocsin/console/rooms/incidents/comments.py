"""Comments under an incident: written, changed, ticked off and deleted."""

from __future__ import annotations

from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.rooms.incidents.incident import draw
from tocsin.console.writing import boxes, toggled
from tocsin.kernel.errors import Conflict, Invalid


async def write(desk: Desk) -> Response:
    """Say something about it."""
    content = desk.field("content")
    try:
        await desk.call("incident_comments.create", id=desk.id, content=content)
    except Invalid as error:
        return await draw(
            desk,
            await desk.one("incidents.get", id=desk.id),
            422,
            wrong=wrong(error).get("content", [error.message]),
            typed=content,
        )
    return desk.go(f"/incidents/{desk.id}#story", "Comment added.")


async def form(desk: Desk) -> Response:
    """Change what was said."""
    return await _form(desk, {}, None)


async def change(desk: Desk) -> Response:
    """Keep the change, unless somebody else was quicker."""
    content = desk.field("content")
    before = await desk.one("incident_comments.get", id=desk.id, comment_id=_comment(desk))
    if desk.field("seen") != before["updated_at"]:
        theirs = {"base": ["Somebody else has changed it meanwhile: theirs is above, what you wrote below."]}
        return await _form(desk, theirs, content, 409)
    try:
        await desk.call("incident_comments.update", id=desk.id, comment_id=_comment(desk), content=content)
    except Invalid as error:
        return await _form(desk, wrong(error), content, 422)
    return desk.go(f"/incidents/{desk.id}#comment-{_comment(desk)}", "Comment changed.")


async def tick(desk: Desk) -> Response:
    """Tick boxes of a checklist: only what this page has changed, so that two people may tick at once."""
    before = await desk.one("incident_comments.get", id=desk.id, comment_id=_comment(desk))
    shown = set(desk.field("shown").split())
    ticked = set(desk.fields.get("box", []))
    now = {str(line): done for line, done in boxes(before["content"]).items()}
    wanted = {line for line in now if (line in ticked) != (line in shown) and now[line] != (line in ticked)}
    if set(desk.field("lines").split()) != set(now):
        raise Conflict("This checklist was changed meanwhile. Load the page again, and tick what you have done.")
    if wanted:
        content = toggled(before["content"], {int(line) for line in wanted})
        await desk.call("incident_comments.update", id=desk.id, comment_id=_comment(desk), content=content)
    return desk.go(f"/incidents/{desk.id}#comment-{_comment(desk)}", "Checklist saved.")


async def delete(desk: Desk) -> Response:
    """Into the trash."""
    await desk.call("incident_comments.delete", id=desk.id, comment_id=_comment(desk))
    return desk.go(f"/incidents/{desk.id}#story", "Comment deleted. For 30 days it can be had back from the trash.")


def _comment(desk: Desk) -> int:
    return int(desk.request.path_params["comment_id"])


async def _form(desk: Desk, errors: dict[str, list[str]], typed: str | None, status_code: int = 200) -> Response:
    one = await desk.one("incidents.get", id=desk.id)
    comment = await desk.one("incident_comments.get", id=desk.id, comment_id=_comment(desk))
    return desk.page(
        "incidents/comment.html", status_code=status_code, incident=one, comment=comment, errors=errors,
        content=comment["content"] if typed is None else typed, conflict=status_code == 409,
    )  # fmt: skip
