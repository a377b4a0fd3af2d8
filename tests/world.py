"""The whole product in one process, with a clock to wind and a network to script: stories are told in this.

Alice (an admin) and Bob (a responder) are the team Ops; Charlie is in another team and must see and receive nothing.
Mail goes through a real SMTP server. `world.fast_forward(minutes=10)` lives through ten minutes; `world.crash()`
forgets everything but the database, as a killed process does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import select

from tests.bell import Bell
from tests.duty import put_on_call
from tests.letters import Mail
from tests.net import FakeNet, Site
from tests.notify.mailserver import Mailbox, mail_server
from tests.time import FakeClock
from tests.visitor import Visitor
from tocsin.accounts import actions as accounts
from tocsin.accounts.model import Role
from tocsin.console import console_app
from tocsin.contacts import actions as contacts
from tocsin.escalation.actions import bring_forward
from tocsin.escalation.api import OPERATIONS as ESCALATION
from tocsin.escalation.worker import Escalations
from tocsin.gateway import Door
from tocsin.gateway.audit import audit_entries
from tocsin.gateway.relaying import RelayingDoor
from tocsin.heartbeats.api import OPERATIONS as HEARTBEATS
from tocsin.heartbeats.worker import Deadlines, Intake
from tocsin.inbound import api as inbound
from tocsin.inbound.worker import Confirmations, Inbox, Recoveries
from tocsin.incidents import api as incidents_api
from tocsin.incidents.worker import Instructions, Storms
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet
from tocsin.metadata import api as metadata
from tocsin.monitors import api as monitors_api
from tocsin.monitors.probe import Probe
from tocsin.monitors.worker import Engine, Trials
from tocsin.notify import actions as notify
from tocsin.notify.actions import targets
from tocsin.notify.api import OPERATIONS as NOTIFY
from tocsin.notify.channels import email as email_channel
from tocsin.notify.channels import push
from tocsin.notify.model import Limits
from tocsin.notify.worker import Deliveries
from tocsin.oncall.actions import render_feed
from tocsin.oncall.api import OPERATIONS as ON_CALL
from tocsin.oncall.worker import HandOffs, Imports
from tocsin.pages.previewing import Previews
from tocsin.proxy import Directory, Proxied
from tocsin.registry import Catalogue
from tocsin.rest.app import Api
from tocsin.rest.feeds import Feeds
from tocsin.rest.pings import Pings
from tocsin.runtime import foresight
from tocsin.runtime.callbacks import push_callbacks, pushover_callbacks, twilio_callbacks
from tocsin.runtime.channels import push_key
from tocsin.runtime.chat import Chats
from tocsin.runtime.receiving import web_receiver
from tocsin.runtime.references import REFERENCES
from tocsin.runtime.telegram import TelegramUpdates
from tocsin.runtime.wiring import OWNERS, people_operations
from tocsin.status_pages.api import OPERATIONS as STATUS_PAGES
from tocsin.status_pages.worker import AutomaticReports, Images, Notices, Publishing
from tocsin.storage import Database, Tx
from tocsin.webhooks.api import OPERATIONS as WEBHOOKS
from tocsin.webhooks.worker import FanOut, WebhookDeliveries

BASE_URL = "http://tocsin.test"
MAIL = "alerts.tocsin.test"
"""Where mail is received."""
LOOK_EVERY = timedelta(seconds=60)
"""How often workers look unrung and with nothing due: more seldom than in the runtime, so that nothing comes in time
here only because somebody happened to look."""
BEAT_EVERY = timedelta(seconds=15)
"""How often the engine beats although nothing was seen."""


class World:
    """See the module's docstring."""

    def __init__(self, database: Database, clock: FakeClock, mailbox: Mailbox, bell: Bell) -> None:
        self.database = database
        self.bell = bell
        self._heard = 0
        self.clock = clock
        self.mailbox = mailbox
        self.net = FakeNet()
        self.limits = Limits()
        """Beyond which pages are held back; a change holds from the next `crash` on."""
        self.providers: dict[str, msgspec.Struct] = {}
        """Settings of further channels by kind, e.g. of a provider that is played by a local server; they hold from
        the next `crash` on, and `await world.installed()` says so in the database."""
        self.ca_file: str | None = None
        """Whose certificates the providers show; None = those that the machine trusts."""
        self.upstreams: Directory | None = None
        """Who stands behind the door for agents; holds from the next `crash` on."""
        self._provider_net: RealNet | None = None
        self._read = 0
        self._assemble()

    def _assemble(self) -> None:
        catalogue = Catalogue(
            [
                *monitors_api.operations(monitors_api.Limits(), REFERENCES, Trials(self.net, "eu").run),
                *HEARTBEATS,
                *incidents_api.operations(REFERENCES),
                *ESCALATION,
                *foresight.operations(),
                *ON_CALL,
                *metadata.operations(OWNERS),
                *WEBHOOKS,
                *STATUS_PAGES,
                *NOTIFY,
                *inbound.operations(MAIL),
                *people_operations(),
            ]
        )
        if self.upstreams is None:
            self.door = Door(self.database, catalogue, self.clock)
        else:
            self.door = RelayingDoor(self.database, catalogue, self.clock, self.upstreams)
        smtp = email_channel.Settings(host="127.0.0.1", port=self.mailbox.port, from_address="tocsin@tocsin.test")
        self.engine = Engine(self.database, self.clock, BASE_URL)
        self.probe = Probe(self.net, self.clock, "eu", self.engine.deliver)
        self.engine.attach(self.probe)
        self.deadlines = Deadlines(self.database, self.clock, BASE_URL)
        self.intake = Intake(self.database, BASE_URL)
        self.hand_offs = HandOffs(self.database, self.clock)
        self.imports = Imports(self.database, self.clock, self.net)
        self.automatic_reports = AutomaticReports(self.database, self.clock)
        self.publishing = Publishing(self.database, self.clock)
        self.images = Images(self.database, self.clock, self.net)
        self.escalations = Escalations(self.database, self.clock)
        self.storms = Storms(self.database, self.clock, BASE_URL)
        self.instructions = Instructions(self.database, self.clock, BASE_URL)
        self.deliveries = Deliveries(
            self.database,
            self.clock,
            base_url=BASE_URL,
            settings={"email": smtp, **self.providers},
            net=self._reaching_providers(),
            alone=True,
            given_up=bring_forward,
            gone=contacts.retire,
            limits=self.limits,
        )
        self.fan_out = FanOut(self.database, self.clock)
        self.webhooks = WebhookDeliveries(self.database, self.clock, self.net, base_url=BASE_URL, alone=True)
        self.notices = Notices(
            self.database,
            self.clock,
            self._reaching_providers() or self.net,
            base_url=BASE_URL,
            email_settings=smtp,
            push_settings=push.Settings(),
            alone=True,
        )
        self.inbox = Inbox(self.database, BASE_URL)
        self.recoveries = Recoveries(self.database, self.clock, BASE_URL)
        self.confirmations = Confirmations(self.database, self.clock, self.net)
        self._next_look: datetime | None = self.clock.now()
        self._next_beat = self.clock.now()
        channels = {"email": smtp, **self.providers}
        net = self._reaching_providers() or self.net
        self.chats = Chats(self.database, self.door, self.clock, net, channels, BASE_URL)
        self.telegram = TelegramUpdates(
            self.chats.bots, self.chats.updates, self.clock, mode="polling", base_url=BASE_URL
        )
        receivers = self.chats.receivers
        self._clients: dict[str, Any] = {
            **{f"callbacks {number}": receiver for number, receiver in enumerate(receivers)},
            "api": self.site_of_the_api(Api(self.door, catalogue, base_url=BASE_URL)),
            "receiving": web_receiver(self.inbox, self.clock),
            "feeds": Feeds(lambda token: self.database.read(render_feed, token)),
            "console": console_app(
                self.database, self.door, self.clock, BASE_URL, push_key(self.providers), previews=Previews(BASE_URL)
            ),
            "pings": Pings(self.intake.take, self.intake.take_by_name, self.clock),
            "push": push_callbacks(self.database, self.door, BASE_URL),
            "pushover": pushover_callbacks(self.database, self.door, BASE_URL),
            "twilio": twilio_callbacks(self.database, self.door, self.clock, self.providers, BASE_URL),
        }

    async def people(self) -> World:
        """Bring in the cast."""

        def work(tx: Tx) -> dict[str, str]:
            ops = accounts.ensure_team(tx, "Ops")
            other = accounts.ensure_team(tx, "Charlie's team")
            cast = (
                (ops, "Alice Archer", Role.ADMIN),
                (ops, "Bob Builder", Role.RESPONDER),
                (other, "Charlie Chan", Role.ADMIN),
            )
            for team, name, role in cast:
                address = f"{name.split()[0].lower()}@example.com"
                accounts.join(tx, team.id, accounts.create_user(tx, email=address, name=name, password=None).id, role)
            return {
                "ops": accounts.create_token(tx, team_id=ops.id, name="CI"),
                "charlie": accounts.create_token(tx, team_id=other.id, name="Charlie's"),
                "global": accounts.create_token(tx, team_id=None, name="Everything"),
            }

        self.tokens = await self.database.write(work)
        return self

    async def on_call(self, *names: str) -> None:
        """From now on these people of Ops are on call (`"alice"`); with nobody on call everybody is paged at once."""
        emails = [f"{name}@example.com" for name in names]

        def work(tx: Tx) -> None:
            put_on_call(tx, accounts.ensure_team(tx, "Ops").id, *emails)

        await self.database.write(work)
        await self.settle()
        self.mailbox.mails.clear()  # they were told so, which is no part of the story
        self._read = 0

    # --- acting -------------------------------------------------------------------------------------------------------

    async def api(self, method: str, path: str, json: Any = None, token: str = "ops", **more: Any) -> httpx.Response:
        """Call the API as the team's token (or another's)."""
        headers = {"Authorization": f"Bearer {self.tokens[token]}", **more.pop("headers", {})}
        return await self._ask("api", method, f"/api{path}", headers=headers, json=json, **more)

    async def browse(
        self, method: str, path: str, data: dict[str, Any] | None = None, cookie: str = ""
    ) -> httpx.Response:
        """Open a page of the console, as a browser that follows no redirect."""
        headers = {"Cookie": cookie} if cookie else None
        return await self._ask("console", method, path.removeprefix(BASE_URL), data=data, headers=headers)

    async def sign_in(self, name: str) -> Visitor:
        """The browser in which somebody (`"alice"`) is signed in to the console."""

        def begin(tx: Tx) -> str:
            user = accounts.user_by_email(tx, f"{name}@example.com")
            assert user is not None
            return accounts.start_session(tx, user.id, means="password")

        return Visitor(self, await self.database.write(begin))

    async def integration(self, path: str, **attributes: Any) -> dict[str, Any]:
        """Make an integration, e.g. `prometheus-integrations`; returns its attributes and id."""
        answer = await self.api("POST", f"/v2/{path}", attributes)
        assert answer.status_code == 201, answer.text
        data = answer.json()["data"]
        return {"id": int(data["id"]), **data["attributes"]}

    async def send(self, url: str, json: Any = None, method: str = "POST", **more: Any) -> httpx.Response:
        """Another system sends us an alert, and the workers do what follows."""
        answer = await self._ask("receiving", method, url.removeprefix(BASE_URL), json=json, **more)
        await self.settle()
        return answer

    async def call_back(self, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """A provider posts to one of the addresses for callbacks, and the workers do what follows."""
        path = url.removeprefix(BASE_URL)
        surface = next(name for name, app in self._clients.items() if getattr(app, "takes", None) and app.takes(path))
        answer = await self._ask(surface, "POST", path, content=body, headers=headers)
        await self.settle()
        return answer

    async def target(self, kind: str, name: str, settings: dict[str, Any], **more: Any) -> int:
        """A place where the team Ops is told, e.g. a channel in Slack; returns its id."""

        def create(tx: Tx) -> int:
            team = accounts.ensure_team(tx, "Ops")
            return targets.create(tx, team.id, kind, {"name": name, "settings": settings, **more}).id

        return await self.database.write(create)

    async def monitor(self, host: str, **attributes: Any) -> int:
        """Watch a site; returns the monitor's id."""
        name = attributes.pop("name", None)
        body = {"url": f"https://{host}.example.com/", "check_frequency": 30, **attributes}
        if name:
            body["pronounceable_name"] = name
        answer = await self.api("POST", "/v2/monitors", body)
        assert answer.status_code == 201, answer.text
        await self.settle()
        return int(answer.json()["data"]["id"])

    async def heartbeat(self, name: str, **attributes: Any) -> tuple[int, str]:
        """Wait for a job; returns the heartbeat's id and its secret address."""
        answer = await self.api("POST", "/v2/heartbeats", {"name": name, **attributes})
        assert answer.status_code == 201, answer.text
        data = answer.json()["data"]
        return int(data["id"]), str(data["attributes"]["url"])

    async def ping(self, address: str, method: str = "GET", said: str | None = None) -> httpx.Response:
        """Call a heartbeat's address, as a job does."""
        answer = await self._ask("pings", method, address.removeprefix(BASE_URL), content=said)
        await self.settle()
        return answer

    async def feed(self, url: str) -> httpx.Response:
        """Read an on-call feed, as a calendar program does."""
        return await self._ask("feeds", "GET", url.removeprefix(BASE_URL))

    def site(self, host: str) -> Site:
        """The site that `monitor(host)` watches."""
        return self.net.site(f"{host}.example.com")

    async def outage(self, host: str, **attributes: Any) -> int:
        """A watched site goes down and people are paged; returns the incident's id."""
        monitor = await self.monitor(host, **attributes)
        await self.fast_forward(seconds=35)
        self.site(host).down()
        await self.fast_forward(seconds=35)
        (incident,) = await self.incidents(monitor_id=monitor, resolved="false")
        return int(incident["id"])

    async def answer(self, mail: Mail, deed: str = "acknowledge") -> None:
        """Press the button behind the link of a mail."""
        pressed = await self.browse("POST", mail.answer_url, data={"deed": deed})
        assert pressed.status_code == 303
        await self.settle()

    async def twilio(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Twilio tells us something, and the workers do what follows: (status, text)."""
        answer = await self._ask("twilio", "POST", url.removeprefix(BASE_URL), content=body, headers=headers)
        await self.settle()
        return answer.status_code, answer.text

    async def notification(self, token: str, did: str) -> dict[str, Any]:
        """A browser reports on a notification that it shows, and the workers do what follows."""
        answer = await self._ask("push", "POST", f"/callbacks/push/{token}", data={"did": did})
        await self.settle()
        found: dict[str, Any] = answer.json()
        return found

    async def fast_forward(self, **parts: float) -> None:
        """Live through that much time, second by second."""
        await self.database.write(lambda tx: None)  # behind the rings of what was done just now
        end = self.clock.now() + timedelta(**parts)
        while self.clock.now() < end:
            self.clock.wind(min(timedelta(seconds=1), end - self.clock.now()))
            seen = self.engine.observations
            self.probe.tick()
            if self.engine.observations != seen or self._next_beat <= self.clock.now():
                await self._take_in()
            if self._rung() or self._next_look is None or self._next_look <= self.clock.now():
                await self.settle()

    async def settle(self) -> None:
        """Let the workers do all that is due now."""
        await self._take_in()
        look = self.clock.now() + LOOK_EVERY
        for _ in range(20):
            nexts = [
                await self.recoveries.run_once(),
                await self.confirmations.run_once(),
                await self.storms.run_once(),
                await self.instructions.run_once(),
                await self.deadlines.run_once(),
                await self.imports.run_once(),
                await self.images.run_once(),
                await self.hand_offs.run_once(),
                await self.escalations.run_once(),
                await self.deliveries.run_once(),
                await self.automatic_reports.run_once(),
                await self.publishing.run_once(),
                await self._tell_others(),
                await self._tell_subscribers(),
            ]
            await self.deliveries.drain()
            self._next_look = min([look, *(at for at in nexts if at is not None)])
            if self._next_look > self.clock.now():
                return

    async def _take_in(self) -> None:
        """Let the engine make of what the probe has seen what is to be made of it."""
        await self.database.write(lambda tx: None)  # behind what the probe has just handed over
        await self.engine.run_once()
        self._next_beat = self.clock.now() + BEAT_EVERY
        self.probe.tick()
        await self.database.write(lambda tx: None)

    def _rung(self) -> bool:
        """Whether anything happened that a worker is rung for, as in the runtime."""
        heard, self._heard = self._heard, self.bell.rings
        return heard != self._heard

    async def _tell_others(self) -> datetime | None:
        """Let webhooks go out until nothing more can."""
        await self.fan_out.run_once()
        for _ in range(100):
            next_at = await self.webhooks.run_once()
            if not self.webhooks.in_flight:
                return next_at
            await self.webhooks.drain()
        raise AssertionError("webhooks never came to rest")

    async def _tell_subscribers(self) -> datetime | None:
        """Let what subscribers are told go out until nothing more can."""
        for _ in range(100):
            next_at = await self.notices.run_once()
            idle = not self.notices.in_flight
            await self.notices.drain()
            if idle and (next_at is None or next_at > self.clock.now()):
                return next_at
        raise AssertionError("subscribers were never told")

    async def installed(self) -> None:
        """What the server does when it starts: say which channels there are."""
        await self.database.write(notify.configured, {"email", *self.providers})

    def _reaching_providers(self) -> RealNet | None:
        """Providers are played by servers on this machine, and reached over real sockets."""
        if self.providers and self._provider_net is None:
            self._provider_net = RealNet(SystemClock(), allow_private=True, ca_file=self.ca_file)
            self._provider_net.start()
        return self._provider_net

    def site_of_the_api(self, api: Api) -> Any:
        """The API as agents may reach it."""
        self.front = Proxied(api, self.door) if isinstance(self.door, RelayingDoor) else api
        return self.front

    async def close(self) -> None:
        """Let go of what is on its way, and of the network."""
        await self.deliveries.close()
        await self.notices.close()
        if self._provider_net is not None:
            self._provider_net.stop()

    def crash(self) -> None:
        """Forget everything that is not in the database, as `kill -9` does, and start again."""
        self._assemble()

    async def _ask(self, surface: str, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._clients[surface])
        async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as client:
            return await client.request(method, path, **more)

    # --- looking ------------------------------------------------------------------------------------------------------

    async def incidents(self, **filters: Any) -> list[dict[str, Any]]:
        """Incidents as the API lists them, newest first."""
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        answer = await self.api("GET", f"/v3/incidents?per_page=50&{query}")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found

    async def incident(self, id: int) -> dict[str, Any]:
        """An incident's attributes."""
        found: dict[str, Any] = (await self.api("GET", f"/v3/incidents/{id}")).json()["data"]["attributes"]
        return found

    async def status(self, monitor_id: int) -> str:
        """A monitor's status."""
        answer = await self.api("GET", f"/v2/monitors/{monitor_id}")
        return str(answer.json()["data"]["attributes"]["status"])

    def mails(self) -> list[Mail]:
        """All mail so far, in order of arrival."""
        return [Mail(message) for message in self.mailbox.mails]

    def mail_to(self, address: str) -> list[Mail]:
        """The mail of one person."""
        return [mail for mail in self.mails() if mail.to == address]

    def new_mails(self) -> list[tuple[str, str]]:
        """(to, subject) of what arrived since the last time, sorted."""
        new = [(mail.to.partition("@")[0], mail.subject) for mail in self.mails()[self._read :]]
        self._read = len(self.mailbox.mails)
        return sorted(new)

    async def audit_log(self) -> list[str]:
        """The sentences of the audit log, oldest first."""
        return await self.database.read(
            lambda tx: [
                row.sentence for row in tx.execute(select(audit_entries.c.sentence).order_by(audit_entries.c.id))
            ]
        )


@pytest.fixture
async def world(sqlite_database: Database, clock: FakeClock, bus: Bell) -> AsyncIterator[World]:
    """A fresh world; at the end of its story nobody outside the team may have got any mail."""
    async with mail_server() as mailbox:
        world = await World(sqlite_database, clock, mailbox, bus).people()
        yield world
        await world.close()
        assert not world.mail_to("charlie@example.com"), "Charlie must receive nothing"
