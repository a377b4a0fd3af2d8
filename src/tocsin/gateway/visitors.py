"""What visitors of a public status page may do there, and what the links in our mails to them open."""

from __future__ import annotations

import ipaddress
from collections import Counter
from typing import Any

import msgspec

from tocsin.gateway.door import Door
from tocsin.gateway.identity import PUBLIC_PAGE, SUBSCRIPTION_LINK, About, Credential
from tocsin.gateway.request import Request
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import TooMany
from tocsin.registry import Route
from tocsin.registry.input import Arguments
from tocsin.status_pages import actions as status_pages
from tocsin.status_pages.model import Subscriber
from tocsin.status_pages.rules.subscribing import listening, shown
from tocsin.storage import Database

SUBSCRIBE = "status_page_visitors.subscribe"
CONFIRM = "status_page_visitors.confirm"
UNSUBSCRIBE = "status_page_visitors.unsubscribe"
CHOOSE = "status_page_visitors.choose"
VISITING = frozenset({SUBSCRIBE})
"""What anybody may do who reads a page."""
CONFIRMING = frozenset({CONFIRM})
"""What whoever holds the link of a confirmation may do, besides."""
MANAGING = frozenset({UNSUBSCRIBE, CHOOSE})
"""What whoever holds the link at the end of each mail may do."""
VISITOR = "A visitor of the status page"

WINDOW_SECONDS = 3_600
ASKED_PER_ADDRESS = 20
"""How often one network address may ask to subscribe within the hour: an office behind one router, no machine."""
ASKED_PER_SITE = 100
"""How often one IPv6 /48 may, which is what one customer of a large provider can get: else one of them uses up what all
may together."""
DEEDS_PER_LINK = 60
"""How often what one link is about may be confirmed, changed and left within the hour: each is a write, and a line of
the audit log, while pages to people are waiting to be written down."""
ASKED_IN_ALL = 5_000
"""How often all of them together may: each is a line of the audit log."""
_NETWORK_BITS, _SITE_BITS = 64, 48
"""Of an IPv6 address that tell one customer from another, whether they are given little or much."""


class OpenedSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """A link about one subscription that proved to be ours."""

    page_id: int
    team_id: int
    subscriber_id: int
    kind: str
    """`email`, `webhook`, `slack` or `push`."""
    address: str
    """Masked, e.g. `a…@example.com`."""
    resource_ids: tuple[int, ...]
    """Of which they want to hear; empty = of all."""
    language: str
    listening: bool
    """Whether they are told of updates now: confirmed, and not left."""
    left: bool
    """Whether they have unsubscribed."""
    credential: Credential


def visitor(team_id: int, page_id: int, client_address: str | None) -> Credential:
    """What a reader of a page shows at the door: good for subscribing to it. `team_id`: whose page it is."""
    return Credential(
        guest=VISITOR,
        through=PUBLIC_PAGE,
        only=VISITING,
        about=About(team_id=team_id, id=page_id),
        client_address=client_address,
    )


async def open_confirmation(database: Database, token: str, client_address: str | None) -> OpenedSubscription | None:
    """What the link of a confirmation opens; None when it is not ours, has expired, or they have left since."""
    found = await database.read(status_pages.open_confirmation, token)
    return None if found is None else _opened(found, CONFIRMING, client_address)


async def open_subscription(database: Database, token: str, client_address: str | None) -> OpenedSubscription | None:
    """What the link at the end of each mail opens, for ever; None when it is not ours, or they are forgotten."""
    found = await database.read(status_pages.open_subscription, token)
    return None if found is None else _opened(found, MANAGING, client_address)


def request(door: Door, operation: str, credential: Credential, body: dict[str, Any], base_url: str) -> Request:
    """The call with which a visitor does one of these things: the record is the one that the credential is about."""
    assert credential.about is not None
    return Request(
        operation=door.catalogue[operation],
        route=Route("POST", "/{id}"),
        credential=credential,
        arguments=Arguments(path={"id": str(credential.about.id)}, body=body),
        surface="status page",
        base_url=base_url,
    )


class Visits:
    """Counts who asks to subscribe, by network address, and what is done through links, in memory: to be asked before
    the door is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._window = 0
        self._counted: Counter[str] = Counter()
        self._in_all = 0

    def admit(self, client_address: str | None) -> None:
        """Count one more who asks to subscribe. Raises TooMany."""
        wait = self._wait()
        limits = networks(client_address)
        if any(self._counted[place] >= most for place, most in limits.items()) or self._in_all >= ASKED_IN_ALL:
            raise TooMany("Too many subscriptions were asked for. Please try again later.", retry_after_seconds=wait)
        self._counted.update(limits.keys())
        self._in_all += 1

    def admit_deed(self, opened: OpenedSubscription) -> None:
        """Count one more thing that is done through a link. Raises TooMany."""
        wait = self._wait()
        place = f"subscriber {opened.subscriber_id}"
        if self._counted[place] >= DEEDS_PER_LINK:
            raise TooMany("This was changed too often. Please try again later.", retry_after_seconds=wait)
        self._counted[place] += 1

    def _wait(self) -> int:
        """Seconds until counting begins anew."""
        now = int(self._clock.monotonic())
        if now // WINDOW_SECONDS != self._window:
            self._window = now // WINDOW_SECONDS
            self._counted.clear()
            self._in_all = 0
        return WINDOW_SECONDS - now % WINDOW_SECONDS


def networks(client_address: str | None) -> dict[str, int]:
    """To which networks an address belongs that are counted, and how often each may ask."""
    try:
        address = ipaddress.ip_address(client_address or "")
    except ValueError:
        return {client_address or "": ASKED_PER_ADDRESS}
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return {str(address.ipv4_mapped): ASKED_PER_ADDRESS}
        limits = ((_NETWORK_BITS, ASKED_PER_ADDRESS), (_SITE_BITS, ASKED_PER_SITE))
        return {str(ipaddress.ip_network((address, bits), strict=False)): most for bits, most in limits}
    return {str(address): ASKED_PER_ADDRESS}


def _opened(found: Subscriber, only: frozenset[str], client_address: str | None) -> OpenedSubscription:
    address = shown(found)
    return OpenedSubscription(
        page_id=found.status_page_id,
        team_id=found.team_id,
        subscriber_id=found.id,
        kind=found.kind.value,
        address=address,
        resource_ids=found.status_page_resource_ids,
        language=found.language,
        listening=listening(found),
        left=found.unsubscribed_at is not None,
        credential=Credential(
            guest=f"Subscriber {address}",
            through=SUBSCRIPTION_LINK,
            only=only,
            about=About(team_id=found.team_id, id=found.id),
            client_address=client_address,
        ),
    )
