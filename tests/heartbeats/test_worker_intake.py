"""Pings are taken in by the hundred, on both databases; what is answered is on disk."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.heartbeats import actions
from tocsin.heartbeats.actions import history
from tocsin.heartbeats.model import Heartbeat, Kind, Ping
from tocsin.heartbeats.store.tables import bodies, heartbeats, pings, states
from tocsin.heartbeats.worker import Deadlines, Forgetting, Intake
from tocsin.inbound.model import ReceivedMail
from tocsin.incidents import actions as incidents
from tocsin.kernel.errors import NotFound, Refused, Unavailable
from tocsin.storage import Database, Tx
from tocsin.storage.events import events
from tocsin.storage.shifting import shift

BASE = "https://tocsin.example"


async def made(database: Database, number: int = 1, **given: Any) -> list[Heartbeat]:
    def work(tx: Tx) -> list[Heartbeat]:
        team = accounts.ensure_team(tx, "Ops")
        more = {"period": 3_600, "grace": 60, **given}
        return [actions.create(tx, team.id, {"name": f"Job {n}", **more}) for n in range(number)]

    return await database.write(work)


async def ping(intake: Intake, token: str, kind: str = "success", **more: Any) -> bool:
    given = {"exit_code": None, "run_id": None, "remote_ip": None, "user_agent": "test", "body": b""} | more
    return await intake.take(
        token, kind, given["exit_code"], given["run_id"], "GET", given["remote_ip"], given["user_agent"], given["body"]
    )


async def counted(database: Database) -> dict[int, int]:
    """Rows of pings by heartbeat, and they are as many as its state says."""

    def work(tx: Tx) -> dict[int, int]:
        found: Any = tx.execute(select(pings.c.heartbeat_id, func.count()).group_by(pings.c.heartbeat_id))
        rows = {id: count for id, count in found}  # noqa: C416
        said: Any = tx.execute(select(states.c.heartbeat_id, states.c.pings, states.c.bodies))
        for id, stored, kept in said:
            assert rows.get(id, 0) == stored
            statement = select(func.count()).select_from(bodies).where(bodies.c.heartbeat_id == id)
            assert tx.execute(statement).scalar_one() == kept
        return rows

    return await database.read(work)


@pytest.mark.slow
async def test_pings_of_many_jobs_at_once_are_all_kept_and_all_move_their_deadlines(
    database: Database, clock: FakeClock
) -> None:
    jobs = await made(database, 70)
    intake = Intake(database, BASE)
    for _ in range(3):
        clock.wind(minutes=1)
        answers = await asyncio.gather(*(ping(intake, job.token) for job in jobs for _ in range(2)))
        assert answers == [True] * 140
    assert await counted(database) == {job.id: 6 for job in jobs}
    again = await database.read(actions.find, jobs[0].id, None)
    assert again.standing.last_beat_ms == int(clock.now().timestamp() * 1000)
    assert again.standing.plain
    assert intake.taken == 420


async def test_all_sorts_of_pings_in_one_batch_are_kept_in_order(database: Database) -> None:
    (job,) = await made(database)
    intake = Intake(database, BASE)
    run = str(uuid4())
    said = [("start", None, run), ("log", None, None), ("success", None, run), ("fail", 3, None), ("success", 0, None)]
    await asyncio.gather(
        *(ping(intake, job.token, kind, exit_code=code, run_id=id, body=kind.encode()) for kind, code, id in said)
    )
    found, total = await database.read(lambda tx: actions.pings(tx, job.id, None, page=1, per_page=10))
    assert total == 5
    assert [(each.kind.value, each.exit_code, each.run_id) for each in reversed(found)] == said
    assert [each.body for each in reversed(found)] == [kind.encode() for kind, _, _ in said]
    assert await database.read(incidents.count_open) == 0
    await counted(database)


async def test_a_token_that_nobody_has_is_unknown_and_one_just_made_is_known_at_once(database: Database) -> None:
    intake = Intake(database, BASE)
    for token in ("a" * 24, "short", "a" * 23 + "é", "a" * 23 + "'", ""):
        assert await ping(intake, token) is False
    (job,) = await made(database)
    assert await ping(intake, job.token) is True


async def test_a_deleted_heartbeat_is_gone_at_once_and_its_neighbours_are_not(database: Database) -> None:
    gone, stays = await made(database, 2)
    intake = Intake(database, BASE)
    await asyncio.gather(ping(intake, gone.token), ping(intake, stays.token))
    await database.write(actions.delete, gone.id, None, BASE)
    assert await asyncio.gather(ping(intake, gone.token), ping(intake, stays.token)) == [False, True]
    assert await counted(database) == {stays.id: 2}


async def test_what_cannot_be_written_of_one_job_does_not_hold_up_the_others(
    sqlite_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    broken, well = await made(sqlite_database, 2)
    intake = Intake(sqlite_database, BASE)
    await asyncio.gather(ping(intake, broken.token), ping(intake, well.token))
    await sqlite_database.write(
        lambda tx: tx.execute(heartbeats.update().where(heartbeats.c.id == broken.id).values(settings="{"))
    )
    answers = await asyncio.gather(ping(intake, broken.token, "fail"), ping(intake, well.token), return_exceptions=True)
    assert isinstance(answers[0], Exception)
    assert answers[1] is True
    assert await counted(sqlite_database) == {broken.id: 1, well.id: 2}


async def test_a_database_that_is_closed_is_said_and_nothing_hangs(sqlite_database: Database) -> None:
    (job,) = await made(sqlite_database)
    intake = Intake(sqlite_database, BASE)
    await ping(intake, job.token)
    sqlite_database.close()
    with pytest.raises(Unavailable):
        await ping(intake, job.token)


async def test_pings_by_name_make_their_heartbeat_when_asked_to(database: Database) -> None:
    await made(database)
    key = (await database.read(actions.ping_key, 1, BASE)).key
    intake = Intake(database, BASE)

    async def by_name(slug: str, create: bool, key: str = key) -> bool:
        return await intake.take_by_name(key, slug, create, "success", None, None, "GET", None, None, b"")

    with pytest.raises(NotFound):
        await by_name("backup", create=False)
    assert await by_name("backup", create=True) is True
    assert await by_name("backup", create=True) is False
    found = (await database.read(lambda tx: actions.list_heartbeats(tx, None, page=1, per_page=9)))[0][-1]
    assert (found.name, found.slug, found.status, found.settings.period) == ("backup", "backup", "up", 86_400)
    for wrong in ("1-" + "0" * 32, "2" + key[1:], "", "x", "9" * 30 + "-a", f"{key}a"):
        with pytest.raises(NotFound):
            await by_name("backup", create=True, key=wrong)
    for slug in ("../etc", "A", "ü", "-a", "a" * 101):
        with pytest.raises(NotFound):
            await by_name(slug, create=True)
    await database.write(actions.change_ping_key, 1, BASE)
    with pytest.raises(NotFound):
        await by_name("backup", create=False)


async def test_pings_make_only_so_many_heartbeats(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tocsin.heartbeats.actions.provisioning.MAX_PROVISIONED", 3)
    await made(sqlite_database)
    key = (await sqlite_database.read(actions.ping_key, 1, BASE)).key
    for number in range(3):
        await sqlite_database.write(actions.ping_by_name, key, f"job-{number}", Ping(heartbeat_id=0), True, BASE)
    with pytest.raises(Refused, match="made 3 heartbeats"):
        await sqlite_database.write(actions.ping_by_name, key, "job-3", Ping(heartbeat_id=0), True, BASE)
    await sqlite_database.write(actions.ping_by_name, key, "job-0", Ping(heartbeat_id=0), True, BASE)


@pytest.mark.parametrize(
    ("subject", "text", "kind"),
    [
        ("Backup done", "all well", Kind.SUCCESS),
        ("Backup", "ERROR: disk full, not done", Kind.FAIL),
        ("Backup started", "please wait", Kind.LOG),
    ],
)
async def test_a_mail_is_a_ping_and_its_words_say_which(
    database: Database, clock: FakeClock, subject: str, text: str, kind: Kind
) -> None:
    (job,) = await made(database, success_keyword="DONE", failure_keyword="error")
    mail = ReceivedMail(
        sender="cron@example.com", recipient=f"{job.token}@in.example", subject=subject, text=text, at=clock.now()
    )
    assert await database.write(actions.receive_mail, job.token.upper(), mail, clock.now(), BASE) is True
    assert await database.write(actions.receive_mail, "a" * 24, mail, clock.now(), BASE) is False
    ((kept,), _) = await database.read(lambda tx: actions.pings(tx, job.id, None, page=1, per_page=10))
    assert (kept.kind, kept.method, kept.body) == (kind, "EMAIL", f"{subject}\n\n{text}".encode())


async def test_of_many_pings_the_newest_are_kept(database: Database, clock: FakeClock) -> None:
    (job,) = await made(database)
    total = history.PINGS_KEPT + history.SURPLUS + 50
    texts = history.BODIES_KEPT + history.SURPLUS + 5
    for start in range(0, total, 250):
        some = range(start, min(start + 250, total))
        batch = [Ping(heartbeat_id=job.id, body=b"x" if total - n <= texts else b"") for n in some]
        await database.write(actions.record, batch, BASE)
    await Forgetting(database, clock).run_once()
    assert await counted(database) == {job.id: history.PINGS_KEPT}
    found, _ = await database.read(lambda tx: actions.pings(tx, job.id, None, page=1, per_page=history.PINGS_KEPT))
    assert found[0].id - found[-1].id == history.PINGS_KEPT - 1
    assert [each.body for each in found[:101]] == [b"x"] * history.BODIES_KEPT + [None]


@pytest.mark.slow
async def test_two_watchers_of_the_same_deadlines_open_one_incident_each(database: Database, clock: FakeClock) -> None:
    jobs = await made(database, 12)
    watchers = [Deadlines(database, clock, BASE) for _ in range(2)]
    for watcher in watchers:
        await watcher.run_once()
    await database.write(actions.record, [Ping(heartbeat_id=job.id) for job in jobs], BASE)
    for _ in range(62 * 2):
        clock.wind(seconds=30)
        await asyncio.gather(*(watcher.run_once() for watcher in watchers))
    assert await database.read(incidents.count_open) == 12
    assert sum(watcher.missed for watcher in watchers) == 12
    assert all(watcher.lag_seconds == 0 for watcher in watchers)


@pytest.mark.slow
async def test_a_ping_that_comes_with_the_look_is_never_lost(database: Database, clock: FakeClock) -> None:
    (job,) = await made(database, grace=0)
    watcher, intake = Deadlines(database, clock, BASE), Intake(database, BASE)
    await watcher.run_once()
    await ping(intake, job.token)
    for _ in range(5):
        for _ in range(120):
            clock.wind(seconds=30)
            await watcher.run_once()
        await asyncio.gather(watcher.run_once(), ping(intake, job.token))
    after = await database.read(actions.find, job.id, None)
    assert after.status == "up"
    assert await database.read(incidents.count_open) == 0
    assert after.standing.due_ms is not None
    assert after.standing.due_ms <= int(clock.now().timestamp() * 1000) + 3_600_000


@pytest.mark.slow
async def test_a_clock_that_is_set_back_delays_no_deadline(database: Database, clock: FakeClock) -> None:
    (job,) = await made(database)
    await database.write(actions.record, [Ping(heartbeat_id=job.id)], BASE)
    watcher = Deadlines(database, clock, BASE)
    await watcher.run_once()
    clock.set(clock.now() - timedelta(hours=2))
    await database.write(shift, timedelta(hours=2))
    for _ in range(123):
        clock.wind(seconds=30)
        await watcher.run_once()
    assert await database.read(incidents.count_open) == 1


async def test_an_absence_is_told_once_to_each_team_that_it_concerns(database: Database, clock: FakeClock) -> None:
    jobs = await made(database, 3)
    await database.write(actions.record, [Ping(heartbeat_id=job.id) for job in jobs[:2]], BASE)
    await Deadlines(database, clock, BASE).run_once()
    clock.wind(hours=5)
    watcher = Deadlines(database, clock, BASE)
    await watcher.run_once()
    await watcher.run_once()
    told = await database.read(
        lambda tx: [row.data for row in tx.execute(select(events).where(events.c.name == "heartbeats.unwatched"))]
    )
    assert [each["heartbeats"] for each in told] == [2]
    assert told[0]["to_ms"] - told[0]["from_ms"] == 5 * 3_600_000
    assert (watcher.absences, watcher.missed) == (1, 0)


async def test_what_was_said_and_what_was_not_come_back_as_they_were(database: Database) -> None:
    """Texts that look like the signs that stand for nothing are texts."""
    (job,) = await made(database)
    given = [
        Ping(heartbeat_id=job.id),
        Ping(heartbeat_id=job.id, exit_code=0, remote_ip="fe80::1%eth0", user_agent="-1", method="HEAD"),
        Ping(heartbeat_id=job.id, kind=Kind.FAIL, exit_code=255, user_agent='NULL,{"\\'),
        Ping(heartbeat_id=job.id, kind=Kind.LOG, run_id=str(uuid4()), user_agent=""),
    ]
    await database.write(actions.record, given, BASE)
    found, _ = await database.read(lambda tx: actions.pings(tx, job.id, None, page=1, per_page=10))
    kept = [
        Ping(heartbeat_id=job.id, kind=each.kind, exit_code=each.exit_code, run_id=each.run_id, method=each.method,
             remote_ip=each.remote_ip, user_agent=each.user_agent)
        for each in reversed(found)
    ]  # fmt: skip
    assert kept == given
    assert [each.duration_ms for each in found] == [None] * 4
