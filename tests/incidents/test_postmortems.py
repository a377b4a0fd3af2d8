"""Post-mortems: drafted from the story, kept once for each incident, and never lost to whoever saves last."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.escalation.model import Paging
from tocsin.incidents import actions
from tocsin.incidents.model import Author, Incident, Opening
from tocsin.kernel.errors import Conflict, Invalid, NotFound
from tocsin.storage import Database, Tx

ANN = Author(name="Ann | Archer")


def _opened(tx: Tx) -> Incident:
    team = accounts.ensure_team(tx, "Ops")
    opening = Opening(
        team_id=team.id, owner_type=None, owner_id=None, kind="manual", name="Shop\n| front", cause="It | burns",
        paging=Paging(), confirmed=True,
    )  # fmt: skip
    return actions.open(tx, opening, "")


async def test_a_draft_tells_the_story_and_leaves_room_for_what_was_learned(
    database: Database, clock: FakeClock
) -> None:
    incident = await database.write(_opened)
    clock.wind(timedelta(minutes=4))
    await database.write(actions.acknowledge, incident.id, ANN, base_url="")
    await database.write(actions.write_comment, incident, "Restarted the\nqueue", ANN)
    lasting = await database.read(lambda tx: actions.draft_postmortem(tx, actions.find(tx, incident.id)))
    assert "is not over after 4 minutes" in lasting
    clock.wind(timedelta(minutes=8))
    await database.write(actions.resolve, incident.id, ANN, base_url="")
    draft = await database.read(lambda tx: actions.draft_postmortem(tx, actions.find(tx, incident.id)))
    assert draft.startswith("# Post-mortem: Shop | front\n")
    assert "lasted 12 minutes. Ann | Archer resolved it." in draft
    assert "acknowledged it after 4 minutes" in draft
    assert "Ann | Archer: Restarted the queue" in draft
    for title in ("What went well", "What went wrong", "Actions"):
        assert f"## {title}" in draft
    rows = [line for line in draft.splitlines() if line.startswith("| ") and "burns" in line]
    assert rows
    assert all(row.replace("\\|", "").count("|") == 3 for row in rows), rows
    assert draft.index("Incident started") < draft.index("Incident acknowledged") < draft.index("Incident resolved")


async def test_there_is_one_and_nobodys_change_is_lost(database: Database, clock: FakeClock) -> None:
    incident = await database.write(_opened)
    with pytest.raises(NotFound):
        await database.read(actions.postmortem, incident)
    first = await database.write(actions.save_postmortem, incident, "one", ANN, seen=None, unseen=True)
    with pytest.raises(Conflict, match="has changed the post-mortem"):
        await database.write(actions.save_postmortem, incident, "mine", ANN, seen=None, unseen=True)
    second = await database.write(
        actions.save_postmortem, incident, "two", Author(name="Bob"), seen=first.updated_at, unseen=False
    )
    assert (second.content, second.edited_by) == ("two", "Bob")
    with pytest.raises(Conflict, match="Bob has changed"):
        await database.write(actions.save_postmortem, incident, "x", ANN, seen=first.updated_at, unseen=False)
    await database.write(actions.save_postmortem, incident, "three", ANN, seen=None, unseen=False)
    for wrong in (" ", "x\x00", "x" * 200_001):
        with pytest.raises(Invalid):
            await database.write(actions.save_postmortem, incident, wrong, ANN, seen=None, unseen=False)
    await database.write(actions.remove_postmortem, incident)
    with pytest.raises(Conflict, match="deleted meanwhile"):
        await database.write(actions.save_postmortem, incident, "x", ANN, seen=first.updated_at, unseen=False)


async def test_it_goes_with_its_incident(database: Database) -> None:
    incident = await database.write(_opened)
    await database.write(actions.save_postmortem, incident, "one", ANN, seen=None, unseen=True)
    await database.write(actions.delete, incident.id)
    with pytest.raises(NotFound):
        await database.read(actions.postmortem, incident)
