"""The operations on what is read from other calendars and written for them. Ours, beside the contract."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.kernel.clock import to_wire
from tocsin.oncall import actions
from tocsin.oncall.actions.feeds import TYPE as FEED_TYPE
from tocsin.oncall.actions.importing import TYPE as IMPORT_TYPE
from tocsin.oncall.api.calendars import AREA, ONE, OneCalendar, given, named
from tocsin.oncall.model import Feed, Import
from tocsin.oncall.rules.words import wire
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

IMPORTS = f"{ONE}/imports"
IMPORT = f"{IMPORTS}/{{import_id}}"
FEEDS = "/api/v2/on-call-feeds"
FEED = f"{FEEDS}/{{id}}"
FEED_ADDRESS = "/on-call/feeds/"


class ImportAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar kept elsewhere, and how reading it went."""

    name: str
    url: str
    timezone: str
    events_count: int
    read_at: str | None
    tried_at: str | None
    warning: str | None
    created_at: str


class FeedAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """A secret address for calendar programs."""

    url: str
    calendar_id: int | None
    user_email: str | None
    created_at: str


class ListImports(OneCalendar, frozen=True, kw_only=True):
    page: int = 1
    per_page: int = 50


class OneImport(OneCalendar, frozen=True, kw_only=True):
    """Names one import of a calendar."""

    import_id: int


class CreateImport(OneCalendar, frozen=True, kw_only=True):
    """An iCal address to be read; `timezone` is meant where it names none."""

    url: str
    name: str | None = None
    timezone: str | None = None


class UpdateImport(OneImport, frozen=True, kw_only=True):
    """What changes; what is not sent stays."""

    url: str | UnsetType = UNSET
    name: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET


class ListFeeds(msgspec.Struct, frozen=True, kw_only=True):
    page: int = 1
    per_page: int = 50


class OneFeed(msgspec.Struct, frozen=True, kw_only=True):
    id: int


class CreateFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed of one calendar (its id, or `default`), or of one person's shifts in all of them."""

    calendar_id: str | int | None = None
    user_email: str | None = None


class ShownFeed(msgspec.Struct, frozen=True, kw_only=True):
    """A feed with its whole address."""

    id: int
    team_id: int
    feed: Feed
    url: str


def _render_import(found: Import) -> ImportAttributes:
    return ImportAttributes(
        name=found.name, url=found.url, timezone=found.timezone, events_count=found.events_count,
        read_at=wire(found.read_at), tried_at=wire(found.tried_at), warning=found.warning,
        created_at=to_wire(found.created_at),
    )  # fmt: skip


def _render_feed(shown: ShownFeed) -> FeedAttributes:
    return FeedAttributes(
        url=shown.url, calendar_id=shown.feed.calendar_id, user_email=shown.feed.email,
        created_at=to_wire(shown.feed.created_at),
    )  # fmt: skip


IMPORT_RESOURCE = Resource(
    type=IMPORT_TYPE,
    attributes=ImportAttributes,
    render=_render_import,
    secrets=("url",),
    doc="A calendar kept elsewhere whose events say who is on call.",
)
FEED_RESOURCE = Resource(
    type=FEED_TYPE,
    attributes=FeedAttributes,
    render=_render_feed,
    secrets=("url",),
    doc="A secret address at which calendar programs read who is on call.",
)


def exchange_operations() -> tuple[Operation, ...]:
    """What can be done with imports and feeds."""
    return (*_import_operations(), *_feed_operations())


def _import_operations() -> tuple[Operation, ...]:
    return (
        Operation(
            name="on_call_imports.list", upstream="not_there", routes=(Route("GET", IMPORTS),), area=AREA, level="read",
            input=ListImports, handler=_list_imports, resource=IMPORT_RESOURCE, answer="list",
            doc="List the calendars that are read into an on-call calendar.", deed="listed on-call imports",
        ),
        Operation(
            name="on_call_imports.get", routes=(Route("GET", IMPORT),), area=AREA, level="read", input=OneImport,
            upstream="not_there",
            handler=_get_import, resource=IMPORT_RESOURCE,
            doc="Show a calendar that is read, and how that went.", deed="looked at an on-call import",
        ),
        Operation(
            name="on_call_imports.create", routes=(Route("POST", IMPORTS),), area=AREA, level="write",
            upstream="not_there",
            input=CreateImport, handler=_create_import, resource=IMPORT_RESOURCE, secrets=("url",),
            doc="Read a calendar kept elsewhere into an on-call calendar.", deed="created an on-call import",
        ),
        Operation(
            name="on_call_imports.update", routes=(Route("PATCH", IMPORT),), area=AREA, level="write",
            upstream="not_there",
            input=UpdateImport, handler=_update_import, resource=IMPORT_RESOURCE, secrets=("url",),
            doc="Change where a calendar is read, and read it at once.", deed="changed an on-call import",
        ),
        Operation(
            name="on_call_imports.delete", routes=(Route("DELETE", IMPORT),), area=AREA, level="full",
            upstream="not_there",
            input=OneImport, handler=_delete_import, resource=IMPORT_RESOURCE, answer="none", switch="delete",
            doc="Stop reading a calendar, and forget what it said.", deed="deleted an on-call import",
        ),
    )  # fmt: skip


def _feed_operations() -> tuple[Operation, ...]:
    return (
        Operation(
            name="on_call_feeds.list", routes=(Route("GET", FEEDS),), area=AREA, level="read", input=ListFeeds,
            upstream="not_there",
            handler=_list_feeds, resource=FEED_RESOURCE, answer="list", scope=Scope.LIST,
            doc="List the iCal feeds of who is on call.", deed="listed on-call feeds",
        ),
        Operation(
            name="on_call_feeds.get", routes=(Route("GET", FEED),), area=AREA, level="read", input=OneFeed,
            upstream="not_there",
            handler=_get_feed, resource=FEED_RESOURCE,
            doc="Show an iCal feed with its secret address.", deed="looked at an on-call feed",
        ),
        Operation(
            name="on_call_feeds.create", upstream="not_there", routes=(Route("POST", FEEDS),), area=AREA, level="write",
            input=CreateFeed, handler=_create_feed, resource=FEED_RESOURCE, scope=Scope.CREATE,
            event="on_call_feed.created",
            doc="Open an iCal feed of a calendar, or of one person's shifts.", deed="created an on-call feed",
        ),
        Operation(
            name="on_call_feeds.delete", routes=(Route("DELETE", FEED),), area=AREA, level="full", input=OneFeed,
            upstream="not_there",
            handler=_delete_feed, resource=FEED_RESOURCE, answer="none", event="on_call_feed.deleted",
            switch="delete",
            doc="Revoke an iCal feed: its address leads nowhere from then on.", deed="revoked an on-call feed",
        ),
    )  # fmt: skip


def _list_imports(tx: Tx, call: Call, input: ListImports) -> Page[Import]:
    found = actions.list_imports(tx, named(tx, call, input))
    first = (input.page - 1) * input.per_page
    return Page(found[first : first + input.per_page], len(found), input.page, input.per_page)


def _get_import(tx: Tx, call: Call, input: OneImport) -> Import:
    return actions.find_import(tx, named(tx, call, input), input.import_id)


def _create_import(tx: Tx, call: Call, input: CreateImport) -> Import:
    return actions.create_import(tx, named(tx, call, input), given(input))


def _update_import(tx: Tx, call: Call, input: UpdateImport) -> Import:
    return actions.update_import(tx, named(tx, call, input), input.import_id, given(input, "import_id"))


def _delete_import(tx: Tx, call: Call, input: OneImport) -> None:
    actions.delete_import(tx, named(tx, call, input), input.import_id)


def _list_feeds(tx: Tx, call: Call, input: ListFeeds) -> Page[ShownFeed]:
    found, total = actions.list_feeds(tx, call.team_ids, page=input.page, per_page=input.per_page)
    return Page([_shown(call, feed) for feed in found], total, input.page, input.per_page)


def _get_feed(tx: Tx, call: Call, input: OneFeed) -> ShownFeed:
    return _shown(call, actions.find_feed(tx, input.id, call.team_ids))


def _create_feed(tx: Tx, call: Call, input: CreateFeed) -> ShownFeed:
    assert call.team_id is not None
    return _shown(call, actions.create_feed(tx, call.team_id, given(input)))


def _delete_feed(tx: Tx, call: Call, input: OneFeed) -> None:
    actions.revoke_feed(tx, input.id, call.team_ids)


def _shown(call: Call, feed: Feed) -> ShownFeed:
    url = f"{call.base_url.rstrip('/')}{FEED_ADDRESS}{feed.token}.ics" if feed.token else ""
    return ShownFeed(id=feed.id, team_id=feed.team_id, feed=feed, url=url)
