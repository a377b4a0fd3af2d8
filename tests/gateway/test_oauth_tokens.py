"""Codes and tokens: each good for one program, once or for a while, and all of them ended when one comes back."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest

from tests.gateway.oauth_stage import BASE_URL, CALLBACK, OFF, RESOURCE, VERIFIER, Stage
from tests.net import FakeNet
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.agents import actions as agents
from tocsin.agents.actions import oauth
from tocsin.gateway import Credential
from tocsin.gateway.oauth.tokens import ASKED_PER_ADDRESS
from tocsin.kernel.errors import Unauthenticated
from tocsin.kernel.vault import Vault
from tocsin.storage import Database, Tx

pytestmark = pytest.mark.slow


@pytest.fixture
async def stage(database: Database, clock: FakeClock, vault: Vault) -> Stage:
    made = Stage(database, clock, vault, FakeNet())
    await made.people()
    return made


async def granted(stage: Stage, client: dict[str, Any]) -> dict[str, Any]:
    """The tokens of a program that has just been let in."""
    answer = await stage.exchange(client, await stage.let_in(client))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_code_becomes_tokens_that_are_an_agent_s(stage: Stage) -> None:
    client = await stage.register()
    answer = await stage.exchange(client, await stage.let_in(client))
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["access-control-allow-origin"] == "*"
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 3600, "read")
    assert await stage.lets_in(body["access_token"]) == "Claude of Alice"
    assert await stage.lets_in(body["refresh_token"]) is None, "it only fetches the next one"
    (token, _) = (await stage.database.read(agents.authenticate, body["access_token"], None)) or (None, None)
    assert token is not None
    assert (token.resource, token.client_id) == (RESOURCE, client["client_id"])
    assert any("fetched a token" in line and "Claude of Alice" in line for line in await stage.log())


async def test_no_secret_is_kept_in_clear(stage: Stage) -> None:
    client = await stage.register(token_endpoint_auth_method="client_secret_post")
    code = await stage.let_in(client)
    body = (await stage.exchange(client, code, client_secret=client["client_secret"])).json()
    kept: list[str] = []
    with stage.database.engine.connect() as connection:
        for table in ("oauth_clients", "oauth_codes", "agent_tokens", "audit_entries"):
            kept += [str(tuple(row)) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")]
    assert kept
    for secret in (code, body["access_token"], body["refresh_token"], client["client_secret"]):
        assert not any(secret in row for row in kept)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": OFF}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"code": OFF}, "invalid_request"),
        ({"code": "tocsin_code_made_up"}, "invalid_grant"),
        ({"code": ["a", "b"]}, "invalid_request"),
        ({"code_verifier": OFF}, "invalid_grant"),
        ({"code_verifier": VERIFIER + "x"}, "invalid_grant"),
        ({"redirect_uri": OFF}, "invalid_grant"),
        ({"redirect_uri": f"{CALLBACK}/"}, "invalid_grant"),
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
        ({"resource": [RESOURCE, "https://evil.example/mcp"]}, "invalid_target"),
        ({"client_id": OFF}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_secret": "made up"}, "invalid_client"),
    ],
)
async def test_what_gets_no_token(stage: Stage, change: dict[str, Any], error: str) -> None:
    client = await stage.register()
    code = await stage.let_in(client)
    answer = await stage.exchange(client, code, **change)
    assert (answer.status_code, answer.json()["error"]) == (401 if error == "invalid_client" else 400, error)
    assert ("www-authenticate" in answer.headers) == (error == "invalid_client")
    assert answer.headers["cache-control"] == "no-store"
    assert (await stage.exchange(client, code)).status_code == 200, "the program itself still can"


async def test_a_code_is_good_for_a_minute(stage: Stage, clock: FakeClock) -> None:
    client = await stage.register()
    code = await stage.let_in(client)
    clock.wind(seconds=61)
    assert (await stage.exchange(client, code)).json()["error"] == "invalid_grant"


async def test_a_code_that_comes_back_ends_all_that_it_gave(stage: Stage) -> None:
    client = await stage.register()
    code = await stage.let_in(client)
    first = (await stage.exchange(client, code)).json()
    second = (await stage.refresh(client, first["refresh_token"])).json()
    assert (await stage.exchange(client, code)).json()["error"] == "invalid_grant"
    assert await stage.lets_in(first["access_token"]) is None
    assert await stage.lets_in(second["access_token"]) is None
    assert (await stage.refresh(client, second["refresh_token"])).json()["error"] == "invalid_grant"
    assert any("This code was used before" in line for line in await stage.log())


async def test_a_code_is_of_no_use_to_another_program(stage: Stage) -> None:
    client, thief = await stage.register(), await stage.register(client_name="Thief")
    code = await stage.let_in(client)
    assert (await stage.exchange(thief, code)).json()["error"] == "invalid_grant"
    assert (await stage.exchange(client, code)).status_code == 200


async def test_a_refresh_token_is_good_once_and_one_that_comes_back_ends_its_family(stage: Stage) -> None:
    client = await stage.register()
    first = await granted(stage, client)
    second = (await stage.refresh(client, first["refresh_token"])).json()
    assert await stage.lets_in(second["access_token"]) == "Claude of Alice"
    stolen = await stage.refresh(client, first["refresh_token"])
    assert stolen.json()["error"] == "invalid_grant"
    for body in (first, second):
        assert await stage.lets_in(body["access_token"]) is None
    assert (await stage.refresh(client, second["refresh_token"])).json()["error"] == "invalid_grant"
    assert any("This refresh token was used before" in line for line in await stage.log())


async def test_tokens_end_by_themselves_and_refreshing_slides(stage: Stage, clock: FakeClock) -> None:
    client = await stage.register()
    body = await granted(stage, client)
    clock.wind(minutes=61)
    assert await stage.lets_in(body["access_token"]) is None
    for _ in range(3):
        clock.wind(days=29)
        body = (await stage.refresh(client, body["refresh_token"])).json()
        assert await stage.lets_in(body["access_token"]) == "Claude of Alice"
    clock.wind(days=30, seconds=1)
    assert (await stage.refresh(client, body["refresh_token"])).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"refresh_token": OFF}, "invalid_request"),
        ({"refresh_token": "agt_made_up"}, "invalid_grant"),
        ({"scope": "read incidents:full"}, "invalid_scope"),
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
    ],
)
async def test_what_refreshes_nothing(stage: Stage, change: dict[str, Any], error: str) -> None:
    client = await stage.register()
    body = await granted(stage, client)
    assert (await stage.refresh(client, body["refresh_token"], **change)).json()["error"] == error
    assert (await stage.refresh(client, body["access_token"])).json()["error"] == "invalid_grant"
    assert (await stage.refresh(client, body["refresh_token"], scope="read", resource=RESOURCE)).status_code == 200


async def test_a_refresh_token_is_of_no_use_to_another_program(stage: Stage) -> None:
    client, thief = await stage.register(), await stage.register(client_name="Thief")
    body = await granted(stage, client)
    assert (await stage.refresh(thief, body["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await stage.refresh(client, body["refresh_token"])).status_code == 200


@pytest.mark.parametrize("what", ["suspended", "removed", "its owner has left"])
async def test_what_has_become_of_the_agent_holds_for_its_tokens(stage: Stage, what: str) -> None:
    client = await stage.register()
    body = await granted(stage, client)

    def become(tx: Tx) -> None:
        agent = agents.list_agents(tx, None, page=1, per_page=1)[0][0]
        if what == "suspended":
            agents.suspend(tx, agent.id, None, by="Bob")
        elif what == "removed":
            agents.remove(tx, agent.id, None)
        else:
            accounts.change_role(tx, 2, 1, (agent.team_id,))  # an admin stays behind
            accounts.remove(tx, "alice@example.com", (agent.team_id,))

    await stage.database.write(become)
    assert (await stage.refresh(client, body["refresh_token"])).json()["error"] == "invalid_grant"


async def test_whoever_leaves_the_team_takes_their_programs_along_at_once(stage: Stage) -> None:
    """The token that a program has already is of no use any more either, though its hour is not over."""
    body = await granted(stage, await stage.register())
    shown = Credential(token=body["access_token"])
    assert (await stage.door.known(shown)).name.startswith("Claude of Alice")

    def leave(tx: Tx) -> None:
        accounts.change_role(tx, 2, 1, None)  # an admin stays behind
        accounts.remove(tx, "alice@example.com", None)

    await stage.database.write(leave)
    with pytest.raises(Unauthenticated):
        await stage.door.known(shown)


async def test_a_program_ends_its_tokens(stage: Stage) -> None:
    client = await stage.register()
    body = await granted(stage, client)
    sent = {"client_id": client["client_id"], "token": body["access_token"], "token_type_hint": "access_token"}
    assert (await stage.program.post("/oauth/revoke", data=sent)).status_code == 200
    assert await stage.lets_in(body["access_token"]) is None
    body = (await stage.refresh(client, body["refresh_token"])).json()
    sent["token"] = body["refresh_token"]
    assert (await stage.program.post("/oauth/revoke", data=sent)).status_code == 200
    assert await stage.lets_in(body["access_token"]) is None
    assert (await stage.program.post("/oauth/revoke", data=sent)).status_code == 200, "twice is no error"
    assert (await stage.program.post("/oauth/revoke", data=sent | {"token": "agt_x"})).status_code == 200
    assert any("ended a token" in line for line in await stage.log())


async def test_nobody_ends_the_tokens_of_others(stage: Stage) -> None:
    client, other = await stage.register(), await stage.register()
    body = await granted(stage, client)
    for sent, error in (
        ({"client_id": other["client_id"], "token": body["access_token"]}, "invalid_grant"),
        ({"client_id": "nobody", "token": body["access_token"]}, "invalid_client"),
        ({"token": body["access_token"]}, "invalid_client"),
        ({"client_id": client["client_id"]}, "invalid_request"),
    ):
        assert (await stage.program.post("/oauth/revoke", data=sent)).json()["error"] == error
    assert await stage.lets_in(body["access_token"]) == "Claude of Alice"


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


async def test_a_program_with_a_secret_shows_it(stage: Stage) -> None:
    client = await stage.register(token_endpoint_auth_method="client_secret_basic")
    id, secret = client["client_id"], client["client_secret"]
    code = await stage.let_in(client)
    sent = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    for options, error in (
        ({"data": sent | {"client_id": id}}, "invalid_client"),
        ({"data": sent, "headers": basic(id, "wrong")}, "invalid_client"),
        ({"data": sent, "headers": {"Authorization": "Basic %%%"}}, "invalid_client"),
        ({"data": sent, "headers": {"Authorization": f"Bearer {secret}"}}, "invalid_client"),
        ({"data": sent | {"client_secret": secret}, "headers": basic(id, secret)}, "invalid_request"),
        ({"data": sent | {"client_id": "another"}, "headers": basic(id, secret)}, "invalid_request"),
    ):
        answer = await stage.program.post("/oauth/token", **options)  # type: ignore[arg-type]
        assert answer.json()["error"] == error
    assert (await stage.program.post("/oauth/token", data=sent, headers=basic(id, secret))).status_code == 200


async def test_a_service_fetches_its_own_tokens(stage: Stage) -> None:
    def made(tx: Tx) -> tuple[str, str, int, int]:
        team, user = accounts.team_by_name(tx, "Ops"), accounts.user_by_email(tx, "alice@example.com")
        assert team
        assert user
        given = {"name": "Night watch", "levels": {"incidents": "read"}}
        agent = agents.create(tx, team.id, given, granted_by="Alice", owner_id=user.id)
        client, secret = oauth.add_service(tx, agent, "Cron")
        return client.client_id, secret, agent.id, client.id

    id, secret, agent_id, number = await stage.database.write(made)
    sent = {"grant_type": "client_credentials", "resource": RESOURCE, "scope": "read"}
    body = (await stage.token(sent, headers=basic(id, secret))).json()
    assert "refresh_token" not in body
    assert await stage.lets_in(body["access_token"]) == "Night watch"
    assert (await stage.token(sent | {"client_id": id, "client_secret": secret})).status_code == 200
    for change, error in (
        ({"resource": "https://evil.example"}, "invalid_target"),
        ({"scope": "nonsense"}, "invalid_scope"),
    ):
        assert (await stage.token(sent | change, headers=basic(id, secret))).json()["error"] == error
    assert (await stage.token(sent, headers=basic(id, secret + "x"))).status_code == 401
    person = await stage.register()
    assert (await stage.token(sent | {"client_id": person["client_id"]})).json()["error"] == "unauthorized_client"
    assert (await stage.browser.get(f"/oauth/authorize?client_id={id}&response_type=code")).status_code == 400
    await stage.database.write(oauth.remove_service, agent_id, number)
    assert await stage.lets_in(body["access_token"]) is None
    assert (await stage.token(sent, headers=basic(id, secret))).status_code == 401


async def test_only_forms_are_taken(stage: Stage) -> None:
    answers = [
        await stage.program.post("/oauth/token", json={"grant_type": "authorization_code"}),
        await stage.program.post("/oauth/token", data={f"field{number}": "x" for number in range(60)}),
        await stage.program.post(
            "/oauth/token", content=b"a=%ff", headers={"Content-Type": "application/x-www-form-urlencoded"}
        ),
    ]
    assert [answer.json()["error"] for answer in answers] == ["invalid_request"] * 3
    large = await stage.program.post("/oauth/register", content=b"x" * 40_000)
    assert (large.status_code, large.json()["error"]) == (413, "invalid_request")
    assert (await stage.program.post("/oauth/register", content=b"{")).json()["error"] == "invalid_client_metadata"
    got = await stage.program.get("/oauth/token")
    assert (got.status_code, got.headers["allow"]) == (405, "POST, OPTIONS")


async def test_browsers_may_ask_from_anywhere(stage: Stage) -> None:
    for path in ("/oauth/token", "/oauth/register", "/.well-known/oauth-protected-resource/mcp"):
        answer = await stage.program.options(path, headers={"Origin": "https://app.example"})
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "authorization" in answer.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers


async def test_whoever_asks_without_end_is_slowed_down(stage: Stage) -> None:
    for _ in range(ASKED_PER_ADDRESS):
        await stage.token({"client_id": "nobody"})
    held = await stage.token({"client_id": "nobody"})
    assert held.status_code == 429
    assert int(held.headers["retry-after"]) > 0
    elsewhere = stage.client("198.51.100.9")
    assert (await elsewhere.post("/oauth/token", data={"client_id": "nobody"})).status_code == 401


async def test_what_nobody_lets_in_is_forgotten(stage: Stage, clock: FakeClock) -> None:
    unused, used = await stage.register(), await stage.register()
    body = await granted(stage, used)
    clock.wind(days=2)
    assert await stage.database.write(oauth.prune, at_most=100) == 1
    assert await stage.database.read(oauth.find_client, unused["client_id"]) is None
    assert (await stage.refresh(used, body["refresh_token"])).status_code == 200, "its code is kept while tokens live"


async def test_the_way_in_is_published(stage: Stage) -> None:
    server = (await stage.program.get("/.well-known/oauth-authorization-server")).json()
    assert server["issuer"] == BASE_URL
    assert server["code_challenge_methods_supported"] == ["S256"]
    assert server["authorization_response_iss_parameter_supported"] is True
    assert server["client_id_metadata_document_supported"] is True
    assert set(server["token_endpoint_auth_methods_supported"]) == {
        "none",
        "client_secret_basic",
        "client_secret_post",
    }
    assert {"read", "write", "incidents:read", "monitors:write", "acknowledge"} <= set(server["scopes_supported"])
    for name in ("authorization", "token", "registration", "revocation"):
        assert server[f"{name}_endpoint"].startswith(f"{BASE_URL}/oauth/")
    for path in ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"):
        resource = (await stage.program.get(path)).json()
        assert (resource["resource"], resource["authorization_servers"]) == (RESOURCE, [BASE_URL])
        assert "offline_access" not in resource["scopes_supported"]
    head = await stage.program.head("/.well-known/oauth-protected-resource")
    assert (head.status_code, head.content) == (200, b"")


async def test_two_who_show_one_refresh_token_at_once_get_one_family_at_most(stage: Stage) -> None:
    client = await stage.register()
    body = await granted(stage, client)
    answers = await asyncio.gather(*(stage.refresh(client, body["refresh_token"]) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400]
    (winner,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert await stage.lets_in(winner["access_token"]) is None, "nobody can tell who the thief was"
