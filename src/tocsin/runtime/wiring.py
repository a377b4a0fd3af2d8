"""Puts one Tocsin together: the only place that knows every room of the house."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import partial
from typing import Any

from tocsin.accounts import api as accounts
from tocsin.agents import api as agents
from tocsin.console import console_app
from tocsin.contacts import actions as contact_actions
from tocsin.contacts import api as contacts
from tocsin.escalation import api as escalation
from tocsin.escalation.actions import bring_forward
from tocsin.escalation.actions import policies as escalation_policies
from tocsin.escalation.worker import Escalations
from tocsin.gateway import api as gateway
from tocsin.gateway.audit.sealing import Sealing
from tocsin.gateway.door import Door
from tocsin.gateway.housekeeping import Housekeeping
from tocsin.gateway.signing_in import SigningIn
from tocsin.heartbeats import actions as heartbeat_actions
from tocsin.heartbeats import api as heartbeats
from tocsin.heartbeats.worker import Deadlines, Forgetting, Intake
from tocsin.inbound import actions as inbound_actions
from tocsin.inbound import api as inbound
from tocsin.inbound.worker import Confirmations, Inbox, Recoveries
from tocsin.incidents import actions as incident_actions
from tocsin.incidents import api as incidents
from tocsin.incidents.actions import count_groups, count_open
from tocsin.incidents.worker import Instructions, Storms
from tocsin.kernel.net import RealNet
from tocsin.mcp import Mcp
from tocsin.metadata import api as metadata
from tocsin.monitors import actions as monitor_actions
from tocsin.monitors import api as monitors
from tocsin.monitors.checks import playwright
from tocsin.monitors.model import Observation
from tocsin.monitors.probe import Probe
from tocsin.monitors.worker import DomainWatch, Engine, Packer, Trials
from tocsin.notify import actions as notify_actions
from tocsin.notify import api as notify_api
from tocsin.notify.actions import states as delivery_states
from tocsin.notify.channels import email, push
from tocsin.notify.model import Limits
from tocsin.notify.worker import Deliveries
from tocsin.oncall import api as oncall
from tocsin.oncall.actions import render_feed
from tocsin.oncall.worker import HandOffs, Imports
from tocsin.pages.previewing import Previews
from tocsin.pages.renewal import Renewal
from tocsin.registry import Catalogue, Operation
from tocsin.rest.app import Api
from tocsin.rest.feeds import Feeds
from tocsin.rest.pings import Pings
from tocsin.rest.reference import Reference
from tocsin.runtime import foresight, health
from tocsin.runtime.browsers import browsers
from tocsin.runtime.callbacks import push_callbacks, pushover_callbacks, twilio_callbacks
from tocsin.runtime.channels import channel_settings, configured, push_key
from tocsin.runtime.chat import Chats
from tocsin.runtime.clock_watch import ClockWatch
from tocsin.runtime.foundation import Foundation
from tocsin.runtime.loop import Supervisor
from tocsin.runtime.mail import mail_listener
from tocsin.runtime.metrics import Counts, Metrics
from tocsin.runtime.oauth import authority, oauth_endpoints
from tocsin.runtime.pager_proof import PagerProof
from tocsin.runtime.public import ShortWays, public_pages, snapshots
from tocsin.runtime.receiving import HeartbeatMail, SubscriberMail, web_receiver
from tocsin.runtime.references import REFERENCES
from tocsin.runtime.settings import Settings
from tocsin.runtime.sign_on import sign_on_settings
from tocsin.runtime.telegram import TelegramUpdates
from tocsin.runtime.upstream import Behind
from tocsin.runtime.web import App, Pulse, Receiver, application
from tocsin.status_pages import api as status_pages
from tocsin.status_pages.actions import notice_states
from tocsin.status_pages.worker import AutomaticReports, Images, Notices, Publishing
from tocsin.storage import Tx
from tocsin.webhooks import api as webhooks
from tocsin.webhooks.actions import states as webhook_states
from tocsin.webhooks.worker import FanOut, WebhookDeliveries

OWNERS = metadata.Owners(
    team_of={
        "Monitor": monitor_actions.team_of,
        "Heartbeat": heartbeat_actions.team_of,
        "Incident": incident_actions.team_of,
        **{
            owner: partial(inbound_actions.team_of, metadata_owner=owner)
            for owner in ("IncomingWebhook", "EmailIntegration", "WebhookIntegration")
        },
    },
    told={"Incident": incident_actions.metadata_changed},
    references=REFERENCES,
)
"""Who can have metadata; a reference to what somebody keeps is looked up through `references`."""
CLOSE_SECONDS = 2.0
"""What the last writes and sends get of the five seconds in which a clean stop is done."""


class House:
    """All parts of a running Tocsin. `start` and `stop` belong to one event loop."""

    def __init__(self, ground: Foundation, base_url: str) -> None:
        """`base_url`: for links in messages; in API answers it stands only when it was set by somebody."""
        settings, clock, database = ground.settings, ground.clock, ground.database
        self.metrics = Metrics(clock)
        self._net = RealNet(clock, allow_private=settings.allow_private_targets, nameservers=settings.dns_servers)
        playwright.configure(browsers(settings))
        self._engine = Engine(database, clock, base_url)
        self._probe = Probe(self._net, clock, settings.region, self._observed)
        self._engine.attach(self._probe)
        trials = Trials(self._net, settings.region)
        catalogue = Catalogue(operations(settings, trials.run))
        self._behind = Behind(settings)
        door = self._behind.door(database, catalogue, clock)
        self._database = database
        self._channels = channel_settings(settings, ground.vault, base_url)
        self._deliveries = Deliveries(
            database,
            clock,
            base_url=base_url,
            settings=self._channels,
            net=self._net,
            alone=database.dialect == "sqlite",
            given_up=bring_forward,
            gone=contact_actions.retire,
            limits=Limits(
                pages_per_hour=settings.pages_per_hour,
                sms_per_day=settings.sms_per_day,
                calls_per_day=settings.calls_per_day,
            ),
        )
        chats = Chats(database, door, clock, self._net, self._channels, base_url)
        self._telegram = TelegramUpdates(
            chats.bots, chats.updates, clock, mode=settings.telegram_updates, base_url=base_url
        )
        self._webhooks = WebhookDeliveries(
            database, clock, self._net, base_url=base_url, alone=database.dialect == "sqlite"
        )
        self._notices = _notices(ground, self._net, base_url)
        self._inbox = Inbox(database, base_url)
        self._pings = Intake(database, base_url)
        self.pings = Pings(self._pings.take, self._pings.take_by_name, clock, self._pings.offer)
        self._deadlines = Deadlines(database, clock, base_url)
        recipients = self._inbox, SubscriberMail(database), HeartbeatMail(database, clock, base_url)
        self._mail = mail_listener(settings, recipients, clock)
        self.pages = public_pages(ground, door, base_url, push_key(self._channels))
        self._proof = PagerProof(ground, self._net, lambda: pulse.report(), self._deliveries.with_receipts)
        self.supervisor = self._supervised(ground, door, base_url)
        self.metrics.watch(self.supervisor.progress, self._probe, self._figures())
        self.metrics.watch_self_tests(self._proof.tried_out)
        pulse = Pulse(
            database=database,
            supervisor=self.supervisor,
            metrics=self.metrics,
            clock=clock,
            probe=self._probe_facts,
            count=_counts,
            findings=self._findings,
        )
        self._mcp = mcp_address(ground, door, base_url)
        self.app: App = application(
            pulse,
            self.metrics,
            api=self._behind.api(Api(door, catalogue, base_url=settings.base_url or None, message_url=base_url)),
            console=self._console(ground, door, base_url),
            receivers=self._receivers(ground, door, chats, base_url),
            pings=self.pings,
            pages=self.pages,
        )

    def _console(self, ground: Foundation, door: Door, base_url: str) -> App:
        provider = sign_on_settings(ground.settings)
        people = SigningIn(ground.database, ground.clock, base_url, net=self._net, sign_on=provider)
        return console_app(
            ground.database,
            door,
            ground.clock,
            base_url,
            push_key(self._channels),
            authority(ground, door, self._net, base_url, people.entrance),
            Previews(base_url),
            people,
            self.pages.member_link,
        )

    def _receivers(self, ground: Foundation, door: Door, chats: Chats, base_url: str) -> list[Receiver]:
        """What others ask and send: agents, alerts, readers of feeds and of the reference, the answers of providers."""
        clock = ground.clock
        return [
            self._mcp,
            oauth_endpoints(ground, base_url),
            Reference(door.catalogue, ground.settings.base_url),
            web_receiver(self._inbox, clock),
            Feeds(lambda token: self._database.read(render_feed, token)),
            twilio_callbacks(self._database, door, clock, self._channels, base_url),
            push_callbacks(self._database, door, base_url),
            pushover_callbacks(self._database, door, base_url),
            *chats.receivers,
        ]

    @property
    def short_ways(self) -> ShortWays:
        """For the server's connections."""
        return ShortWays(self.pings, self.pages)

    def _supervised(self, ground: Foundation, door: Door, base_url: str) -> Supervisor:
        """Everything that happens by itself."""
        clock, database = ground.clock, ground.database
        return Supervisor(
            [
                self._engine,
                Escalations(database, clock),
                self._deliveries,
                HandOffs(database, clock),
                Storms(database, clock, base_url),
                Instructions(database, clock, base_url),
                self._deadlines,
                Recoveries(database, clock, base_url),
                Confirmations(database, clock, self._net),
                FanOut(database, clock),
                Publishing(database, clock),
                AutomaticReports(database, clock),
                Renewal(self.pages, clock),
                ClockWatch(database, clock),
                Sealing(database, clock),
                self._webhooks,
                self._notices,
                self._telegram,
                *self._proof.workers,
            ],
            ground.bus,
            clock,
            patient=[
                DomainWatch(database, clock, self._net, base_url),
                Imports(database, clock, self._net),
                Images(database, clock, self._net),
                snapshots(ground, self.pages),
                Packer(database, clock),
                Forgetting(database, clock),
                Housekeeping(database, clock, door),
            ],
        )

    def _figures(self) -> dict[str, Callable[[], float]]:
        """Growing numbers for the metrics, by name."""
        return {
            "observations": lambda: self._engine.observations,
            "observations_judged": lambda: self._engine.judged,
            "judging_failures": lambda: self._engine.judging_failures,
            "samples_written": lambda: self._engine.samples_written,
            "samples_dropped": lambda: self._engine.samples_dropped,
            "inbound_messages": lambda: self._inbox.received,
            "pings": lambda: self._pings.taken,
            "pings_failed": lambda: self._pings.failed,
            "heartbeat_deadlines_missed": lambda: self._deadlines.missed,
            "status_page_answers": lambda: self.pages.answered,
            "status_pages_drawn": lambda: self.pages.cache.drawn,
            "heartbeat_absences": lambda: self._deadlines.absences,
            **self._proof.figures(),
        }

    def _findings(self) -> tuple[Mapping[str, health.Finding], Mapping[str, health.Finding]]:
        needed, shown = self._proof.findings()
        return needed, {**shown, **self._behind.findings()}

    async def start(self) -> None:
        """Begin to check and to page."""
        await self._behind.start()
        await self._database.write(notify_actions.configured, configured(self._channels))
        await self.pages.renew_directory()
        self._net.start()
        self._probe.start()
        self.supervisor.start()
        if self._mail is not None:
            await self._mail.start()

    async def stop(self) -> None:
        """Stop checking, then put the workers down, then let go of the network."""
        self._probe.stop()
        if self._mail is not None:
            await self._mail.stop()
        await self.supervisor.stop()
        # What is cut off here is sent again, or measured again, after the next start.
        pages = self._engine, self._deliveries, self._webhooks, self._notices, self._telegram, self.pages
        parts = *pages, self._mcp, self._behind
        await asyncio.wait([_task(part.close()) for part in parts], timeout=CLOSE_SECONDS)
        await asyncio.get_running_loop().run_in_executor(None, self._net.stop)

    def _observed(self, batch: list[Observation]) -> None:
        """On the network's thread: count what was seen and pass it on."""
        self.metrics.checks.observe(batch)
        self._engine.deliver(batch)

    async def _probe_facts(self) -> health.ProbeFacts:
        """Asks the network's thread for a sign of life."""
        loop = asyncio.get_running_loop()
        answered = asyncio.Event()
        try:
            self._net.post(_set, loop, answered)
            await asyncio.wait_for(answered.wait(), health.PROBE_TIMEOUT_SECONDS)
        except (RuntimeError, TimeoutError):
            return health.ProbeFacts(alive=False, lag_seconds=self._probe.lag_seconds)
        return health.ProbeFacts(
            alive=True,
            lag_seconds=self._probe.lag_seconds,
            blind=self._engine.blind,
            overrun=self._probe.figures().overrun,
        )


def mcp_address(ground: Foundation, door: Door, base_url: str) -> Mcp:
    """Where agents speak to us."""
    return Mcp(door, ground.clock, base_url=ground.settings.base_url or None, message_url=base_url)


def operations(settings: Settings, run: monitors.Try = monitors.nobody) -> Iterator[Operation]:
    """Everything that can be done here, in the order of the documentation. `run`: who runs a check at once."""
    yield from monitors.operations(monitors.Limits(min_check_frequency=settings.min_check_frequency), REFERENCES, run)
    yield from heartbeats.OPERATIONS
    yield from incidents.operations(REFERENCES)
    yield from escalation.OPERATIONS
    yield from foresight.operations()
    yield from oncall.OPERATIONS
    yield from metadata.operations(OWNERS)
    yield from inbound.operations(settings.mail_domain)
    yield from webhooks.OPERATIONS
    yield from status_pages.OPERATIONS
    yield from notify_api.OPERATIONS
    yield from people_operations()


def people_operations() -> Iterator[Operation]:
    """Team members, how each is reached, and the agents that act for them."""
    yield from accounts.operations(contact_actions.send_invitation)
    yield from contacts.operations(_urgency_team)
    yield from agents.OPERATIONS
    yield from gateway.OPERATIONS


def _urgency_team(tx: Tx, id: int) -> int | None:
    found = escalation_policies.urgency(tx, id)
    return None if found is None else found.team_id


def _notices(ground: Foundation, net: RealNet, base_url: str) -> Notices:
    """Who tells subscribers of status pages, with connections to the mail server of its own."""
    settings = ground.settings
    return Notices(
        ground.database,
        ground.clock,
        net,
        base_url=base_url,
        email_settings=email.settings(settings.smtp_url),
        push_settings=push.settings(ground.vault, base_url),
        mails_per_minute=settings.subscriber_mails_per_minute,
        mail_domain=settings.mail_domain if settings.inbound_smtp_port else "",
        alone=ground.database.dialect == "sqlite",
    )


def _counts(tx: Tx) -> Counts:
    return Counts(
        deliveries=delivery_states(tx),
        incidents={"open": count_open(tx)},
        groups=count_groups(tx),
        webhook_deliveries=webhook_states(tx),
        status_page_notices=notice_states(tx),
        page_breaches=notify_actions.count_breaches(tx),
    )


def _task(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work)


def _set(loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
    """From another thread."""
    loop.call_soon_threadsafe(event.set)
