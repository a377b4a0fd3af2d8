"""Says who will be told of what was just done to a page, before anybody is."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import msgspec

from tocsin.status_pages.actions import automatic
from tocsin.status_pages.model import StatusPage, SubscriberKind
from tocsin.status_pages.rules import notices as rules
from tocsin.status_pages.store import notices as shelf
from tocsin.status_pages.store import pages as page_shelf
from tocsin.storage import Tx

MAX_UPDATES = 100
"""Updates of which one deed can tell people: a whole report that is published at once."""
MAX_REPORTS = 20
"""Automatic reports that one deed can move."""


class Before(msgspec.Struct, frozen=True):
    """Where things stood before the deed."""

    notice_id: int
    telling: frozenset[int]
    awaited: frozenset[int]


class Mailing(msgspec.Struct, frozen=True, kw_only=True):
    """One update (or one question whether somebody really wants to subscribe), and how many it goes to."""

    status_page_id: int
    page: str
    at: datetime
    mails: int
    others: int
    """By push, or to a webhook of their own."""
    status_update_id: int | None = None
    """None: a mail that asks for a confirmation."""


def before(tx: Tx) -> Before:
    """To be asked before the deed of which `mailings` is to tell."""
    telling, awaited = shelf.underway(tx)
    return Before(shelf.newest(tx), telling, awaited)


def go_on(tx: Tx) -> None:
    """Do now what would be told by itself a moment later: automatic reports whose incidents have ended, or begun anew.

    For a rehearsal that is undone: what is done for good is done by the worker.
    """
    for page_id, report_id in automatic.outstanding(tx).stale[:MAX_REPORTS]:
        automatic.bring_up_to_date(tx, page_id, report_id)


def mailings(tx: Tx, since: Before) -> list[Mailing]:
    """Everything that subscribers will be told of since then, and when."""
    telling, awaited = shelf.underway(tx)
    concerned = sorted((telling - since.telling) | (awaited - since.awaited))[:MAX_UPDATES]
    found = [each for id, update in shelf.reported(tx, concerned).items() if (each := _mailing(tx, id, update))]
    for page_id, number in shelf.asked_since(tx, since.notice_id).items():
        page = page_shelf.find(tx, page_id)
        if page is not None:
            found.append(
                Mailing(status_page_id=page.id, page=_name(page), at=tx.now, mails=number, others=0)
            )  # fmt: skip
    return found


def _name(page: StatusPage) -> str:
    return page.settings.company_name or page.subdomain


def _mailing(tx: Tx, id: int, update: shelf.Reported) -> Mailing | None:
    page = page_shelf.find(tx, update.page_id)
    if page is None or not page.published:
        return None
    affected = rules.resource_ids(update.affected, update.report_affected)
    counts: Counter[str] = Counter()
    for kind, chosen, number in shelf.audience(tx, page.id):
        if rules.concerned(chosen, affected):
            counts[kind] += number
    return Mailing(
        status_page_id=page.id,
        page=_name(page),
        status_update_id=id,
        at=max(update.published_at, tx.now),
        mails=counts[SubscriberKind.EMAIL.value],
        others=counts.total() - counts[SubscriberKind.EMAIL.value],
    )
