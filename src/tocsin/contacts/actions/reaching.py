"""Asks how a person is to be reached, who has a number, and who could not be reached at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import User
from tocsin.contacts import rules, store
from tocsin.contacts.model import Kind, Method, Person, QuietHours, Reached, Rule, Shortcoming
from tocsin.kernel.errors import NotFound
from tocsin.notify import actions as notify
from tocsin.storage import Tx

MAX_OWNERS = 50
"""People who share one number, e.g. a phone that is handed on with the duty."""


def reach(
    tx: Tx,
    user_id: int,
    wanted: Sequence[str],
    *,
    urgency_id: int | None,
    critical: bool,
    at: datetime,
    available: Collection[str],
) -> Reached:
    """How this person is reached about something that is due at `at`: see `rules.reach`. Never empty."""
    try:
        user = accounts.user(tx, user_id)
    except NotFound:  # nobody can be deleted; if somebody ever is, the page is given up and goes to whoever is next
        gone = Person(user_id=user_id, name=f"Person {user_id}", email="")
        return rules.reach(gone, wanted, urgency_id=urgency_id, critical=critical, at=at, available=available)
    methods, own_rules, quiet = store.everything(tx, user.id)
    person = Person(
        user_id=user.id,
        name=user.name,
        email=user.email,
        methods=tuple(methods),
        rules=tuple(own_rules),
        quiet_hours=tuple(quiet),
    )
    return rules.reach(person, wanted, urgency_id=urgency_id, critical=critical, at=at, available=available)


def reach_now(
    tx: Tx, user_id: int, wanted: Sequence[str], *, urgency_id: int | None, critical: bool, at: datetime
) -> Reached:
    """`reach` with what this installation can send now."""
    return reach(
        tx, user_id, wanted, urgency_id=urgency_id, critical=critical, at=at, available=notify.available(tx)
    )  # fmt: skip


def people(tx: Tx, users: Sequence[User]) -> list[Person]:
    """All that decides how these people are reached, in their order; without the secrets of their addresses."""
    ids = [user.id for user in users]
    methods: dict[int, list[Method]] = defaultdict(list)
    own_rules: dict[int, list[Rule]] = defaultdict(list)
    quiet: dict[int, list[QuietHours]] = defaultdict(list)
    for method in store.methods(tx, ids):
        methods[method.user_id].append(method)
    for rule in store.rules(tx, ids):
        own_rules[rule.user_id].append(rule)
    for hours in store.quiet(tx, ids):
        quiet[hours.user_id].append(hours)
    return [
        Person(
            user_id=user.id,
            name=user.name,
            email=user.email,
            methods=tuple(methods[user.id]),
            rules=tuple(own_rules[user.id]),
            quiet_hours=tuple(quiet[user.id]),
        )
        for user in users
    ]


def quiet_hours(tx: Tx, user_ids: Collection[int]) -> dict[int, list[QuietHours]]:
    """When these people are not to be woken, by person; who has not said so has no entry."""
    found: dict[int, list[QuietHours]] = defaultdict(list)
    for hours in store.quiet(tx, list(user_ids)):
        found[hours.user_id].append(hours)
    return dict(found)


def by_phone(tx: Tx, number: str) -> list[int]:
    """The people to whom a verified phone number (E.164) belongs: whose answer a text message from there is."""
    return store.verified_owners(tx, Kind.PHONE, number.strip(), MAX_OWNERS)


def phone_numbers(tx: Tx, user_ids: Iterable[int]) -> dict[int, list[str]]:
    """The working phone numbers of these people (E.164), oldest first; everybody asked for has an entry."""
    found: dict[int, list[str]] = {user_id: [] for user_id in user_ids}
    for method in store.methods(tx, list(found)):
        if method.kind is Kind.PHONE and method.works:
            found[method.user_id].append(method.address)
    return found


def warnings(tx: Tx, team_id: int) -> list[Shortcoming]:
    """Who in a team would not be reached as somebody may believe, in the order in which they joined."""
    available = notify.available(tx)
    found = []
    for person in people(tx, accounts.members(tx, team_id)):
        if not any(method.kind is Kind.PHONE and method.works for method in person.methods):
            found.append(_shortcoming("no_verified_phone", f"{person.name} has no verified phone number.", person))
        for rule in person.rules:
            if rules.unreachable(person, rule, available):
                severity = "" if rule.urgency_id is None else f" for severity {rule.urgency_id}"
                sentence = f"No address in {person.name}'s own rule{severity} works: the severity decides instead."
                found.append(_shortcoming("no_working_rule", sentence, person))
        for method in person.methods:
            if method.retired_at is not None:
                sentence = f"{method.label or method.address} of {person.name} is gone: {method.retired_why}."
                found.append(_shortcoming("address_gone", sentence, person))
    return found


def _shortcoming(code: str, sentence: str, person: Person) -> Shortcoming:
    return Shortcoming(code, sentence, "user", person.user_id)
