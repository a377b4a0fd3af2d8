"""Team members and roles, to the letter of the contract (part 2, section 6)."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import select

from tests.rest.clients import ALICES_TEAM, CHARLIES_TEAM, Clients
from tocsin.gateway.audit import audit_entries
from tocsin.storage import Database, Tx

PATH = "/api/v2/team-members"
ALICE, BOB, DANA = "alice@tocsin.example", "bob@tocsin.example", "dana@tocsin.example"


async def invite(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    return await client.post(PATH, json={"email": DANA, **body})


async def test_a_member_is_found_by_address(at: Clients) -> None:
    found = await at.alice.get(PATH, params={"email": "Alice@Tocsin.example"})
    assert found.status_code == 200
    data = found.json()["data"]
    assert data == {
        "id": "1",
        "type": "team_member",
        "attributes": {
            "email": "alice@tocsin.example",
            "first_name": "Alice",
            "last_name": "",
            "created_at": data["attributes"]["created_at"],
            "role": "admin",
            "role_id": 1,
            "mobile_app_platforms": [],
        },
    }


async def test_who_is_not_in_the_team_is_not_found_in_these_words(at: Clients) -> None:
    for method in ("GET", "DELETE"):
        for email in ("nobody@tocsin.example", "charlie@tocsin.example"):
            answer = await at.alice.request(method, PATH, params={"email": email})
            assert answer.status_code == 404
            assert answer.json() == {"errors": f'Team member with email "{email}" not found'}


async def test_an_invitation_is_answered_with_a_message_beside_the_data(at: Clients) -> None:
    answer = await invite(at.alice, role="responder")
    assert answer.status_code == 201
    assert answer.json()["message"] == "Invitation sent"
    data = answer.json()["data"]
    assert (data["id"], data["type"]) == (None, "team_member_invitation")
    attributes = data["attributes"]
    assert (attributes["email"], attributes["role"], attributes["role_id"]) == (DANA, "responder", 4)
    assert "invited_at" in attributes
    assert "created_at" not in attributes
    assert (await at.alice.get(PATH, params={"email": DANA})).json()["data"] == data
    listed = (await at.alice.get(PATH)).json()
    assert [each["type"] for each in listed["data"]] == ["team_member", "team_member", "team_member_invitation"]
    assert listed["pagination"]["next"] is None
    second = (await at.alice.get(PATH, params={"per_page": 2, "page": 2})).json()
    assert second["data"] == [data]
    mixed = (await at.alice.get(PATH, params={"per_page": 1, "page": 3})).json()
    assert mixed["data"] == [data]
    others = (await at.charlie.get(PATH)).json()["data"]
    assert [each["attributes"]["email"] for each in others] == ["charlie@tocsin.example"]


async def test_a_member_is_not_invited_again(at: Clients) -> None:
    answer = await invite(at.alice, email="alice@tocsin.example")
    assert answer.status_code == 200
    assert answer.json()["message"] == "User is already a member of the team"
    assert (answer.json()["data"]["id"], answer.json()["data"]["type"]) == ("1", "team_member")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({}, "Email is required"),
        ({"email": ""}, "Email is required"),
        ({"email": None}, "Email is required"),
        ({"email": "no address"}, "Email is not a valid email address"),
        (
            {"email": DANA, "role": "admin"},
            "Invalid role. Allowed roles: responder, member, team_lead, billing_admin",
        ),
        (
            {"email": DANA, "role_id": 99},
            "Invalid role. Allowed roles: responder, member, team_lead, billing_admin",
        ),
        (
            {"email": DANA, "role": "member", "role_id": 3},
            "Invalid role. Allowed roles: responder, member, team_lead, billing_admin",
        ),
    ],
)
async def test_what_cannot_be_invited_is_refused_in_these_words(
    at: Clients, body: dict[str, Any], sentence: str
) -> None:
    answer = await at.alice.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json() == {"errors": sentence}


async def test_a_role_may_be_named_by_its_number_as_text(at: Clients) -> None:
    answer = await invite(at.alice, role_id="3")
    assert answer.json()["data"]["attributes"]["role"] == "team_lead"
    assert (await invite(at.alice)).json()["data"]["attributes"]["role"] == "member"


async def test_too_many_invitations_are_refused_in_these_words(at: Clients) -> None:
    for _ in range(5):
        assert (await invite(at.alice)).status_code == 201
    answer = await invite(at.alice)
    assert answer.status_code == 429
    assert answer.json() == {"errors": "Too many invitations sent. Please try again later."}
    assert int(answer.headers["retry-after"]) > 0


async def test_an_invitation_is_taken_back_and_the_log_says_whose(at: Clients, database: Database) -> None:
    await invite(at.alice)
    assert (await at.alice.delete(PATH, params={"email": DANA})).status_code == 204
    assert (await at.alice.delete(PATH, params={"email": DANA})).status_code == 404

    def written(tx: Tx) -> list[tuple[str, dict[str, str]]]:
        return [tuple(row) for row in tx.execute(select(audit_entries.c.operation, audit_entries.c.arguments))]

    assert ("team_members.delete", {"email": DANA}) in await database.read(written)


async def test_a_global_token_says_which_team(at: Clients) -> None:
    assert (await invite(at.everyone)).status_code == 422
    assert (await invite(at.everyone, team_name=CHARLIES_TEAM)).status_code == 201
    found = await at.everyone.get(PATH, params={"team_name": ALICES_TEAM})
    assert [each["attributes"]["email"] for each in found.json()["data"]] == [ALICE, BOB]
    assert (await at.everyone.get(PATH, params={"email": DANA, "team_name": ALICES_TEAM})).status_code == 404
    assert (await invite(at.everyone, team_name=ALICES_TEAM)).status_code == 201
    unclear = await at.everyone.delete(PATH, params={"email": DANA})
    assert unclear.json()["required_attributes"] == ["team_name"]
    gone = await at.everyone.delete(PATH, params={"email": DANA, "team_name": CHARLIES_TEAM})
    assert gone.status_code == 204
    assert (await at.alice.get(PATH, params={"email": DANA})).status_code == 200


async def test_roles_are_listed_and_given_but_one_admin_stays(at: Clients) -> None:
    roles = (await at.alice.get("/api/v2/roles", params={"page": 1})).json()["data"]
    assert roles[2] == {"id": "3", "type": "role", "attributes": {"name": "Team lead", "role": "team_lead"}}
    assert [each["attributes"]["role"] for each in roles] == [
        "admin", "billing_admin", "team_lead", "responder", "member",
    ]  # fmt: skip
    bob = (await at.alice.get(PATH, params={"email": BOB})).json()["data"]["id"]
    assert (await at.alice.post(f"{PATH}/{bob}/change-role/4")).json()["data"]["attributes"]["role"] == "responder"
    last = await at.alice.post(f"{PATH}/1/change-role/3")
    assert last.status_code == 422
    assert "last admin" in last.json()["errors"]
    assert (await at.alice.delete(PATH, params={"email": "alice@tocsin.example"})).status_code == 422
    assert (await at.alice.post(f"{PATH}/1/change-role/9")).status_code == 404
    same = await at.alice.post(f"{PATH}/1/change-role/1")
    assert same.status_code == 200
    assert same.json()["data"]["attributes"]["role"] == "admin"


async def test_a_repeated_deletion_under_one_key_is_about_one_person(at: Clients) -> None:
    await invite(at.alice)
    await invite(at.alice, email="eve@tocsin.example")
    key = {"idempotency-key": "once"}
    assert (await at.alice.delete(PATH, params={"email": DANA}, headers=key)).status_code == 204
    assert (await at.alice.delete(PATH, params={"email": DANA}, headers=key)).status_code == 204
    other = await at.alice.delete(PATH, params={"email": "eve@tocsin.example"}, headers=key)
    assert other.status_code == 422
    assert (await at.alice.get(PATH, params={"email": "eve@tocsin.example"})).status_code == 200
