"""The picture of a failed browser check on the wire: bytes as they are, to those alone who may see the incident."""

from __future__ import annotations

from tests.rest.clients import BASE, Clients
from tocsin.incidents import actions as incidents
from tocsin.monitors import actions as monitors
from tocsin.monitors.model import Evidence, Observation, Verdict
from tocsin.storage import Database, Tx

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


async def test_the_picture_of_a_failed_check_is_served_to_its_team_alone(at: Clients, database: Database) -> None:
    script = {"monitor_type": "playwright", "scenario_name": "Checkout", "playwright_script": "x"}
    made = await at.alice.post("/api/v2/monitors", json=script)
    id = int(made.json()["data"]["id"])

    def fail(tx: Tx) -> int:
        seen = Observation(
            monitor_id=id, revision=1, region="eu", started_ms=1, ended_ms=2, verdict=Verdict.DOWN, cause="line 3",
            evidence=Evidence(url="https://shop.example.com", body=b"test: x", screenshot=PICTURE),
        )  # fmt: skip
        monitors.record(tx, seen, BASE)
        found = incidents.current(tx, "monitor", id)
        assert found is not None
        return found.id

    incident = await database.write(fail)
    shown = (await at.alice.get(f"/api/v3/incidents/{incident}")).json()["data"]["attributes"]
    assert shown["screenshot_url"] == f"{BASE}/api/v3/incidents/{incident}/screenshot"
    answer = await at.alice.get(shown["screenshot_url"])
    assert (answer.status_code, answer.content) == (200, PICTURE)
    assert answer.headers["content-type"] == "image/png"
    for client, status in ((at.charlie, 404), (at.nobody, 401)):
        assert (await client.get(shown["screenshot_url"])).status_code == status
