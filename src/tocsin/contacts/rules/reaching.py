"""How one person is reached about one thing: by their own rules, else as the severity says, and never not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from tocsin.contacts.model import ACCOUNT_METHOD_ID, CHANNELS, SWITCHES, Kind, Person, Reach, Reached, Rule
from tocsin.contacts.rules.quiet import quiet_until

ALWAYS = frozenset({"email", "ntfy", "apprise"})
"""Everybody has an e-mail address, and the other two need nothing of whoever runs this Tocsin."""

_WORDS = {
    "call": "phone calls", "sms": "text messages", "email": "e-mails", "push": "push notifications",
    "telegram": "Telegram messages", "ntfy": "ntfy messages", "pushover": "Pushover messages",
    "apprise": "messages through Apprise",
}  # fmt: skip
_ADDRESSES = {
    "call": "verified phone number", "sms": "verified phone number", "push": "device for push notifications",
    "telegram": "verified Telegram chat", "ntfy": "verified ntfy topic", "pushover": "verified Pushover key",
    "apprise": "verified Apprise URL",
}  # fmt: skip


def reach(
    person: Person,
    wanted: Sequence[str],
    *,
    urgency_id: int | None,
    critical: bool,
    at: datetime,
    available: Collection[str],
) -> Reached:
    """The messages about one thing that is due at `at`, the first always at once, and what people should know.

    `wanted`: the switches of the severity (call, sms, email, push), or any channel. `available`: what this
    installation can send. A person's own rule replaces `wanted`. Quiet hours leave an e-mail of whatever is not
    critical. When nothing else is left, it is an e-mail to the account's address.
    """
    usable = ALWAYS.union(available)
    remarks: list[str] = []
    rule = _rule_for(person.rules, urgency_id)
    messages = _by_rule(person, rule, usable, remarks) if rule is not None else []
    if rule is not None and not messages:
        remarks.append(f"No address in {person.name}'s own rules works, so the severity decides")
    if not messages:
        messages = _by_wanted(person, wanted, usable, remarks)
    if not messages:
        remarks.append(f"{person.name} gets an e-mail instead")
        messages = [_account(person)]
    messages = _at_once(messages)
    if not critical:
        messages = _hushed(person, messages, at, remarks)
    return Reached(messages=tuple(messages), remarks=tuple(dict.fromkeys(remarks)))


def unreachable(person: Person, rule: Rule, available: Collection[str]) -> bool:
    """Whether nothing that a rule names would be sent."""
    return not _by_rule(person, rule, ALWAYS.union(available), [])


def _rule_for(rules: Iterable[Rule], urgency_id: int | None) -> Rule | None:
    """The rule of that severity, else the one for everything."""
    by_urgency = {rule.urgency_id: rule for rule in rules}
    return by_urgency.get(urgency_id) or by_urgency.get(None)


def _by_rule(person: Person, rule: Rule, usable: Collection[str], remarks: list[str]) -> list[Reach]:
    found: list[Reach] = []
    for step in rule.steps:
        if step.channel not in usable:
            remarks.append(f"This Tocsin cannot send {_WORDS.get(step.channel, step.channel)}")
            continue
        reached = _addresses(person, step.channel, step.contact_method_id, step.after_seconds)
        if not reached:
            remarks.append(_lacking(person, step.channel))
        found += reached
    return found


def _by_wanted(person: Person, wanted: Sequence[str], usable: Collection[str], remarks: list[str]) -> list[Reach]:
    """One message for each channel that is wanted and each address that it has."""
    found: list[Reach] = []
    missed: list[str] = []
    for switch in wanted:
        channels = SWITCHES.get(switch, (switch,))
        able = [channel for channel in channels if channel in usable]
        reached = [each for channel in able for each in _addresses(person, channel, None, 0)]
        if not able:
            remarks.append(f"This Tocsin cannot send {_WORDS.get(switch, switch)}")
        elif not reached:
            missed.append(switch)
        found += reached
    # Push is wanted by default and by nearly everything: that somebody has none is news only when nothing else is left.
    remarks += [_lacking(person, switch) for switch in missed if switch != "push" or not found]
    return found


def _addresses(person: Person, channel: str, method_id: int | None, after_seconds: int) -> list[Reach]:
    """Where the person can be reached by a channel; with `method_id`, there alone."""
    found = []
    if channel == "email" and method_id in (None, ACCOUNT_METHOD_ID):
        found.append(msgspec.structs.replace(_account(person), after_seconds=after_seconds))
    found += [
        Reach(channel=channel, address=method.address, endpoint=method.endpoint, after_seconds=after_seconds)
        for method in person.methods
        if method.works and channel in CHANNELS[method.kind] and method_id in (None, method.id)
    ]
    return found


def _account(person: Person) -> Reach:
    return Reach(channel=Kind.EMAIL.value, address=person.email)


def _lacking(person: Person, channel: str) -> str:
    return f"{person.name} has no {_ADDRESSES.get(channel, f'working address for {channel}')}"


def _at_once(messages: list[Reach]) -> list[Reach]:
    """In the order of their times, all so much earlier that the first comes when the page is due.

    What a rule would have sent first may not work any more; waiting for what comes after it would lose the page time.
    """
    early = min(message.after_seconds for message in messages)
    moved = [msgspec.structs.replace(each, after_seconds=each.after_seconds - early) for each in messages]
    return sorted(dict.fromkeys(moved), key=lambda each: each.after_seconds)


def _hushed(person: Person, messages: list[Reach], at: datetime, remarks: list[str]) -> list[Reach]:
    """What falls into quiet hours becomes one e-mail."""
    kept: list[Reach] = []
    for message in messages:
        end = quiet_until(person.quiet_hours, at + timedelta(seconds=message.after_seconds))
        if end is None or message.channel == "email":
            kept.append(message)
            continue
        remarks.append(f"{person.name} has quiet hours until {end:%Y-%m-%d %H:%M} UTC: an e-mail alone")
        if not any(each.channel == "email" for each in kept):
            kept.append(msgspec.structs.replace(_account(person), after_seconds=message.after_seconds))
    return list(dict.fromkeys(kept))
