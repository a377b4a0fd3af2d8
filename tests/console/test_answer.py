"""The page behind the button in an alert: looking changes nothing, one press answers, and only for whom it was sent."""

from __future__ import annotations

import sqlite3

import pytest

from tests.world import World
from tocsin.accounts import actions as accounts
from tocsin.gateway.links import open_link
from tocsin.gateway.request import Request
from tocsin.kernel.errors import Refused
from tocsin.registry.input import Arguments
from tocsin.storage import Tx


@pytest.mark.slow
async def test_opening_the_link_changes_nothing(world: World) -> None:
    incident = await world.outage("shop")
    link = world.mail_to("alice@example.com")[0].answer_url
    page = await world.browse("GET", link)
    assert page.status_code == 200
    assert "Ongoing" in page.text
    assert f'href="/incidents/{incident}"' in page.text
    assert (await world.incident(incident))["status"] == "Started"


@pytest.mark.slow
async def test_pressing_acknowledge_answers_as_the_person_it_was_sent_to(world: World) -> None:
    incident = await world.outage("shop")
    link = world.mail_to("bob@example.com")[0].answer_url
    pressed = await world.browse("POST", link, data={"deed": "acknowledge"})
    assert pressed.status_code == 303
    seen = await world.browse("GET", pressed.headers["location"])
    assert "You have it" in seen.text
    shown = await world.incident(incident)
    assert (shown["status"], shown["acknowledged_by"]) == ("Acknowledged", "Bob Builder")


@pytest.mark.slow
async def test_the_second_to_press_is_told_so(world: World) -> None:
    await world.outage("shop")
    for person in ("alice", "bob"):
        link = world.mail_to(f"{person}@example.com")[0].answer_url
        pressed = await world.browse("POST", link, data={"deed": "acknowledge"})
    assert "done=late" in pressed.headers["location"]
    assert "Somebody was quicker" in (await world.browse("GET", pressed.headers["location"])).text


@pytest.mark.slow
async def test_resolving_by_the_link(world: World) -> None:
    incident = await world.outage("shop")
    link = world.mail_to("alice@example.com")[0].answer_url
    await world.browse("POST", link, data={"deed": "resolve"})
    assert (await world.incident(incident))["resolved_by"] == "Alice Archer"
    assert "<form" not in (await world.browse("GET", link)).text


@pytest.mark.slow
async def test_a_forged_link_opens_nothing(world: World) -> None:
    await world.outage("shop")
    link = world.mail_to("alice@example.com")[0].answer_url
    number, _, signature = link.rpartition("/")[2].partition("-")
    for forged in (f"{number}-{'0' * len(signature)}", f"{int(number) + 1}-{signature}", "x", f"{number}-", "-", "%00"):
        answer = await world.browse("POST", f"/answer/{forged}", data={"deed": "acknowledge"})
        assert answer.status_code == 404, forged


@pytest.mark.slow
async def test_a_strange_form_does_nothing(world: World) -> None:
    incident = await world.outage("shop")
    link = world.mail_to("alice@example.com")[0].answer_url
    for data in ({"deed": "delete"}, {}, {"deed": "acknowledge" + "x" * 10_000}):
        assert (await world.browse("POST", link, data=data)).status_code == 303
    assert (await world.incident(incident))["status"] == "Started"


@pytest.mark.slow
async def test_the_page_lets_nothing_foreign_in(world: World) -> None:
    evil = '"><script>alert(1)</script>'
    await world.outage("shop", name=evil)
    page = await world.browse("GET", world.mail_to("alice@example.com")[0].answer_url)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert(1)" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.slow
async def test_what_was_answered_by_link_is_in_the_audit_log(world: World) -> None:
    incident = await world.outage("shop")
    link = world.mail_to("alice@example.com")[0].answer_url
    await world.browse("POST", link, data={"deed": "acknowledge"})
    sentences = await world.audit_log()
    assert sentences[-1] == (
        f"Alice Archer acknowledged an incident (incident {incident} 'shop.example.com') in team Ops through an "
        "e-mail link: allowed, the one to whom the link was sent."
    )


@pytest.mark.slow
async def test_a_link_from_the_api_shows_nothing_to_strangers_and_leads_there_once_they_sign_in(world: World) -> None:
    incident = await world.outage("shop", name="Secret shop")
    page = await world.browse("GET", f"/incidents/{incident}")
    assert page.status_code == 303
    assert page.headers["location"] == f"/sign-in?next=%2Fincidents%2F{incident}"
    assert "Secret shop" not in page.text
    assert "Secret shop" in (await (await world.sign_in("alice")).get(f"/incidents/{incident}")).text


@pytest.mark.slow
async def test_while_the_database_is_locked_it_says_so_and_keeps_the_button(world: World) -> None:
    incident = await world.outage("shop")
    link = world.mail_to("alice@example.com")[0].answer_url
    other = sqlite3.connect(world.database.url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    pressed = await world.browse("POST", link, data={"deed": "acknowledge"})
    assert pressed.status_code == 503
    assert "nothing was changed" in pressed.text
    assert 'value="acknowledge"' in pressed.text
    other.execute("ROLLBACK")
    await world.browse("POST", link, data={"deed": "acknowledge"})
    assert (await world.incident(incident))["status"] == "Acknowledged"


@pytest.mark.slow
async def test_whoever_is_called_for_help_from_another_team_can_answer(world: World) -> None:
    def found(tx: Tx) -> None:
        network = accounts.ensure_team(tx, "Network")
        user = accounts.create_user(tx, email="nina@example.com", name="Nina Net", password=None)
        accounts.join(tx, network.id, user.id)

    await world.database.write(found)
    incident = await world.outage("shop", team_wait=3600)
    help = {"escalation_type": "User", "user_email": "nina@example.com"}
    asked = await world.api("POST", f"/v3/incidents/{incident}/escalate", help, token="global")
    assert asked.status_code == 200
    await world.settle()
    link = world.mail_to("nina@example.com")[0].answer_url
    assert "Ongoing" in (await world.browse("GET", link)).text
    assert (await world.browse("POST", link, data={"deed": "acknowledge"})).status_code == 303
    assert (await world.incident(incident))["acknowledged_by"] == "Nina Net"


@pytest.mark.slow
async def test_a_link_is_good_for_its_own_incident_alone(world: World) -> None:
    await world.outage("shop")
    other = await world.outage("blog")
    opened = await open_link(world.database, world.mails()[0].answer_url.rpartition("/")[2], None)
    assert opened is not None
    operation = world.door.catalogue["incidents.acknowledge"]
    request = Request(
        operation=operation,
        route=operation.routes[0],
        credential=opened.credential,
        arguments=Arguments(path={"id": str(other)}),
        surface="link",
        base_url="",
    )
    with pytest.raises(Refused):
        await world.door.call(request)
    assert (await world.incident(other))["status"] == "Started"
