"""Picture and trace of a failed browser check on the wire: bytes as they are, to those who may see the incident."""

from __future__ import annotations

from tests.rest.clients import BASE, Clients
from tocsin.incidents import actions as incidents
from tocsin.monitors import actions as monitors
from tocsin.monitors.model import Evidence, Observation, Verdict
from tocsin.storage import Database, Tx

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
TRACE = b"PK\x03\x04" + bytes(range(256))


async def test_picture_and_trace_of_a_failed_check_are_served_to_its_team_alone(
    at: Clients, database: Database
) -> None:
    script = {"monitor_type": "playwright", "scenario_name": "Checkout", "playwright_script": "x"}
    made = await at.alice.post("/api/v2/monitors", json=script)
    id = int(made.json()["data"]["id"])

    def fail(tx: Tx) -> int:
        seen = Observation(
            monitor_id=id, revision=1, region="eu", started_ms=1, ended_ms=2, verdict=Verdict.DOWN, cause="line 3",
            evidence=Evidence(url="https://shop.example.com", body=b"test: x", screenshot=PICTURE, trace=TRACE),
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
    assert shown["trace_url"] == f"{BASE}/api/v3/incidents/{incident}/trace"
    answer = await at.alice.get(shown["trace_url"])
    assert (answer.status_code, answer.content) == (200, TRACE)
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"] == 'attachment; filename="trace.zip"'
    for client, status in ((at.charlie, 404), (at.nobody, 401)):
        for name in ("screenshot_url", "trace_url"):
            assert (await client.get(shown[name])).status_code == status

    await database.write(incidents.shorten, [incident])
    pruned = (await at.alice.get(f"/api/v3/incidents/{incident}")).json()["data"]["attributes"]
    assert pruned["screenshot_url"] is None
    assert "trace_url" not in pruned
    for name in ("screenshot_url", "trace_url"):
        assert (await at.alice.get(shown[name])).status_code == 404
