"""Somebody is invited, joins by the link in the mail, and is paged from then on; and leaves, and is paged no more."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from tests.world import Mail, World
from tocsin.accounts import actions as accounts
from tocsin.accounts.store import invitations
from tocsin.notify.store.tables import deliveries
from tocsin.storage import Tx

DANA = "dana@example.com"
FORM = {"name": "Dana Döring", "password": "correct horse battery"}


async def invite(world: World, email: str = DANA, **more: str) -> Mail:
    """The mail with the link."""
    answer = await world.api("POST", "/v2/team-members", {"email": email, **more})
    assert answer.status_code == 201, answer.text
    await world.settle()
    return world.mail_to(email)[-1]


def link(mail: Mail) -> str:
    found = re.search(r"/join/\S+", mail.text)
    assert found, mail.text
    return found[0]


async def members(world: World) -> dict[str, str]:
    """Everybody in the team Ops: address and type."""
    listed = (await world.api("GET", "/v2/team-members")).json()["data"]
    return {each["attributes"]["email"]: each["type"] for each in listed}


@pytest.mark.slow
async def test_who_is_invited_joins_by_the_link_and_is_paged_until_they_are_removed(world: World) -> None:
    mail = await invite(world, role="team_lead")
    assert mail.subject == "[Tocsin] Join the team Ops"
    assert "Join the team" in mail.html
    assert "See the incident" not in mail.text
    page = await world.browse("GET", link(mail))
    assert page.status_code == 200
    assert "Join the team Ops" in page.text
    assert (await members(world))[DANA] == "team_member_invitation"  # looking changed nothing

    joined = await world.browse("POST", link(mail), data=FORM)
    assert (joined.status_code, joined.headers["location"]) == (303, "/")
    assert joined.headers["set-cookie"].startswith("tocsin_session=")
    assert "You are in the team" in (await world.browse("GET", "/joined")).text
    attributes = (await world.api("GET", f"/v2/team-members?email={DANA}")).json()["data"]["attributes"]
    assert (attributes["first_name"], attributes["last_name"]) == ("Dana", "Döring")
    assert attributes["role"] == "team_lead"

    def password_matches(tx: Tx) -> bool:
        dana = accounts.user_by_email(tx, DANA)
        assert dana is not None
        return accounts.password_matches(tx, dana.id, FORM["password"])

    assert await world.database.read(password_matches)
    await world.outage("shop")
    assert len(world.mail_to(DANA)) == 2

    assert (await world.api("DELETE", f"/v2/team-members?email={DANA}")).status_code == 204
    await world.outage("blog")
    assert len(world.mail_to(DANA)) == 2
    said = await world.audit_log()
    assert (
        "Dana@example.com joined a team (team_member 4) in team Ops through an e-mail link: "
        "allowed, the one whom the team has invited." in said
    )


@pytest.mark.slow
async def test_an_invitation_is_good_once_and_only_the_newest_and_only_for_its_time(world: World) -> None:
    first = await invite(world)
    second = await invite(world)
    assert (await world.browse("GET", link(first))).status_code == 404
    assert (await world.browse("POST", link(first), data=FORM)).status_code == 404
    assert (await world.browse("POST", link(second), data=FORM)).status_code == 303
    assert (await world.browse("POST", link(second), data=FORM)).status_code == 404

    late = await invite(world, "late@example.com")
    world.clock.wind(days=15)
    assert (await world.browse("POST", link(late), data=FORM)).status_code == 404
    back = await invite(world, "late@example.com")
    assert (await world.api("DELETE", "/v2/team-members?email=late@example.com")).status_code == 204
    assert (await world.browse("POST", link(back), data=FORM)).status_code == 404
    token = link(back).removeprefix("/join/")
    number, _, signature = token.partition("-")
    for forged in (f"{number}-{'0' * 32}", f"{int(number) + 1}-{signature}", "x", f"{number}-", "%00"):
        assert (await world.browse("POST", f"/join/{forged}", data=FORM)).status_code == 404
    assert "late@example.com" not in await members(world)


@pytest.mark.slow
async def test_a_form_that_is_not_good_says_why_and_uses_nothing_up(world: World) -> None:
    url = link(await invite(world))
    wrong = {"name": "", "password": "correct horse battery"}
    answer = await world.browse("POST", url, data=wrong)
    assert answer.status_code == 422
    assert "Your name can&#39;t be blank" in answer.text
    assert 'aria-invalid="true"' in answer.text
    short = await world.browse("POST", url, data={"name": '"><script>', "password": "short"})
    assert "is too short" in short.text
    assert "<script>" not in short.text.replace('<script src="/assets/', "")
    assert "short" not in short.text.partition('type="password"')[2].partition(">")[0]
    assert (await world.browse("POST", url, data={"password": "x" * 20_000})).status_code == 422
    assert (await world.browse("POST", url, data=FORM)).status_code == 303


async def test_who_has_an_account_joins_another_team_with_one_press(world: World) -> None:
    bob = "bob@example.com"
    answer = await world.api("POST", "/v2/team-members", {"email": bob, "team_name": "Charlie's team"}, token="global")
    assert answer.status_code == 201
    await world.settle()
    url = link(world.mail_to(bob)[-1])
    page = await world.browse("GET", url)
    assert "You have an account here already" in page.text
    assert 'type="password"' not in page.text
    assert (await world.browse("POST", url)).status_code == 303
    listed = (await world.api("GET", "/v2/team-members", token="charlie")).json()["data"]
    assert [each["attributes"]["email"] for each in listed] == ["charlie@example.com", bob]


async def test_no_table_shows_the_link(world: World) -> None:
    secret = link(await invite(world)).removeprefix("/join/")

    def everything(tx: Tx) -> str:
        return str([tx.execute(select(table)).all() for table in (deliveries, invitations)])

    assert secret.partition("-")[2] not in await world.database.read(everything)
