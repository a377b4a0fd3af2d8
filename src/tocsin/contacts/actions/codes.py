"""Sends a code to an address, and believes that the address is theirs when somebody gives the code back."""

from __future__ import annotations

import hmac
import string
from datetime import timedelta
from functools import partial

from tocsin.accounts.model import User
from tocsin.contacts import rules, store
from tocsin.contacts.model import Kind, Method
from tocsin.kernel.errors import Invalid, TooMany
from tocsin.kernel.ids import new_token
from tocsin.notify import actions as notify
from tocsin.notify.model import Kind as NoticeKind
from tocsin.notify.model import Notice
from tocsin.storage import Tx, events

CODE_LENGTH = 6
"""Digits: few enough to be typed, too many to be guessed in `MAX_TRIES`."""
CODE_LIFETIME = timedelta(minutes=10)
MAX_TRIES = 5
"""Of one code; then another one has to be asked for."""
CODES_COUNTED_FOR = timedelta(hours=1)
MAX_CODES_PER_PERSON = 10
MAX_CODES_PER_ADDRESS = 5
"""Within the hour, whoever asks: nobody's phone is to ring because a stranger typed its number."""
KEPT_FOR = timedelta(days=1)
"""Longer than they are counted for."""

_CODE_CHANNELS = {Kind.PHONE: ("sms", "call")}
"""By which channel a code goes, the best first; any other kind has one channel alone."""
_NOT_SENT = {
    Kind.PHONE: "neither text messages nor phone calls", Kind.TELEGRAM: "no Telegram messages",
    Kind.PUSHOVER: "no Pushover messages",
}  # fmt: skip


def send(tx: Tx, user: User, method: Method, *, team_id: int) -> None:
    """Send a fresh code to an address; older ones are good for nothing any more.

    Raises Invalid when the address needs none or this installation cannot send there, and TooMany.
    """
    standing = store.method(tx, user.id, method.id)
    if standing is None or standing.works or method.kind is Kind.PUSH:
        raise Invalid.fields(base="This contact method is verified already")
    channel = _channel(tx, method.kind)
    try:
        endpoint, key = store.secret_of(tx, method.id)
    except ValueError:
        raise Invalid.fields(base=f"Nothing can be sent there: {store.LOST}") from None
    _within_limits(tx, user.id, f"{method.kind}:{key}")
    code = new_token(length=CODE_LENGTH, letters=string.digits)
    store.use_up_codes(tx, method.id)
    id = store.add_code(
        tx, user_id=user.id, method_id=method.id, key=f"{method.kind}:{key}", signature="",
        expires_at=tx.now + CODE_LIFETIME,
    )  # fmt: skip
    store.sign_code(tx, id, _signature(tx, id, code))
    notify.queue(
        tx, _notice(tx, user, code, channel, team_id), user_id=user.id, channel=channel, address=method.address,
        planned_at=tx.now, endpoint=endpoint,
    )  # fmt: skip


def verify(tx: Tx, user: User, method: Method, code: str) -> None:
    """Take the code that was sent to an address. Raises Invalid (field `code`); a wrong one counts even then."""
    standing = store.method(tx, user.id, method.id)
    if standing is None or standing.works:
        return
    sent = store.newest_code(tx, method.id)
    if sent is None or sent.expires_at <= tx.now:
        raise Invalid.fields(code="has expired: ask for another one")
    if sent.tries >= MAX_TRIES:
        raise Invalid.fields(code="was wrong too often: ask for another one")
    given = "".join(character for character in code if character not in " -\t")
    if not hmac.compare_digest(_signature(tx, sent.id, given).encode(), sent.signature.encode()):
        left = MAX_TRIES - sent.tries - 1
        error = Invalid.fields(code=f"is wrong: {left} {'try is' if left == 1 else 'tries are'} left")
        error.aftermath = partial(_count_try, sent.id)
        raise error
    store.use_up_codes(tx, method.id)
    store.change_method(tx, method.id, verified_at=tx.now, retired_at=None, retired_why="")
    events.record(
        tx, "contact_method.verified", team_id=None, resource_type="user", resource_id=user.id,
        kind=method.kind.value, address=method.address,
    )  # fmt: skip


def prune_codes(tx: Tx, *, at_most: int) -> int:
    """Delete codes that are not counted any more; returns how many."""
    return store.remove_codes(tx, tx.now - KEPT_FOR, at_most)


def _count_try(id: int, tx: Tx) -> None:
    store.count_try(tx, id)


def _channel(tx: Tx, kind: Kind) -> str:
    available = notify.available(tx) | rules.ALWAYS
    channels = _CODE_CHANNELS.get(kind, (kind.value,))
    for channel in channels:
        if channel in available:
            return channel
    what = _NOT_SENT.get(kind, f"no {kind}")
    raise Invalid.fields(kind=f"cannot be verified: this Tocsin can send {what} until its provider is configured")


def _within_limits(tx: Tx, user_id: int, key: str) -> None:
    by_person, to_address = store.codes_sent(tx, user_id=user_id, key=key, since=tx.now - CODES_COUNTED_FOR)
    if by_person >= MAX_CODES_PER_PERSON or to_address >= MAX_CODES_PER_ADDRESS:
        raise TooMany(
            "Too many codes were sent within the last hour. Please try again later.",
            retry_after_seconds=int(CODES_COUNTED_FOR.total_seconds()),
        )


def _signature(tx: Tx, id: int, code: str) -> str:
    return tx.vault.sign(f"contact-code:{id}:{code}")


def _notice(tx: Tx, user: User, code: str, channel: str, team_id: int) -> Notice:
    spoken = " ".join(code) if channel == "call" else code
    minutes = CODE_LIFETIME // timedelta(minutes=1)
    return Notice(
        kind=NoticeKind.NOTICE,
        incident_id=0,
        team_id=team_id,
        subject="[Tocsin] {secret} is your code",
        headline="Your Tocsin code is {secret}",
        cause=f"It proves that pages for {user.name} may be sent here, and is good for {minutes} minutes. "
        "If nobody asked for it, ignore it: nothing else will be sent here.",
        thread_key=f"contact-{user.id}",
        secret=tx.vault.seal(spoken),
    )
