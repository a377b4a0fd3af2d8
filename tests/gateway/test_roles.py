"""What each role may do: for every operation there is an answer, and the ones that matter are written down here."""

from __future__ import annotations

import pytest

from tests.world import World, world
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.agents.model import Level
from tocsin.gateway import roles, rules
from tocsin.gateway.identity import Actor, Credential
from tocsin.gateway.oauth import rights
from tocsin.gateway.request import Reply, Request
from tocsin.kernel.errors import Invalid, Refused
from tocsin.registry import Catalogue, Operation
from tocsin.registry.input import Arguments
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations
from tocsin.storage import Tx

__all__ = ["world"]

CATALOGUE = Catalogue(operations(load({}, {})))
ADMIN, BILLING, LEAD, RESPONDER, MEMBER = (
    Role.ADMIN, Role.BILLING_ADMIN, Role.TEAM_LEAD, Role.RESPONDER, Role.MEMBER,
)  # fmt: skip
NOBODY: frozenset[Role] = frozenset()
LEADS = frozenset({ADMIN, LEAD})
ON_DUTY = LEADS | {RESPONDER}
TEAM = ON_DUTY | {MEMBER}
ALL = frozenset(Role)

TABLE = {
    "monitors.list": ALL,
    "audit_log.list": ALL,
    "incidents.timeline": ALL,
    "incidents.acknowledge": TEAM,
    "incident_comments.create": TEAM,
    "on_call_cover_requests.create": TEAM,
    "on_call_cover_requests.accept": TEAM,
    "on_call_feeds.create": TEAM,
    "incidents.resolve": ON_DUTY,
    "incidents.create": ON_DUTY,
    "incidents.escalate": ON_DUTY,
    "incidents.merge": ON_DUTY,
    "incidents.delete": LEADS,
    "monitors.create": ON_DUTY,
    "monitors.delete": ON_DUTY,
    "heartbeats.update": ON_DUTY,
    "on_call_events.create": ON_DUTY,
    "status_reports.create": ON_DUTY,
    "approvals.approve": ON_DUTY,
    "on_calls.delete": LEADS,
    "on_call_layers.create": LEADS,
    "policies.update": LEADS,
    "policies.delete": LEADS,
    "status_pages.delete": LEADS,
    "status_page_subscribers.create": LEADS,
    "agents.suspend": LEADS,
    "agent_tokens.create": LEADS,
    "slack_integrations.create": LEADS,
    "outgoing_webhooks.update": LEADS,
    "team_members.create": LEADS,
    "team_members.change_role": LEADS,
    "team_members.delete": LEADS,
    "trash.delete": LEADS,
    "api_tokens.list": ALL,
    "api_tokens.create": frozenset({ADMIN}),
    "api_tokens.delete": LEADS,
}


def _person(role: Role, user_id: int = 7) -> Actor:
    return Actor(kind="person", id=user_id, name="Ann", team_ids=(1,), user_id=user_id, role=role)


@pytest.mark.parametrize("role", Role)
def test_every_role_has_an_answer_to_every_operation(role: Role) -> None:
    higher = {MEMBER: RESPONDER, RESPONDER: LEAD, LEAD: ADMIN, BILLING: MEMBER}
    for operation in CATALOGUE:
        verdict = rules.decide(_person(role), operation)
        assert verdict.answer in (rules.Answer.ALLOW, rules.Answer.DENY)
        assert verdict.reason
        if verdict.answer is rules.Answer.DENY:
            assert f"{operation.name} needs the role" in verdict.reason
            assert f"yours is {role.words}" in verdict.reason
            assert role is not ADMIN
            assert not operation.reads, "everybody in a team may look"
        elif role in higher:
            above = rules.decide(_person(higher[role]), operation)
            assert above.answer is rules.Answer.ALLOW, f"nobody loses {operation.name} by rising"


@pytest.mark.parametrize(("name", "who"), TABLE.items())
def test_who_may_what(name: str, who: frozenset[Role]) -> None:
    may = {role for role in Role if rules.decide(_person(role), CATALOGUE[name]).answer is rules.Answer.ALLOW}
    assert may == who


def test_an_operation_that_nobody_has_thought_of_is_a_team_leads() -> None:
    new = Operation(
        name="secrets.create", routes=(), area="team", level="write", input=Operation, handler=print, doc="", deed=""
    )
    assert roles.rung(new) is roles.Rung.TEAM_LEAD


@pytest.mark.parametrize("name", ["contact_methods.create", "notification_rules.delete", "quiet_hours.update"])
def test_how_one_is_reached_is_ones_own_to_say(name: str) -> None:
    def may(role: Role, user: str) -> bool:
        return rules.decide(_person(role), CATALOGUE[name], path={"user": user}).answer is rules.Answer.ALLOW

    for role in Role:
        assert may(role, "me")
        assert may(role, "7")
        assert may(role, "8") is (role in LEADS)
        assert may(role, "bob@example.com") is (role in LEADS)


def test_tokens_and_links_do_not_depend_on_roles() -> None:
    token = Actor(kind="token", id=1, name="CI", team_ids=(1,))
    linked = Actor(kind="person", id=7, name="Ann", team_ids=(1,), user_id=7, record_id=3)
    for operation in CATALOGUE:
        assert rules.decide(token, operation).answer is rules.Answer.ALLOW
        assert rules.decide(linked, operation, "3").answer is rules.Answer.ALLOW


def test_nobody_lets_a_program_do_what_their_role_does_not_allow() -> None:
    everything = rights.of_role(CATALOGUE, ADMIN)
    assert everything == rights.of_role(CATALOGUE, LEAD)
    assert everything.levels["policies"] is Level.FULL
    assert everything.acts >= {"acknowledge", "resolve", "page", "publish", "notify", "delete"}
    duty = rights.of_role(CATALOGUE, RESPONDER)
    assert duty.levels["monitors"] is Level.FULL
    assert duty.levels["incidents"] is Level.WRITE
    assert duty.levels["policies"] is duty.levels["status_pages"] is duty.levels["on_call"] is Level.READ
    assert {"acknowledge", "resolve", "page"} <= duty.acts
    for role in (MEMBER, BILLING):
        mine = rights.of_role(CATALOGUE, role)
        assert set(mine.levels.values()) == {Level.READ}
        assert not mine.acts & {"resolve", "page", "publish", "notify", "delete"}


async def _become(world: World, name: str, role: Role) -> None:
    def work(tx: Tx) -> None:
        user = accounts.user_by_email(tx, f"{name}@example.com")
        assert user is not None
        accounts.change_role(tx, user.id, role.id, None)

    await world.database.write(work)


async def _ask(world: World, name: str, operation: str, path: dict[str, str], **sent: object) -> Reply:
    """What somebody asks who is signed in to the console and looks at their first team."""

    def find(tx: Tx) -> Credential:
        user = accounts.user_by_email(tx, f"{name}@example.com")
        assert user is not None
        return Credential(user_id=user.id, team_id=accounts.team_ids_of(tx, user.id)[0], through="console")

    wanted = CATALOGUE[operation]
    query = {key: [str(value)] for key, value in sent.items()}
    arguments = Arguments(path=path, query=query, body=dict(sent))
    return await world.door.call(
        Request(
            operation=wanted, route=wanted.routes[-1], credential=await world.database.read(find), arguments=arguments,
            surface="console", base_url="http://tocsin.test",
        )
    )  # fmt: skip


async def _id_of(world: World, name: str) -> str:
    found = await world.api("GET", f"/v2/team-members?email={name}@example.com", token="global")
    return str(found.json()["data"]["id"])


@pytest.mark.slow
async def test_who_is_an_admin_only_an_admin_changes(world: World) -> None:
    await _become(world, "bob", LEAD)
    alice, bob = await _id_of(world, "alice"), await _id_of(world, "bob")
    for id, role in ((bob, ADMIN), (alice, MEMBER)):
        with pytest.raises(Refused, match="only an admin can change"):
            await _ask(world, "bob", "team_members.change_role", {"id": id, "role_id": str(role.id)})
    with pytest.raises(Refused, match="only an admin can change"):
        await _ask(world, "bob", "team_members.delete", {}, email="alice@example.com")
    with pytest.raises(Invalid, match="last admin"):
        await _ask(world, "alice", "team_members.change_role", {"id": alice, "role_id": str(MEMBER.id)})
    await _ask(world, "alice", "team_members.change_role", {"id": bob, "role_id": str(ADMIN.id)})
    said = await world.audit_log()
    assert any("Bob Builder" in line and "only an admin can change" in line for line in said)


@pytest.mark.slow
async def test_a_refusal_says_which_role_it_needs_and_is_on_record_as_denied(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await _ask(world, "bob", "policies.delete", {"id": "1"})
    assert "policies.delete needs the role Team lead, and yours is Responder" in str(refused.value)
    found = await world.api("GET", "/v2/audit-log?outcome=denied")
    assert found.json()["data"][0]["attributes"]["rule"] == "role"


@pytest.mark.slow
async def test_who_only_looks_sees_no_secrets(world: World) -> None:
    monitor = await world.monitor("shop", auth_username="ann", auth_password="hunter2-hunter2")
    await world.heartbeat("Backup", period=60, grace=60)
    for role, sees in ((RESPONDER, True), (MEMBER, False), (BILLING, False), (LEAD, True)):
        await _become(world, "bob", role)
        reply = await _ask(world, "bob", "monitors.get", {"id": str(monitor)})
        assert ("auth_password" in reply.hidden.get("monitor", ())) is not sees
        assert ("url" in (await _ask(world, "bob", "heartbeats.list", {})).hidden.get("heartbeat", ())) is not sees
