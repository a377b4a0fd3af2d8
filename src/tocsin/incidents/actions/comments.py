"""What people write under an incident while they work on it."""

from __future__ import annotations

from tocsin.accounts import actions as accounts
from tocsin.incidents import store
from tocsin.incidents.actions.recording import record
from tocsin.incidents.model import Author, Comment, Incident
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.storage import Tx

COMMENT_TYPE = "incident_comment"
MAX_COMMENT_CHARACTERS = 50_000
"""Long enough for a pasted log, short enough for a page that shows all of them."""
MAX_COMMENTS = 1_000
"""Comments shown per incident, the newest ones."""


def comments(tx: Tx, incident: Incident) -> list[Comment]:
    """The comments of an incident, the oldest first."""
    return store.comments(tx, incident.id, MAX_COMMENTS)


def comment(tx: Tx, incident: Incident, id: int) -> Comment:
    """One comment of an incident. Raises NotFound."""
    found = store.comment(tx, incident.id, id)
    if found is None:
        raise NotFound(COMMENT_TYPE, id)
    return found


def write_comment(tx: Tx, incident: Incident, content: str, author: Author) -> Comment:
    """Add a comment. Raises Invalid (field `content`)."""
    _check(content)
    user = None if author.user_id is None else accounts.user(tx, author.user_id)
    id = store.add_comment(
        tx,
        {
            "incident_id": incident.id,
            "content": content,
            "user_id": author.user_id,
            "user_email": None if user is None else user.email,
            "author_name": author.name,
        },
    )
    written = comment(tx, incident, id)
    told = {"id": id, "content": content, "created_at": written.created_at, "author_name": written.author_name}
    record(tx, "incident.comment", incident, comment={**told, "author_email": written.user_email})
    return written


def edit_comment(tx: Tx, incident: Incident, id: int, content: str) -> Comment:
    """Replace a comment's text. Raises NotFound, Invalid (field `content`)."""
    _check(content)
    store.edit_comment(tx, comment(tx, incident, id).id, content)
    return comment(tx, incident, id)


def remove_comment(tx: Tx, incident: Incident, id: int) -> None:
    """Delete a comment. Raises NotFound."""
    store.remove_comment(tx, comment(tx, incident, id).id)


def _check(content: str) -> None:
    if not content.strip():
        raise Invalid.fields(content="can't be blank")
    if len(content) > MAX_COMMENT_CHARACTERS:
        raise Invalid.fields(content=f"is too long (maximum is {MAX_COMMENT_CHARACTERS} characters)")
    if "\x00" in content:
        raise Invalid.fields(content="must not contain the character NUL")
