"""Adds, changes and removes the addresses of people; none counts before it is known to be theirs."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import User
from tocsin.contacts import rules, store
from tocsin.contacts.actions import codes
from tocsin.contacts.model import ACCOUNT_METHOD_ID, Kind, Method, RuleStep
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.notify.channels import endpoint_complaint
from tocsin.storage import Tx, events

MAX_METHODS = 20
"""Addresses of one person: each may be sent to at once, and each costs a row in the plan of every page."""
MAX_SUBSCRIPTION_CHARACTERS = 4_000
MAX_WHY_CHARACTERS = 300
POINT_BYTES = 65
"""Of a browser's public key: a point of P-256, uncompressed (RFC 8291, 3.1)."""
AUTH_BYTES = 16
"""Of the secret that it shares with us (RFC 8291, 3.2)."""


def member(tx: Tx, named: str, team_ids: tuple[int, ...] | None, caller_id: int | None = None) -> User:
    """The person of one of these teams (None = anybody) whom an id, an e-mail address or `me` names.

    Raises NotFound; for `me` also Invalid when the caller is no person.
    """
    named = named.strip()
    if named == "me":
        if caller_id is None:
            raise Invalid("A token speaks for no person: name somebody by id or e-mail address instead of `me`.")
        return accounts.user(tx, caller_id)
    digits = named.isascii() and named.isdigit() and len(named) <= 18
    try:
        found = accounts.user(tx, int(named)) if digits else accounts.user_by_email(tx, named)
    except NotFound:
        found = None
    if found is None or not (team_ids is None or set(team_ids) & set(accounts.team_ids_of(tx, found.id))):
        raise NotFound("user", named[:100])
    return found


def of(tx: Tx, user: User) -> list[Method]:
    """A person's addresses, the account's own first. Without secrets."""
    return [_account(user), *store.methods(tx, [user.id])]


def find(tx: Tx, user: User, id: int) -> Method:
    """Raises NotFound."""
    found = _account(user) if id == ACCOUNT_METHOD_ID else store.method(tx, user.id, id)
    if found is None:
        raise NotFound("contact_method", id)
    return found


def create(tx: Tx, user: User, *, kind: Kind, address: str, label: str, team_id: int) -> Method:
    """Add an address and send a code there. Raises Invalid (kind, address, label) and TooMany."""
    checked = rules.checked_address(kind, address)
    complaint = endpoint_complaint(kind.value, checked.endpoint or checked.shown)
    if complaint is not None:
        raise Invalid.fields(address=complaint)
    label = rules.checked_label(label)
    if kind is Kind.EMAIL and checked.key == user.email.lower():
        raise Invalid.fields(address="is the address of the account, which needs no code")
    method = _add(tx, user, kind=kind, checked=checked, label=label, verified=False)
    codes.send(tx, user, method, team_id=team_id)
    return method


def rename(tx: Tx, user: User, id: int, label: str | UnsetType | None) -> Method:
    """Change what a person calls an address."""
    method = _changeable(tx, user, id)
    if label is not UNSET:
        store.change_method(tx, method.id, label=rules.checked_label(label or ""))
    return find(tx, user, id)


def remove(tx: Tx, user: User, id: int) -> None:
    """Delete an address, and the steps of the person's rules that name it; a rule without steps goes too."""
    method = _changeable(tx, user, id)
    for rule in store.rules(tx, [user.id]):
        steps = tuple(step for step in rule.steps if step.contact_method_id != method.id)
        if not steps:
            store.remove_rule(tx, rule.id)
        elif len(steps) < len(rule.steps):
            store.change_rule(tx, rule.id, rule.urgency_id, _begun_at_once(steps))
    store.remove_method(tx, method.id)


def add_push(tx: Tx, user_id: int, subscription_json: str, label: str) -> int:
    """Keep a browser's push subscription, made behind a link that was sent to this person; returns the method's id.

    The same endpoint again renews it. Raises Invalid (field `subscription`, `label`).
    """
    subscription = _subscription(subscription_json)
    host = urlsplit(subscription.endpoint).hostname or ""
    label = rules.checked_label(label) or "Browser"
    checked = rules.Address(f"{label} (push)", msgspec.json.encode(subscription).decode(), subscription.endpoint)
    user = accounts.user(tx, user_id)
    standing = store.method_id_by_key(tx, user.id, Kind.PUSH, _key(tx, checked))
    if standing is not None:
        store.change_method(
            tx, standing, label=label, address=checked.shown, sealed_endpoint=tx.vault.seal(checked.endpoint or ""),
            verified_at=tx.now, retired_at=None, retired_why="",
        )  # fmt: skip
        return standing
    method = _add(tx, user, kind=Kind.PUSH, checked=checked, label=label, verified=True)
    events.record(
        tx, "contact_method.verified", team_id=None, resource_type="user", resource_id=user.id, kind=Kind.PUSH.value,
        address=checked.shown, host=host,
    )  # fmt: skip
    return method.id


def retire(tx: Tx, user_id: int, channel: str, endpoint: str, why: str = "the provider says that it is gone") -> None:
    """A provider says that an address is gone for ever: nothing more is sent there, and the person's list says so."""
    for method in store.everything(tx, user_id)[0]:
        if method.kind.value == channel and method.works and endpoint in (method.endpoint, method.address):
            store.change_method(tx, method.id, retired_at=tx.now, retired_why=why[:MAX_WHY_CHARACTERS])
            events.record(
                tx, "contact_method.retired", team_id=None, resource_type="user", resource_id=user_id,
                kind=method.kind.value, address=method.address, why=why[:MAX_WHY_CHARACTERS],
            )  # fmt: skip


class _Keys(msgspec.Struct):
    p256dh: str
    auth: str


class _Subscription(msgspec.Struct):
    """What a browser's PushSubscription says of itself (W3C Push API, 8)."""

    endpoint: str
    keys: _Keys


def _subscription(text: str) -> _Subscription:
    if len(text) > MAX_SUBSCRIPTION_CHARACTERS:
        raise Invalid.fields(subscription="is too long")
    try:
        found = msgspec.json.decode(text, type=_Subscription)
        parts = urlsplit(found.endpoint)
    except (msgspec.DecodeError, ValueError):
        raise Invalid.fields(subscription="must be a push subscription as a browser makes it") from None
    sizes = [len(raw) for raw in map(_decoded, (found.keys.p256dh, found.keys.auth))]
    if parts.scheme != "https" or not parts.hostname or sizes != [POINT_BYTES, AUTH_BYTES]:
        raise Invalid.fields(subscription="must have an endpoint and keys, as a browser makes them")
    return found


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return b""


def _add(tx: Tx, user: User, *, kind: Kind, checked: rules.Address, label: str, verified: bool) -> Method:
    key = _key(tx, checked)
    if store.method_id_by_key(tx, user.id, kind, key) is not None:
        raise Invalid.fields(address="has already been added")
    if len(store.methods(tx, [user.id])) >= MAX_METHODS:
        raise Invalid.fields(base=f"A person has at most {MAX_METHODS} contact methods")
    id = store.add_method(
        tx, user_id=user.id, kind=kind.value, label=label, address=checked.shown, key=key,
        sealed_endpoint=tx.vault.seal(checked.endpoint or ""), verified_at=tx.now if verified else None,
    )  # fmt: skip
    return find(tx, user, id)


def _key(tx: Tx, checked: rules.Address) -> str:
    return checked.key if checked.endpoint is None else tx.vault.sign(f"contact:{checked.key}")


def _changeable(tx: Tx, user: User, id: int) -> Method:
    if id == ACCOUNT_METHOD_ID:
        raise Invalid.fields(base="The account's own address always counts: it cannot be changed or deleted here")
    return find(tx, user, id)


def _begun_at_once(steps: tuple[RuleStep, ...]) -> tuple[RuleStep, ...]:
    early = min(step.after_seconds for step in steps)
    return tuple(msgspec.structs.replace(step, after_seconds=step.after_seconds - early) for step in steps)


def _account(user: User) -> Method:
    return Method(
        id=ACCOUNT_METHOD_ID,
        user_id=user.id,
        kind=Kind.EMAIL,
        label="Account",
        address=user.email,
        verified_at=user.created_at,
        created_at=user.created_at,
        updated_at=user.created_at,
    )
