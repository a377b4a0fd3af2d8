"""What can be done with the places that a team is told at: set one up, find those to be told, try one out."""

from __future__ import annotations

from typing import Any

from tocsin.notify.model.targets import INACTIVE, Target
from tocsin.notify.store import targets as shelf
from tocsin.storage import Tx


def find(tx: Tx, id: int) -> Target | None:
    """The target, whoever's it is; None when there is none (any more)."""
    return shelf.find(tx, id)


def of_team(
    tx: Tx, team_id: int, kind: str | None = None, alongside: bool | None = None, on_call: bool | None = None
) -> list[Target]:
    """The targets of a team, oldest first; each filter None = whatever it is.

    `alongside`: those told together with the first responder. `on_call`: those that hear of who is on call next.
    """
    return shelf.of_team(tx, team_id, kind=kind, alongside=alongside, on_call=on_call)


def team_of(tx: Tx, id: int) -> int | None:
    """Whose target this is; None when there is none."""
    found = shelf.find(tx, id)
    return None if found is None else found.team_id


def settings_of(tx: Tx, id: int) -> dict[str, Any] | None:
    """A target's settings in the clear, as its channel reads them; None when the target is gone.

    Empty when they were sealed with a key that is lost: the channel then says what is missing.
    """
    row = shelf.row_of(tx, id)
    return None if row is None else shelf.settings_in(tx, row.secrets)


def retire(tx: Tx, id: int) -> None:
    """The place has refused us for good (a `GiveUp` with `endpoint_gone`): say so wherever the target is shown."""
    shelf.mark(tx, id, INACTIVE)
