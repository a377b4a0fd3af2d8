"""Who subscribes to a page: added by its team, or by visitors who prove by a mail that the address is theirs."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime

from tocsin.kernel.clock import from_milliseconds, to_milliseconds, to_wire
from tocsin.kernel.errors import Invalid, NotFound, TooMany
from tocsin.status_pages.model import StatusPage, Subscriber, SubscriberKind
from tocsin.status_pages.rules import subscribing as rules
from tocsin.status_pages.store import pages as page_shelf
from tocsin.status_pages.store import subscribers as shelf
from tocsin.status_pages.store.tables import NOTICES_TOPIC
from tocsin.storage import Tx

SUBSCRIBER_TYPE = "status_page_subscriber"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With which a cell begins that a table would compute: an address must stay one."""
_CONFIRMATION = re.compile(r"([0-9]{1,18})-([0-9]{1,15})-([0-9a-f]{32})")
_SUBSCRIPTION = re.compile(r"([0-9]{1,18})-([0-9a-f]{32})")


def list_subscribers(
    tx: Tx,
    page: StatusPage,
    kind: SubscriberKind | None,
    *,
    search: str = "",
    confirmed: bool | None = None,
    page_number: int,
    per_page: int,
) -> tuple[list[Subscriber], int]:
    """One page of those who have not left (`kind` None: of every kind), and how many there are in all."""
    return shelf.listed(
        tx, page.id, kind, search=search.strip(), confirmed=confirmed, offset=(page_number - 1) * per_page,
        limit=per_page,
    )  # fmt: skip


def subscribers_csv(tx: Tx, page: StatusPage) -> bytes:
    """All who have not left as a table; of those who are told elsewhere than by mail, not where: that is a secret."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("id", "kind", "email", "language", "resources", "confirmed_at", "created_at"))
    for row in shelf.lines(tx, page.id):
        confirmed = "" if row.confirmed_at is None else to_wire(row.confirmed_at)
        chosen = " ".join(str(id) for id in row.status_page_resource_ids)
        email = row.email or ""
        email = f"'{email}" if email.startswith(_FORMULA) else email
        writer.writerow((row.id, row.kind, email, row.language, chosen, confirmed, to_wire(row.created_at)))
    return text.getvalue().encode()


def find_subscriber(tx: Tx, page: StatusPage, id: int) -> Subscriber:
    """One of a page that has not left. Raises NotFound."""
    found = shelf.find(tx, id)
    if found is None or found.status_page_id != page.id or found.unsubscribed_at is not None:
        raise NotFound(SUBSCRIBER_TYPE, id)
    return found


def add_subscriber(tx: Tx, page: StatusPage, email: str, resource_ids: Sequence[int]) -> Subscriber:
    """Subscribe an address for somebody: it counts as confirmed; whoever had left is back. Raises Invalid."""
    asked = rules.asked(SubscriberKind.EMAIL, email=email, url=None, subscription=None)
    ids = _chosen(tx, page, resource_ids)
    standing = shelf.by_key(tx, page.id, asked.kind, asked.key)
    if standing is None:
        id = _add(tx, page, asked, ids, language=rules.LANGUAGES[0], confirmed=True)
    elif rules.listening(standing):
        raise Invalid.fields(email="has already been taken")
    else:
        id = standing.id
        _listen(tx, id, status_page_resource_ids=list(ids))
    return find_subscriber(tx, page, id)


def remove_subscriber(tx: Tx, page: StatusPage, id: int) -> None:
    """Forget a subscriber. Raises NotFound."""
    shelf.remove(tx, [find_subscriber(tx, page, id).id])


def subscribe(tx: Tx, page: StatusPage, asked: rules.Asked, resource_ids: Sequence[int], language: str) -> None:
    """A visitor asks to be told of updates.

    What follows is the same whether the address is known here or not: a mail says what there is to say, so that nobody
    learns from us who subscribes to what. A browser asks for itself and is told at once. Raises Invalid when the page
    takes no subscribers or the choice is wrong, and TooMany.
    """
    if not (page.published and page.settings.subscribable):
        raise Invalid.fields(base="This page takes no subscribers")
    ids = _chosen(tx, page, resource_ids)
    since = tx.now - rules.ASKED_COUNTED_FOR
    if shelf.asked_on(tx, page.id, since, rules.MAX_ASKED_PER_PAGE) >= rules.MAX_ASKED_PER_PAGE:
        seconds = int(rules.ASKED_COUNTED_FOR.total_seconds())
        raise TooMany("Too many people are subscribing just now. Please try again later.", retry_after_seconds=seconds)
    language = rules.language_of(language)
    standing = shelf.by_key(tx, page.id, asked.kind, _key(tx, asked))
    if asked.kind is SubscriberKind.PUSH:
        _take_browser(tx, page, asked, standing, ids, language)
        return
    assert asked.email is not None
    last_at, here, everywhere = shelf.asked_of(tx, page.id, asked.email, tx.now - rules.MAILS_COUNTED_FOR)
    if not rules.may_be_written_to(last_at, here, everywhere, tx.now):
        return
    if standing is None:
        vouched = shelf.count_vouched(tx, page.id, asked.email, rules.MAX_PLACES_PER_ADDRESS + 1)
        if vouched > rules.MAX_PLACES_PER_ADDRESS:
            return
        id = _add(tx, page, asked, ids, language=language, confirmed=False)
    else:
        id = standing.id
        if not rules.listening(standing):  # nobody but its owner changes what a subscriber has chosen
            shelf.change(tx, id, status_page_resource_ids=list(ids), language=language, email=asked.email)
    found = shelf.find(tx, id)
    assert found is not None
    shelf.plan_confirmation(tx, found)
    tx.ring(NOTICES_TOPIC)


def confirm(tx: Tx, id: int) -> Subscriber:
    """Somebody who holds the link that was sent for this confirms it. Raises NotFound."""
    found = _standing(tx, id)
    if not rules.listening(found):
        _listen(tx, id)
    return _standing(tx, id)


def unsubscribe(tx: Tx, id: int) -> Subscriber:
    """They want to hear no more; what was still on its way to them is dropped. Raises NotFound."""
    found = _standing(tx, id)
    if found.unsubscribed_at is None:
        shelf.change(tx, id, unsubscribed_at=tx.now)
    return _standing(tx, id)


def choose(tx: Tx, id: int, resource_ids: Sequence[int], language: str | None) -> Subscriber:
    """They want to hear of these resources alone (none named: of all). Raises NotFound, Invalid."""
    found = _standing(tx, id)
    page = page_shelf.find(tx, found.status_page_id)
    if page is None or not rules.listening(found):
        raise NotFound(SUBSCRIBER_TYPE, id)
    values: dict[str, object] = {"status_page_resource_ids": list(_chosen(tx, page, resource_ids))}
    if language:
        values["language"] = rules.language_of(language)
    shelf.change(tx, id, **values)
    return _standing(tx, id)


def confirmation_token(tx: Tx, id: int, asked_at: datetime) -> str:
    """The secret of a link that confirms a subscription, for as long as the rules say."""
    said = f"{id}-{to_milliseconds(asked_at)}"
    return f"{said}-{tx.vault.sign(f'status page confirmation:{said}')}"


def subscription_token(tx: Tx, id: int) -> str:
    """The secret of the link behind which a subscriber changes what they hear of, or leaves; good for ever."""
    return f"{id}-{tx.vault.sign(f'status page subscription:{id}')}"


def open_confirmation(tx: Tx, token: str) -> Subscriber | None:
    """Whose confirmation this link is; None when it is not ours, or confirms nothing any more."""
    match = _CONFIRMATION.fullmatch(token)
    if match is None or not tx.vault.signed(f"status page confirmation:{match[1]}-{match[2]}", match[3]):
        return None
    found = shelf.find(tx, int(match[1]))
    if found is None or not rules.confirmable(found, from_milliseconds(int(match[2])), tx.now):
        return None
    return found


def open_subscription(tx: Tx, token: str) -> Subscriber | None:
    """Whose subscription this link is about; None when it is not ours, or they are forgotten. Who has left is found."""
    match = _SUBSCRIPTION.fullmatch(token)
    if match is None or not tx.vault.signed(f"status page subscription:{match[1]}", match[2]):
        return None
    return shelf.find(tx, int(match[1]))


def prune_subscribers(tx: Tx, *, at_most: int) -> int:
    """Forget some who never confirmed or have left, long ago; returns how many."""
    ids = shelf.silent(tx, tx.now - rules.KEPT_UNCONFIRMED, at_most)
    if ids:
        shelf.remove(tx, ids)
    return len(ids)


def _take_browser(
    tx: Tx, page: StatusPage, asked: rules.Asked, standing: Subscriber | None, ids: Sequence[int], language: str
) -> None:
    if standing is None:
        _add(tx, page, asked, ids, language=language, confirmed=True)
        return
    _listen(
        tx, standing.id, status_page_resource_ids=list(ids), language=language, address=asked.address
    )  # the same endpoint may come with new keys


def _listen(tx: Tx, id: int, **values: object) -> None:
    shelf.change(tx, id, confirmed_at=tx.now, unsubscribed_at=None, failures=0, **values)


def _add(
    tx: Tx, page: StatusPage, asked: rules.Asked, ids: Sequence[int], *, language: str, confirmed: bool
) -> int:  # fmt: skip
    if shelf.count(tx, page.id, rules.MAX_SUBSCRIBERS_PER_PAGE) >= rules.MAX_SUBSCRIBERS_PER_PAGE:
        raise Invalid.fields(base=f"A page has at most {rules.MAX_SUBSCRIBERS_PER_PAGE:,} subscribers")
    return shelf.add(
        tx, page=page, kind=asked.kind, email=asked.email, key=_key(tx, asked), address=asked.address,
        resource_ids=ids, language=language, confirmed=confirmed,
    )  # fmt: skip


def _key(tx: Tx, asked: rules.Asked) -> str:
    if asked.kind is SubscriberKind.EMAIL:
        return asked.key
    return tx.vault.sign(f"status page subscriber:{asked.key}")


def _chosen(tx: Tx, page: StatusPage, resource_ids: Sequence[int]) -> tuple[int, ...]:
    if not resource_ids:
        return ()
    return rules.chosen(resource_ids, shelf.resource_names(tx, [page.id])[page.id])


def _standing(tx: Tx, id: int) -> Subscriber:
    found = shelf.find(tx, id)
    if found is None:
        raise NotFound(SUBSCRIBER_TYPE, id)
    return found
