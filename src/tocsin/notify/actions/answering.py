"""The secrets by which a message is answered, and by which a provider says what became of it."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import timedelta

from tocsin.notify.actions.recording import notice_in
from tocsin.notify.model import AnswerLink
from tocsin.notify.store import sending as shelf
from tocsin.storage import Tx

MAX_OPEN = 100
"""Open pages of one person that are looked at for an answer by text message."""
LINK_LIFETIME = timedelta(days=30)
"""How long after its message was planned a link is good: an old mailbox is not to be a key to all of the past. What is
open for longer is answered through the API."""
CODE_LIFETIME = timedelta(hours=24)
"""How long after its page a code is understood: four digits are not to be a key to all of the past."""

_TOKEN = re.compile(r"(\d{1,18})-([0-9a-f]{32})")
_ANSWER = "answer"
_STATE = "state"


def answer_token(tx: Tx, delivery_id: int) -> str:
    """What proves that somebody holds this very message: the last part of its link, what its buttons carry."""
    return f"{delivery_id}-{tx.vault.sign(f'{_ANSWER}:{delivery_id}')}"


def answer_url(tx: Tx, base_url: str, delivery_id: int) -> str:
    """The secret link by which one person answers. Opening it changes nothing: mail scanners do that."""
    return f"{base_url.rstrip('/')}/answer/{answer_token(tx, delivery_id)}"


def verify_answer(tx: Tx, token: str) -> AnswerLink | None:
    """Whom the last part of an answer link was sent to; None when it is not one of ours, or is too old."""
    id = _verified(tx, _ANSWER, token)
    row = None if id is None else shelf.get(tx, id)
    if row is None or tx.now - row.planned_at > LINK_LIFETIME:
        return None
    return AnswerLink(
        delivery_id=row.id,
        team_id=row.team_id,
        incident_id=row.incident_id,
        user_id=row.user_id,
        channel=row.channel,
        target_id=row.target_id,
        question_id=notice_in(row).question_id,
    )


def state_url(tx: Tx, base_url: str, delivery_id: int) -> str:
    """The secret address at which a provider says what became of this message; its last part is for `verify_state`."""
    return f"{base_url.rstrip('/')}/callbacks/{delivery_id}-{tx.vault.sign(f'{_STATE}:{delivery_id}')}"


def verify_state(tx: Tx, token: str) -> int | None:
    """Which delivery a provider speaks of (its id); None when the token is not one of ours."""
    return _verified(tx, _STATE, token)


def by_code(tx: Tx, user_ids: Collection[int], code: str | None) -> list[str]:
    """The answer tokens of these people's pages by text message, the newest first.

    `code`: of that incident only, also when somebody has answered already: it can still be resolved, or its state be
    told. None: of all that are open, one for each incident and person, so that whoever answers without a code can be
    understood when there is just one.
    """
    found: dict[tuple[int, int], int] = {}
    for row in shelf.with_code(tx, user_ids, code, tx.now - CODE_LIFETIME, MAX_OPEN):
        found.setdefault((row.incident_id, row.user_id), row.id)
    return [answer_token(tx, id) for id in found.values()]


def _verified(tx: Tx, purpose: str, token: str) -> int | None:
    match = _TOKEN.fullmatch(token)
    if match is None or not tx.vault.signed(f"{purpose}:{int(match[1])}", match[2]):
        return None
    return int(match[1])
