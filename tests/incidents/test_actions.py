"""The life of an incident against real databases: who is paged, who answers, how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.duty import put_on_call
from tests.time import FakeClock
from tocsin.accounts import actions as accounts
from tocsin.escalation import actions as escalation
from tocsin.escalation.model import Paging
from tocsin.escalation.worker import Escalations
from tocsin.incidents import actions
from tocsin.incidents.model import Author, Filter, Incident, IncidentStatus, Opening
from tocsin.kernel.errors import Conflict, NotFound
from tocsin.monitors.model import Evidence
from tocsin.notify import actions as notify
from tocsin.notify.model import Sent
from tocsin.storage import Database, Tx

BASE = "https://tocsin.example"
ALICE = "alice@team.example"
BOB = "bob@team.example"


class Story:
    """A team of Alice and Bob, an address to break, and short words for what happens to it."""

    def __init__(self, database: Database, clock: FakeClock) -> None:
        self.database = database
        self.clock = clock
        self.worker = Escalations(database, clock)
        self.team_id = 0
        self.alice = 0
        self.bob = 0

    async def do(self, work: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return await self.database.write(work, *args, **kwargs)

    def opening(self, **changes: Any) -> Opening:
        opening = Opening(
            team_id=self.team_id,
            owner_type="monitor",
            owner_id=7,
            name="Shop homepage",
            url="https://shop.example/",
            http_method="GET",
            cause="Status 503",
            regions=["eu"],
            paging=Paging(),
            confirmed=True,
        )
        return msgspec.structs.replace(opening, **changes)

    async def on_call(self, *emails: str) -> None:
        """From now on these are on call; before that nobody is, and everybody is paged at once."""
        await self.do(put_on_call, self.team_id, *emails)

    async def open(self, **changes: Any) -> Incident:
        incident: Incident = await self.do(actions.open, self.opening(**changes), BASE)
        return incident

    async def mails(self, incident: Incident, kind: str | None = None) -> list[tuple[str, str]]:
        """(address, subject) of everything that the mail channel would send now; marks it as sent."""

        def send(tx: Tx) -> list[tuple[str, str]]:
            sent = []
            for message in notify.claim(tx, "email", 100, BASE):
                notify.settle(tx, message.delivery_id, message.attempt, Sent("accepted by mail.example: 250 Ok"))
                if message.notice.incident_id == incident.id and kind in (None, message.notice.kind):
                    sent.append((message.address, message.notice.subject))
            return sorted(sent)

        mails: list[tuple[str, str]] = await self.do(send)
        return mails

    async def titles(self, incident: Incident) -> list[str]:
        """The story's titles, the oldest first."""
        items = await self.do(actions.timeline, incident, BASE)
        return [item.data["title"] for item in reversed(items)]

    async def find(self, incident: Incident) -> Incident:
        found: Incident = await self.do(actions.find, incident.id)
        return found


@pytest.fixture
async def story(database: Database, clock: FakeClock) -> Story:
    story = Story(database, clock)

    def found(tx: Tx) -> None:
        story.team_id = accounts.ensure_team(tx, "Ops").id
        for email, name in ((ALICE, "Alice Adams"), (BOB, "Bob Brown")):
            user = accounts.create_user(tx, email=email, name=name, password=None)
            accounts.join(tx, story.team_id, user.id)
            setattr(story, name.split()[0].lower(), user.id)

    await story.do(found)
    return story


async def test_reopened_in_the_instant_of_its_end_it_still_pages_everybody(story: Story) -> None:
    incident = await story.open()
    await story.do(actions.resolve, incident.id, Author(name="Ann"), base_url=BASE)
    await story.do(actions.reopen, incident.id, Author(name="Ann"), base_url=BASE)
    assert [address for address, _ in await story.mails(incident, "page")] == [ALICE, BOB]


async def test_an_outage_pages_the_whole_team_at_once_and_says_what_is_down(story: Story) -> None:
    incident = await story.open()
    assert incident.status is IncidentStatus.STARTED
    assert await story.mails(incident) == [
        (ALICE, "[Tocsin] Down: Shop homepage (Status 503)"),
        (BOB, "[Tocsin] Down: Shop homepage (Status 503)"),
    ]


@pytest.mark.parametrize(
    ("url", "name", "said"),
    [
        ("https://shop.example/", "Shop", ("URL", "GET https://shop.example/")),
        ("wss://live.example/feed", "Live", ("URL", "wss://live.example/feed")),
        ("db.example", "Cache", ("Target", "db.example")),
        ("Sign in", "Sign in", None),
    ],
)
async def test_a_page_says_of_web_servers_alone_how_they_were_asked(
    story: Story, url: str, name: str, said: tuple[str, str] | None
) -> None:
    await story.open(url=url, name=name, http_method="get")
    (first, *_) = await story.do(lambda tx: notify.claim(tx, "email", 100, BASE))
    assert [fact for fact in first.notice.facts if fact[0] in ("URL", "Target")] == ([said] if said else [])


async def test_acknowledging_tells_the_others_and_resolving_tells_all(story: Story) -> None:
    incident = await story.open()
    await story.mails(incident)
    story.clock.wind(seconds=60)
    taken = await story.do(
        actions.acknowledge, incident.id, Author(name="Alice Adams", user_id=story.alice), base_url=BASE
    )
    assert taken.status is IncidentStatus.ACKNOWLEDGED
    assert taken.acknowledged_by == "Alice Adams"
    assert await story.mails(incident) == [(BOB, "[Tocsin] Acknowledged: Shop homepage (by Alice Adams)")]
    story.clock.wind(seconds=60)
    ended = await story.do(actions.recover, incident.id, why="The monitor is up again.", base_url=BASE)
    assert (ended.status, ended.resolved_by) == (IncidentStatus.RESOLVED, None)
    assert await story.mails(incident) == [
        (ALICE, "[Tocsin] Resolved: Shop homepage"),
        (BOB, "[Tocsin] Resolved: Shop homepage"),
    ]


async def test_acknowledging_cancels_the_pages_that_have_not_left(story: Story) -> None:
    incident = await story.open()
    await story.do(actions.acknowledge, incident.id, Author(name="Alice Adams", user_id=story.alice), base_url=BASE)
    assert await story.mails(incident) == []
    assert "E-mail cancelled" in await story.titles(incident)


async def test_the_second_acknowledgement_is_told_that_it_came_late(story: Story) -> None:
    incident = await story.open()
    await story.do(actions.acknowledge, incident.id, Author(name="a script"), base_url=BASE)
    with pytest.raises(Conflict, match=r"^Incident was already acknowledged$"):
        await story.do(actions.acknowledge, incident.id, Author(name="another"), base_url=BASE)
    await story.do(actions.resolve, incident.id, Author(name="a script"), base_url=BASE)
    with pytest.raises(Conflict, match=r"^Incident was already resolved$"):
        await story.do(actions.acknowledge, incident.id, Author(name="another"), base_url=BASE)
    with pytest.raises(Conflict, match=r"^Incident was already resolved$"):
        await story.do(actions.resolve, incident.id, Author(name="another"), base_url=BASE)


async def test_of_ten_acknowledgements_at_the_same_moment_exactly_one_wins(story: Story) -> None:
    incident = await story.open()
    answers = await asyncio.gather(
        *(
            story.do(actions.acknowledge, incident.id, Author(name=f"responder {number}"), base_url=BASE)
            for number in range(10)
        ),
        return_exceptions=True,
    )
    winners = [answer for answer in answers if isinstance(answer, Incident)]
    losers = [answer for answer in answers if isinstance(answer, Conflict)]
    assert (len(winners), len(losers)) == (1, 9)
    assert (await story.find(incident)).acknowledged_by == winners[0].acknowledged_by


async def test_with_team_wait_whoever_is_on_call_is_paged_first_and_the_rest_after_it(story: Story) -> None:
    await story.on_call(ALICE)
    incident = await story.open(paging=Paging(team_wait=180))
    assert [address for address, _ in await story.mails(incident)] == [ALICE]
    story.clock.wind(seconds=179)
    assert await story.worker.run_once() == story.clock.now() + timedelta(seconds=1)
    assert await story.mails(incident) == []
    story.clock.wind(seconds=1)
    assert await story.worker.run_once() is None
    assert [address for address, _ in await story.mails(incident)] == [BOB]


async def test_acknowledged_in_time_the_rest_of_the_team_sleeps_on(story: Story) -> None:
    await story.on_call(ALICE)
    incident = await story.open(paging=Paging(team_wait=180))
    await story.mails(incident)
    await story.do(actions.acknowledge, incident.id, Author(name="Alice Adams", user_id=story.alice), base_url=BASE)
    story.clock.wind(hours=1)
    assert await story.worker.run_once() is None
    assert await story.mails(incident) == []


async def test_an_unconfirmed_incident_tells_nobody_until_it_is_confirmed(story: Story) -> None:
    incident = await story.open(confirmed=False)
    assert incident.status is IncidentStatus.UNCONFIRMED
    assert await story.mails(incident) == []
    story.clock.wind(seconds=30)
    confirmed = await story.do(actions.confirm, incident.id, cause="Status 500", evidence=None, base_url=BASE)
    assert (confirmed.status, confirmed.cause) == (IncidentStatus.STARTED, "Status 500")
    assert confirmed.started_at == incident.started_at
    assert len(await story.mails(incident)) == 2


async def test_an_unconfirmed_incident_that_recovers_leaves_no_trace_in_lists_and_availability(story: Story) -> None:
    incident = await story.open(confirmed=False)
    story.clock.wind(seconds=10)
    ended = await story.do(actions.withdraw, incident.id)
    assert ended.status is IncidentStatus.RESOLVED
    assert await story.mails(incident) == []
    assert await story.do(actions.page, Filter(), page=1, per_page=10) == ([], 0)
    now = story.clock.now()
    assert await story.do(actions.downtime, "monitor", 7, now - timedelta(days=1), now) == []
    with pytest.raises(Conflict):
        await story.do(actions.reopen, incident.id, Author(name="x"), base_url=BASE)


async def test_a_second_opening_for_the_same_owner_is_the_same_incident(story: Story) -> None:
    first = await story.open(confirmed=False)
    again = await story.open(confirmed=True, cause="Timed out")
    assert again.id == first.id
    assert again.status is IncidentStatus.STARTED
    other_kind = await story.open(kind="ssl_expiration", cause="Expires in 3 days")
    assert other_kind.id != first.id


async def test_validating_and_back_keeps_who_took_it_on(story: Story) -> None:
    incident = await story.open()
    await story.do(actions.acknowledge, incident.id, Author(name="Alice"), base_url=BASE)
    assert (await story.do(actions.validating, incident.id)).status is IncidentStatus.VALIDATING
    assert (await story.do(actions.failing_again, incident.id)).status is IncidentStatus.ACKNOWLEDGED


async def test_reopening_clears_the_answers_and_pages_again(story: Story) -> None:
    incident = await story.open()
    await story.mails(incident)
    story.clock.wind(minutes=1)
    await story.do(actions.acknowledge, incident.id, Author(name="Alice Adams", user_id=story.alice), base_url=BASE)
    await story.do(actions.resolve, incident.id, Author(name="Alice Adams", user_id=story.alice), base_url=BASE)
    await story.mails(incident)
    story.clock.wind(hours=24)
    again = await story.do(actions.reopen, incident.id, Author(name="Bob Brown", user_id=story.bob), base_url=BASE)
    assert again.status is IncidentStatus.STARTED
    assert (again.acknowledged_at, again.resolved_at, again.reopened_by) == (None, None, "Bob Brown")
    assert [address for address, _ in await story.mails(incident, "page")] == [ALICE, BOB]


async def test_after_24_hours_an_incident_stays_closed(story: Story) -> None:
    incident = await story.open()
    with pytest.raises(Conflict, match="not resolved"):
        await story.do(actions.reopen, incident.id, Author(name="Bob"), base_url=BASE)
    await story.do(actions.resolve, incident.id, Author(name="Bob"), base_url=BASE)
    story.clock.wind(hours=24, seconds=1)
    with pytest.raises(Conflict, match="24 hours"):
        await story.do(actions.reopen, incident.id, Author(name="Bob"), base_url=BASE)


async def test_an_incident_is_not_reopened_beside_a_newer_one(story: Story) -> None:
    incident = await story.open()
    await story.do(actions.resolve, incident.id, Author(name="Bob"), base_url=BASE)
    newer = await story.open()
    with pytest.raises(Conflict, match=f"Incident {newer.id} is already open"):
        await story.do(actions.reopen, incident.id, Author(name="Bob"), base_url=BASE)


async def test_a_team_without_people_says_loudly_that_nobody_was_alerted(story: Story) -> None:
    empty = await story.do(accounts.ensure_team, "Ghosts")
    incident = await story.open(team_id=empty.id)
    assert "Nobody to page" in await story.titles(incident)


async def test_with_every_channel_off_the_timeline_says_that_nobody_is_alerted(story: Story) -> None:
    incident = await story.open(paging=Paging(call=False, sms=False, email=False, push=False))
    assert await story.mails(incident) == []
    items = await story.do(actions.timeline, incident, BASE)
    assert any("nobody is alerted" in item.data["content"] for item in items)


async def test_a_page_by_phone_that_cannot_be_made_becomes_an_e_mail(story: Story) -> None:
    incident = await story.open(paging=Paging(call=True, sms=True, email=False, push=False))
    assert [address for address, _ in await story.mails(incident)] == [ALICE, BOB]
    assert "Paging by e-mail instead" in await story.titles(incident)


async def test_escalating_to_a_person_pages_exactly_that_person(story: Story) -> None:
    await story.on_call(ALICE)
    incident = await story.open(paging=Paging(team_wait=600))
    await story.mails(incident)
    await story.do(
        actions.escalate_to_user, incident.id, story.bob, ("email",), Author(name="Alice Adams"), base_url=BASE
    )
    assert [address for address, _ in await story.mails(incident)] == [BOB]
    assert "Incident escalated" in await story.titles(incident)


async def test_the_failing_answer_is_kept_as_evidence(story: Story) -> None:
    evidence = Evidence(
        url="https://shop.example/", status_code=503, headers=[("Server", "nginx")], body=b"down for maintenance"
    )
    incident = await story.open(evidence=evidence, timings={"total": 0.036304, "connection": None})
    incident = await story.find(incident)
    assert incident.response_content == "down for maintenance"
    assert msgspec.json.decode(incident.response_options or "") == {
        "status_code": 503,
        "headers": {"Server": "nginx"},
        "timings": {"total": 0.036304},
    }
    shown = await story.do(actions.show, incident, BASE)
    assert {key: values[0].value for key, values in shown.metadata.items()} == {
        "Response code": "503",
        "Request duration": "0.036304",
    }
    stored = await story.do(actions.response, incident.id)
    assert (stored.body, stored.headers) == (b"down for maintenance", [("Server", "nginx")])
    items = await story.do(actions.timeline, incident, BASE)
    page = next(item for item in items if item.item_type == "response_item")
    assert page.id == f"{incident.id}-content-response"
    assert "down for maintenance" in page.data["content"]


async def test_a_long_or_binary_answer_is_stored_but_not_shown_inline(story: Story) -> None:
    for number, body in enumerate((b"x" * 500, b"\xff\xfe\x00\x01")):
        evidence = Evidence(url="https://shop.example/", status_code=500, body=body)
        incident = await story.find(await story.open(owner_id=100 + number, evidence=evidence))
        assert incident.response_content is None
        assert incident.has_response
        assert (await story.do(actions.response, incident.id)).body == body
        assert await story.do(actions.timeline, incident, BASE)


async def test_downtime_counts_confirmed_outages_of_the_monitor_only(story: Story) -> None:
    start = story.clock.now()
    incident = await story.open(started_at=start - timedelta(seconds=30))
    await story.open(kind="ssl_expiration")
    story.clock.wind(minutes=5)
    await story.do(actions.recover, incident.id, why="up", base_url=BASE)
    story.clock.wind(minutes=5)
    later = await story.open()
    now = story.clock.now()
    assert await story.do(actions.downtime, "monitor", 7, start - timedelta(hours=1), now + timedelta(hours=1)) == [
        (start - timedelta(seconds=30), start + timedelta(minutes=5)),
        (later.started_at, None),
    ]
    assert await story.do(actions.downtime, "monitor", 7, start + timedelta(minutes=5), now) == []


async def test_deleting_removes_everything_and_stops_paging(story: Story) -> None:
    await story.on_call(ALICE)
    incident = await story.open(paging=Paging(team_wait=60))
    await story.do(actions.delete, incident.id)
    with pytest.raises(NotFound):
        await story.find(incident)
    story.clock.wind(minutes=5)
    assert await story.worker.run_once() is None
    assert await story.mails(incident) == []


async def test_the_coming_pages_are_known_before_they_are_sent(story: Story) -> None:
    await story.on_call(ALICE)
    incident = await story.open(paging=Paging(team_wait=180))
    coming = await story.do(escalation.coming, incident.id)
    assert [(page.recipient, page.at) for page in coming] == [("Bob Brown", story.clock.now() + timedelta(seconds=180))]


async def test_the_story_is_told_newest_first_from_all_its_sources(story: Story) -> None:
    await story.on_call(ALICE, BOB)
    incident = await story.open()
    await story.mails(incident)
    story.clock.wind(seconds=30)
    alice = Author(name="Alice Adams", user_id=story.alice)
    await story.do(actions.write_comment, incident, "Restarting *nginx*.", alice)
    story.clock.wind(seconds=30)
    await story.do(actions.acknowledge, incident.id, alice, base_url=BASE)
    assert await story.titles(incident) == [
        "Incident started",
        "E-mail queued",
        "E-mail queued",
        "E-mail sent",
        "E-mail sent",
        None,
        "Incident acknowledged",
        "E-mail queued",
    ]
    comment = next(item for item in await story.do(actions.timeline, incident, BASE) if item.item_type == "comment")
    assert comment.data["content"] == {
        "text": "Restarting *nginx*.",
        "user": {"id": story.alice, "name": "Alice Adams"},
    }


async def test_whatever_bytes_a_server_sends_the_outage_is_written_down(story: Story) -> None:
    evidence = Evidence(
        url="https://shop.example/\x00", status_code=500, headers=[("X-\udcff", "a\x00\ud800")] * 300, body=b"\x00" * 10
    )
    incident = await story.open(cause="Keyword \x00\udc80 missing", name="Shop\r\nBcc: x", evidence=evidence)
    assert (await story.find(incident)).has_response
    (_, subject), *_ = await story.mails(incident)
    assert subject.startswith("[Tocsin] Down: Shop Bcc: x (Keyword")
    assert await story.do(actions.timeline, incident, BASE)


async def test_a_team_wait_of_nothing_pages_everybody_once_at_once(story: Story) -> None:
    incident = await story.open(paging=Paging(team_wait=0))
    assert [address for address, _ in await story.mails(incident)] == [ALICE, BOB]


async def test_confirming_replaces_the_evidence_with_the_fresher_one(story: Story) -> None:
    first = Evidence(url="https://shop.example/", status_code=503, body=b"first")
    second = Evidence(url="https://shop.example/", status_code=500, body=b"second")
    incident = await story.open(confirmed=False, evidence=first, metadata={"Region": "eu"})
    await story.do(actions.confirm, incident.id, cause="Status 500", evidence=second, base_url=BASE)
    shown = await story.do(actions.show, await story.find(incident), BASE)
    assert shown.incident.response_content == "second"
    assert {key: [value.value for value in values] for key, values in shown.metadata.items()} == {
        "Response code": ["500"],
        "Region": ["eu"],
    }
    assert (await story.do(actions.response, incident.id)).body == b"second"


async def test_an_outage_that_ends_before_its_mails_could_leave_is_still_heard_of(story: Story) -> None:
    incident = await story.open()
    story.clock.wind(minutes=20)
    await story.do(actions.recover, incident.id, why="The monitor recovered.", base_url=BASE)
    over = "[Tocsin] Resolved: Shop homepage"
    assert await story.mails(incident) == [(ALICE, over), (BOB, over)]


async def test_whoever_was_spared_by_an_acknowledgement_is_not_told_of_the_end(story: Story) -> None:
    await story.on_call(ALICE)
    incident = await story.open(paging=Paging(team_wait=60))
    await story.mails(incident)
    story.clock.wind(seconds=30)
    alice = Author(name="Alice Adams", user_id=story.alice)
    await story.do(actions.acknowledge, incident.id, alice, base_url=BASE)
    story.clock.wind(seconds=30)
    await story.do(actions.recover, incident.id, why="The monitor recovered.", base_url=BASE)
    assert await story.mails(incident) == [(ALICE, "[Tocsin] Resolved: Shop homepage")]


async def test_ten_workers_who_see_the_same_outage_open_one_incident_and_page_once(story: Story) -> None:
    found = await asyncio.gather(*(story.open() for _ in range(10)))
    assert len({incident.id for incident in found}) == 1
    assert [address for address, _ in await story.mails(found[0])] == [ALICE, BOB]
