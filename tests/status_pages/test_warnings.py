"""Those who keep a status page are told what its readers would stumble over."""

from __future__ import annotations

from tests.world import World, world
from tocsin.status_pages import actions

__all__ = ["world"]


async def said(world: World) -> list[tuple[str, str]]:
    return await world.database.read(actions.shortcomings)


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
