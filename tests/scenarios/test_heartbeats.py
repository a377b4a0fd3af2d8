"""Stories of jobs that must call: the silence that wakes somebody, and the call that lets them sleep again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.world import World

HOUR = 3_600


async def status(world: World, id: int) -> str:
    answer = await world.api("GET", f"/v2/heartbeats/{id}")
    return str(answer.json()["data"]["attributes"]["status"])


async def pass_by(world: World, **time: float) -> None:
    """Live through hours in which only deadlines matter, in the steps in which they are looked at."""
    left = timedelta(**time)
    while left > timedelta(0):
        step = min(left, timedelta(seconds=30))
        world.clock.wind(step)
        left -= step
        await world.deadlines.run_once()
    await world.settle()


@pytest.mark.slow
async def test_a_nightly_backup_misses_its_time_and_alice_is_paged_until_it_comes(world: World) -> None:
    id, address = await world.heartbeat("Nightly backup", period=HOUR, grace=300)
    assert await status(world, id) == "pending"
    assert (await world.ping(address)).text == "OK"
    assert await status(world, id) == "up"
    await pass_by(world, minutes=64, seconds=59)
    assert world.new_mails() == []
    await pass_by(world, seconds=2)
    assert await status(world, id) == "down"
    (incident,) = await world.incidents(heartbeat_id=id, resolved="false")
    assert incident["attributes"]["cause"] == "No heartbeat for 1 h 5 min (expected every 1 h)"
    assert incident["attributes"]["name"] == "Nightly backup"
    assert {to for to, _ in world.new_mails()} == {"alice", "bob"}
    await world.ping(address)
    assert await status(world, id) == "up"
    assert await world.incidents(heartbeat_id=id, resolved="false") == []
    assert [(to, "Resolved" in subject) for to, subject in world.new_mails()] == [("alice", True), ("bob", True)]


@pytest.mark.slow
async def test_a_job_that_reports_its_failure_pages_at_once_with_what_it_said(world: World) -> None:
    id, address = await world.heartbeat("Import", period=HOUR)
    await world.ping(address)
    await world.ping(f"{address}/3", "POST", said="disk full on /var")
    (incident,) = await world.incidents(heartbeat_id=id)
    assert incident["attributes"]["cause"] == "Failed: exit code 3"
    assert incident["attributes"]["response_content"] == "disk full on /var"
    assert len(world.new_mails()) == 2
    await world.ping(f"{address}/fail")  # and again: nobody is told twice
    assert world.new_mails() == []
    assert len(await world.incidents(heartbeat_id=id)) == 1
    await world.ping(f"{address}/0")
    assert await world.incidents(heartbeat_id=id, resolved="false") == []
    answer = await world.api("GET", f"/v2/heartbeats/{id}/pings")
    kinds = [(each["attributes"]["kind"], each["attributes"]["exit_code"]) for each in answer.json()["data"]]
    assert kinds == [("success", 0), ("fail", None), ("fail", 3), ("success", None)]
    assert answer.json()["data"][2]["attributes"]["body"] == "disk full on /var"


@pytest.mark.slow
async def test_a_job_that_starts_and_never_ends_is_noticed(world: World) -> None:
    id, address = await world.heartbeat("Report", period=HOUR, grace=600)
    await world.ping(f"{address}/start")
    assert await status(world, id) == "pending"
    await pass_by(world, minutes=10, seconds=1)
    (incident,) = await world.incidents(heartbeat_id=id, resolved="false")
    assert incident["attributes"]["cause"] == "Has been running for 10 min (expected to end within 10 min)"
    await world.ping(address)
    assert await status(world, id) == "up"


@pytest.mark.slow
async def test_an_incident_closed_by_hand_does_not_hide_the_next_night(world: World) -> None:
    id, address = await world.heartbeat("Nightly backup", period=HOUR, grace=300)
    await world.ping(address)
    await pass_by(world, minutes=66)
    (incident,) = await world.incidents(heartbeat_id=id)
    await world.api("POST", f"/v3/incidents/{incident['id']}/resolve")
    await pass_by(world, minutes=58)
    assert len(await world.incidents(heartbeat_id=id)) == 1
    await pass_by(world, minutes=2)
    assert len(await world.incidents(heartbeat_id=id, resolved="false")) == 1


@pytest.mark.slow
async def test_an_acknowledged_outage_is_not_told_again_every_night(world: World) -> None:
    id, address = await world.heartbeat("Nightly backup", period=HOUR, grace=300)
    await world.ping(address)
    await pass_by(world, minutes=66)
    (incident,) = await world.incidents(heartbeat_id=id)
    await world.api("POST", f"/v3/incidents/{incident['id']}/acknowledge")
    await world.settle()
    world.new_mails()
    await pass_by(world, hours=3)
    assert world.new_mails() == []


@pytest.mark.slow
async def test_after_our_own_night_off_nobody_is_woken_for_what_may_have_called(world: World) -> None:
    jobs = [await world.heartbeat(f"Job {number}", period=HOUR, grace=60) for number in range(5)]
    for _, address in jobs:
        await world.ping(address)
    world.crash()
    world.clock.wind(hours=8)
    await world.settle()
    assert world.new_mails() == []
    assert await world.incidents() == []
    for _, address in jobs[1:]:
        await world.ping(address)
    await pass_by(world, minutes=60, seconds=1)
    (incident,) = await world.incidents()
    assert incident["attributes"]["name"] == "Job 0"
    assert incident["attributes"]["cause"] == "No heartbeat for 9 h (expected every 1 h)"


@pytest.mark.slow
async def test_silence_in_maintenance_is_told_only_after_it(world: World) -> None:
    assert world.clock.now() == datetime(2026, 3, 2, 12, tzinfo=UTC)
    window = {"maintenance_from": "12:30:00", "maintenance_to": "14:00:00", "maintenance_timezone": "UTC"}
    id, address = await world.heartbeat("Import", period=HOUR, **window)
    await world.ping(address)
    await pass_by(world, minutes=100)
    await world.ping(f"{address}/fail")
    assert await world.incidents(heartbeat_id=id) == []
    await pass_by(world, minutes=21)
    assert len(await world.incidents(heartbeat_id=id, resolved="false")) == 1


@pytest.mark.slow
async def test_a_paused_heartbeat_keeps_quiet_and_a_resumed_one_waits_for_its_next_beat(world: World) -> None:
    id, address = await world.heartbeat("Import", period=HOUR)
    await world.ping(address)
    await world.api("PATCH", f"/v2/heartbeats/{id}", {"paused": True})
    await pass_by(world, hours=2)
    assert (await world.ping(f"{address}/fail")).status_code == 200
    assert (await status(world, id), await world.incidents(heartbeat_id=id)) == ("paused", [])
    await world.api("PATCH", f"/v2/heartbeats/{id}", {"paused": False})
    await pass_by(world, hours=2)
    assert (await status(world, id), await world.incidents(heartbeat_id=id)) == ("pending", [])
    await world.ping(address)
    await pass_by(world, minutes=61)
    assert await status(world, id) == "down"


@pytest.mark.slow
async def test_a_changed_period_counts_from_the_change(world: World) -> None:
    id, address = await world.heartbeat("Import", period=24 * HOUR)
    await world.ping(address)
    await pass_by(world, hours=2)
    await world.api("PATCH", f"/v2/heartbeats/{id}", {"period": HOUR})
    await pass_by(world, minutes=59)
    assert await status(world, id) == "up"
    await pass_by(world, minutes=2)
    assert await status(world, id) == "down"


@pytest.mark.slow
async def test_a_schedule_says_when_a_call_was_due(world: World) -> None:
    schedule = {"schedule": "30 13 * * *", "schedule_timezone": "Europe/Berlin", "grace": 600}
    id, address = await world.heartbeat("Nightly backup", **schedule)
    await world.ping(address)
    await pass_by(world, minutes=39)
    assert await status(world, id) == "up"
    await pass_by(world, minutes=1, seconds=1)
    (incident,) = await world.incidents(heartbeat_id=id)
    assert incident["attributes"]["cause"] == "No heartbeat for 40 min (expected at 2 Mar 2026, 13:30 Europe/Berlin)"
