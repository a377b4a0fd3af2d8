"""One cause, one page: a network that goes dark, told as stories."""

from __future__ import annotations

from collections import Counter

from tests.world import World


def downs(world: World) -> Counter[str]:
    """How many pages each person has got, by the beginning of the address."""
    pages = [mail for mail in world.mails() if mail.subject.startswith("[Tocsin] Down")]
    return Counter(mail.to.partition("@")[0] for mail in pages)


async def dark(world: World, number: int, **attributes: object) -> list[int]:
    """So many sites go dark together; returns the monitors."""
    monitors = [await world.monitor(f"site{n}", recovery_period=0, **attributes) for n in range(number)]
    await world.fast_forward(seconds=35)
    for n in range(number):
        world.site(f"site{n}").down()
    await world.fast_forward(seconds=35)
    return monitors


async def test_forty_sites_that_fail_together_are_a_handful_of_mails(world: World) -> None:
    await dark(world, 40)
    assert downs(world) == {"alice": 5, "bob": 5}
    await world.fast_forward(seconds=40)
    incidents = await world.incidents()
    groups = {incident["attributes"]["incident_group_id"] for incident in incidents}
    assert len(incidents) == 40, "every outage is an incident of its own"
    assert len(groups) == 1
    assert None not in groups
    news = [mail for mail in world.mail_to("alice@example.com") if "39 more" in mail.subject]
    assert len(news) == 1
    assert "Also failing" in news[0].text
    assert "and 29 more" in news[0].text

    (cause,) = {incident["relationships"]["cause"]["data"]["id"] for incident in incidents[:-1]}
    assert "cause" not in incidents[-1]["relationships"]
    assert incidents[-1]["id"] == cause
    children = (await world.api("GET", f"/v3/incidents/{cause}/children?per_page=50")).json()
    assert len(children["data"]) == 39


async def test_when_all_are_well_again_nobody_hears_of_the_silent_ones(world: World) -> None:
    await dark(world, 40)
    for n in range(40):
        world.site(f"site{n}").up()
    await world.fast_forward(minutes=5)
    assert {incident["attributes"]["status"] for incident in await world.incidents()} == {"Resolved"}
    assert downs(world) == {"alice": 5, "bob": 5}
    resolved = [mail for mail in world.mail_to("alice@example.com") if "Resolved" in mail.subject]
    assert len(resolved) == 5
    await world.fast_forward(minutes=30)
    assert await world.database.read(lambda tx: tx.connection.exec_driver_sql(
        "select count(*) from incident_groups where ended_at is null").scalar()) == 0  # fmt: skip


async def test_one_that_stays_broken_when_the_others_recover_is_paged_about_after_all(world: World) -> None:
    await dark(world, 40)
    await world.fast_forward(seconds=60)
    before = downs(world)
    for n in range(39):
        world.site(f"site{n}").up()
    await world.fast_forward(minutes=3)
    open_ones = await world.incidents(resolved="false")
    assert len(open_ones) == 1
    assert downs(world) == {name: count + 1 for name, count in before.items()}
    assert "site39" in world.mail_to("alice@example.com")[-1].subject
    timeline = (await world.api("GET", f"/v3/incidents/{open_ones[0]['id']}/timeline")).json()["data"]
    titles = [item["attributes"]["data"]["title"] for item in timeline]
    assert "Part of another incident" in titles
    assert "Still failing" in titles
