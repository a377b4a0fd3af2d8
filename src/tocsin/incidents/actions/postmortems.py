"""What a team has learned of an incident: one text, drafted from its story, kept by whoever edits it last."""

from __future__ import annotations

from datetime import datetime, timedelta

from tocsin.incidents import store
from tocsin.incidents.actions.comments import MAX_COMMENTS
from tocsin.incidents.actions.recording import record
from tocsin.incidents.actions.timeline import timeline
from tocsin.incidents.model import Author, Incident, Postmortem
from tocsin.incidents.rules.drafting import drafted
from tocsin.incidents.store import postmortems as shelf
from tocsin.kernel.errors import Conflict, Invalid, NotFound
from tocsin.notify import actions as notify
from tocsin.storage import Tx

TYPE = "postmortem"
MAX_CHARACTERS = 200_000
"""A report of a long day, with its logs."""
MAX_MESSAGES = 250
"""Of an incident, whose fate a draft tells."""


def postmortem(tx: Tx, incident: Incident) -> Postmortem:
    """What was written. Raises NotFound."""
    found = shelf.find(tx, incident.id)
    if found is None:
        raise NotFound(TYPE, incident.id, f"Nobody has written a post-mortem of incident {incident.id} yet")
    return found


def save_postmortem(
    tx: Tx, incident: Incident, content: str, author: Author, *, seen: datetime | None, unseen: bool
) -> Postmortem:
    """Write it, or replace what is there. `seen`: as of when the author has read it; `unseen`: that there is none yet.

    With neither it replaces whatever is there. Raises Invalid (field `content`); Conflict when somebody else has
    changed it since.
    """
    _check(content)
    there = shelf.find(tx, incident.id)
    values = {"content": content, "edited_by": author.name, "edited_by_user_id": author.user_id}
    if there is None:
        if seen is not None:
            raise Conflict("The post-mortem was deleted meanwhile")
        shelf.add(tx, incident.id, values)
    else:
        stale = unseen or (seen is not None and seen != there.updated_at)
        now = max(tx.now, there.updated_at + timedelta(milliseconds=1))  # two changes never have the same instant
        if stale or not shelf.change(tx, there.id, there.updated_at, now, values):
            raise Conflict(f"{there.edited_by} has changed the post-mortem meanwhile")
    saved = postmortem(tx, incident)
    record(tx, "incident.postmortem", incident, by=author.name, created=there is None)
    return saved


def remove_postmortem(tx: Tx, incident: Incident) -> None:
    """Delete it. Raises NotFound."""
    postmortem(tx, incident)
    shelf.remove(tx, incident.id)
    record(tx, "incident.postmortem_deleted", incident)


def draft_postmortem(tx: Tx, incident: Incident) -> str:
    """What can be said of it from its story alone, in Markdown."""
    story = timeline(tx, incident, "")
    proofs, _ = notify.proofs(tx, incident.id, page=1, per_page=MAX_MESSAGES)
    comments = store.comments(tx, incident.id, MAX_COMMENTS)
    return drafted(incident, story[::-1], proofs, comments, tx.now)


def _check(content: str) -> None:
    if not content.strip():
        raise Invalid.fields(content="can't be blank")
    if len(content) > MAX_CHARACTERS:
        raise Invalid.fields(content=f"is too long (maximum is {MAX_CHARACTERS} characters)")
    if "\x00" in content:
        raise Invalid.fields(content="must not contain the character NUL")
