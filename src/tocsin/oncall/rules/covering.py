"""How a request for cover moves: asked, answered once, and then for ever as it is."""

from __future__ import annotations

from collections.abc import Iterable

from tocsin.kernel.errors import Conflict
from tocsin.oncall.model import Cover, Shift, Stretch

TABLE: dict[tuple[Cover, str], Cover] = {
    (Cover.REQUESTED, "accept"): Cover.ACCEPTED,
    (Cover.REQUESTED, "decline"): Cover.DECLINED,
    (Cover.REQUESTED, "cancel"): Cover.CANCELLED,
    (Cover.REQUESTED, "expire"): Cover.EXPIRED,
}
"""What is not in it is refused: an answer that was given stands."""


def after(state: Cover, act: str) -> Cover:
    """The state after an act. Raises Conflict when the request was answered already."""
    following = TABLE.get((state, act))
    if following is None:
        raise Conflict(f"This request was already {state}.")
    return following


def replaced(shifts: Iterable[Shift], user_id: int, by: int) -> list[Stretch]:
    """The overrides that put one person in the place of another wherever that one is on call."""
    return [
        Stretch(
            starts_at=shift.starts_at,
            ends_at=shift.ends_at,
            user_ids=tuple(dict.fromkeys(by if id == user_id else id for id in shift.user_ids)),
        )
        for shift in shifts
        if user_id in shift.user_ids
    ]
