"""Those who keep a status page are told what its readers would stumble over."""

from __future__ import annotations

from tests.world import World, world
from tocsin.status_pages import actions

__all__ = ["world"]


async def said(world: World) -> list[tuple[str, str]]:
    return await world.database.read(actions.shortcomings)


async def test_of_a_replaced_logo_it_is_said_that_the_one_before_is_still_shown(world: World) -> None:
    address = "https://logos.example.com/acme.png"
    sent = {"subdomain": "acme", "timezone": "UTC", "logo_url": address}
    page = (await world.api("POST", "/v2/status-pages", sent)).json()["data"]["id"]
    resource = {"resource_type": "ManuallyTrackedItem", "public_name": "Shop"}
    await world.api("POST", f"/v2/status-pages/{page}/resources", resource)
    (wanted,) = await world.database.write(actions.claim_images)
    await world.database.write(actions.keep_image, wanted, "image/svg+xml", b"<svg/>")
    assert await said(world) == []
    await world.database.write(actions.miss_image, wanted, "The server answered 404.")
    again = f"its logo at {address} could not be fetched again (it is shown as it was): The server answered 404."
    assert await said(world) == [("acme", again)]
    world.site("logos").down(404)
    await world.api("PATCH", f"/v2/status-pages/{page}", {"logo_url": f"{address}?new"})
    await world.settle()
    now = f"its logo at {address}?new is not shown (the one before it is still shown): The server answered 404."
    assert await said(world) == [("acme", now)]


async def test_an_empty_page_a_lost_logo_and_a_deleted_monitor_are_named(world: World) -> None:
    world.site("logos").down(404)
    sent = {"subdomain": "acme", "timezone": "UTC", "logo_url": "https://logos.example.com/acme.png"}
    page = (await world.api("POST", "/v2/status-pages", sent)).json()["data"]["id"]
    await world.settle()
    assert await said(world) == [
        ("acme", "has no resources: its readers see an empty page"),
        ("acme", "its logo at https://logos.example.com/acme.png is not shown: The server answered 404."),
    ]
    monitor = await world.monitor("shop")
    resource = {"resource_type": "Monitor", "resource_id": monitor, "public_name": "Shop"}
    await world.api("POST", f"/v2/status-pages/{page}/resources", resource)
    await world.api("PATCH", f"/v2/status-pages/{page}", {"logo_url": None})
    assert await said(world) == []
    await world.api("DELETE", f"/v2/monitors/{monitor}")
    assert await said(world) == [("acme", "“Shop” is about a Monitor that was deleted")]
    await world.api("PATCH", f"/v2/status-pages/{page}", {"published": False})
    assert await said(world) == []
