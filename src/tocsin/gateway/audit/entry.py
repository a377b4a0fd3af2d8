"""One line of the audit log: a sentence for people, and everything that it says once more for programs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.gateway.identity import Actor
from tocsin.kernel.vault import HIDDEN, Vault, without_credentials
from tocsin.registry import Operation

MAX_TEXT = 1_000
"""Characters of one argument kept: enough to see what was meant."""
MAX_ARGUMENTS_BYTES = 8_000
"""Of all arguments of one call together."""
MAX_READ = 50_000
"""Characters of one argument that a person is shown before they approve it: some twenty pages of text."""
MAX_NAME = 80
"""Characters of a record's name in a sentence, and of a client's."""
HINT_CHARACTERS = 4
"""Of the end of a token: enough to tell one from another, too few to be of use."""

_SURFACES = {
    "rest": "the API",
    "mcp": "MCP",
    "console": "the console",
    "upstream": "the proxy",
    "link": "an e-mail link",
    "phone": "a phone call",
    "sms": "a text message",
    "push": "a push notification",
    "slack": "Slack",
    "telegram": "Telegram",
    "mattermost": "Mattermost",
    "status page": "the public status page",
}

_OTHER_LINKS = frozenset({"posted link", "link in a text message", "link in a notification"})
"""By which links people answer that came in no e-mail."""
_BARE = ("person", "nobody", "guest")
"""Who goes by their name alone."""
_REFUSAL = "You may not do this: "
"""How the door begins to tell a caller what the log says in its own words."""
_RESULTS = {"allowed": "ok", "failed": "error", "ambiguous": "ambiguous"}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the log. What a caller of `write` does not know is None.

    `outcome` is `allowed`, `denied`, `asked` (a person must approve), `failed` (allowed, but it could not be done) or
    `ambiguous` (allowed, and nobody can tell whether it was done).
    """

    actor: Actor
    operation: Operation
    surface: str
    request_id: str
    outcome: str
    reason: str
    owner_name: str | None = None
    """Of an agent: the person who answers for it."""
    target: str | None = None
    target_name: str | None = None
    team_id: int | None = None
    team_name: str | None = None
    """For the sentence."""
    arguments: Mapping[str, Any] = {}
    arguments_hash: str | None = None
    previewed: bool = False
    """A dry run: nothing was done. The arguments kept say so as well, with `dry_run`."""
    client_address: str | None = None
    client_name: str | None = None
    """The program that called, as it calls itself."""
    credential_hint: str | None = None
    """The last characters of the token."""
    rule: str | None = None
    """Which rule decided."""
    approval_id: str | None = None
    approved_by: str | None = None
    latency_ms: int | None = None

    @property
    def result(self) -> str | None:
        """`ok`, `error` or `ambiguous`; None when nothing was tried."""
        return _RESULTS.get(self.outcome)

    @property
    def actor_name(self) -> str:
        """Who it was, as one line."""
        return one_line(self.actor.name if self.actor.agent is None else self.actor.agent.name, 200)

    @property
    def why(self) -> str:
        """The reason without a full stop, and without what is said to callers alone."""
        return one_line(self.reason.removeprefix(_REFUSAL)).rstrip(".")

    @property
    def sentence(self) -> str:
        """E.g. `Token 'CI' created a monitor (monitor 12 'Shop') in team Core through the API: allowed, the team's own
        token.`, or `Triage-bot (agent of Ana) acknowledged incident 4821 'API down' in team Core through MCP: allowed,
        has Acknowledge.`"""
        did = self._by_agent() if self.actor.kind == "agent" else self._by_others()
        team = f" in team {one_line(self.team_name)}" if self.team_name else ""
        through = _SURFACES.get(self.surface, self.surface)
        if self.surface == "link" and self.actor.through in _OTHER_LINKS:
            through = f"a {self.actor.through}"
        verdict = "waiting for approval" if self.outcome == "asked" else self.outcome
        said = f"{self._who()} {did}{team} through {through}: {verdict}, {self.why}."
        return said[:1].upper() + said[1:]

    def _who(self) -> str:
        name = self.actor_name
        if self.actor.kind == "agent":
            return f"{name} (agent of {one_line(self.owner_name)})" if self.owner_name else f"{name} (an agent)"
        return name if self.actor.kind in _BARE else f"Token '{name}'"

    def _by_others(self) -> str:
        did = self.operation.deed if self.outcome == "allowed" else f"tried: {self.operation.name}"
        if self.previewed:
            did = f"previewed: {self.operation.name}"
        return f"{did} ({self._what()})" if self.target else did

    def _by_agent(self) -> str:
        """The deed, with the record in the place where the deed speaks of one: `acknowledged incident 7 'Shop'`."""
        if self.outcome == "allowed" and not self.previewed:
            did = self.operation.deed
        else:
            asked = re.split(r"[,;:.]| so that ", self.operation.doc, maxsplit=1)[0]
            tried = "previewed what it would be" if self.previewed else "asked" if self.outcome == "asked" else "tried"
            did = f"{tried} to {asked[:1].lower()}{asked[1:]}"
        if not self.target:
            return did
        kind = re.escape(self.target.rpartition(" ")[0].replace("_", " "))
        found = re.search(rf"\b(?:an?|the|one) (?:[\w-]+ )?{kind}\b", did)
        if found is None:
            return f"{did} ({self._what()})"
        return f"{did[: found.start()]}{self._what()}{did[found.end() :]}"

    def _what(self) -> str:
        what = one_line(self.target or "")
        if self.actor.kind == "agent":
            what = what.replace("_", " ")
        return f"{what} '{one_line(self.target_name)}'" if self.target_name else what


def one_line(text: str, at_most: int = 2_000) -> str:
    """The text as one line that can be seen, so that nobody's name looks like an entry of its own."""
    if len(text) <= at_most and text.isprintable() and "  " not in text and text == text.strip():
        return text  # as nearly all are
    seen = "".join(character if character.isprintable() else " " for character in text[: at_most + 1])
    line = " ".join(seen.split())
    return line if len(line) <= at_most else line[:at_most] + "…"


def named(name: object) -> str | None:
    """A record's or a client's name as the log keeps it; None for nothing that could be one."""
    if not isinstance(name, str):
        return None
    return one_line(without_credentials(name), MAX_NAME) or None


def hint(token: str | None) -> str | None:
    """The end of a token, when it is long enough to stay a secret without it."""
    if token is None or len(token) < HINT_CHARACTERS * 5:
        return None
    return one_line(token[-HINT_CHARACTERS:]) or None


def redacted(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the log may keep them: secrets hidden, long texts cut, bounded in all."""
    kept: dict[str, Any] = {}
    for name, value in arguments.items():
        if name in operation.secrets and value not in (None, "", [], {}):
            kept[name] = HIDDEN
        elif isinstance(value, str):
            shown = without_credentials(value)
            kept[name] = shown if len(shown) <= MAX_TEXT else shown[:MAX_TEXT] + "…"
        else:
            kept[name] = value
    if len(msgspec.json.encode(kept)) > MAX_ARGUMENTS_BYTES:
        return dict.fromkeys(list(kept)[:100], "[too long to keep]")
    return kept


def readable(operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as a person must see them before they approve: secrets hidden, and all the rest of it.

    What no person reads to its end is cut, and says so.
    """
    kept: dict[str, Any] = {}
    for name, value in arguments.items():
        if name in operation.secrets and value not in (None, "", [], {}):
            kept[name] = HIDDEN
            continue
        shown = without_credentials(value) if isinstance(value, str) else value
        text = shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()
        if len(text) > MAX_READ:
            shown = f"{text[:MAX_READ]}… (cut: it has {len(text):,} characters)"
        kept[name] = shown
    return kept


def arguments_hash(vault: Vault, operation: Operation, *sent: Mapping[str, Any]) -> str:
    """The fingerprint of the exact arguments: the same for the same call, whatever the log hides of them.

    Keyed (HMAC-SHA-256), so that nobody who reads the log can try out which password it stands for.
    """
    exact = msgspec.json.encode([operation.name, *sent], order="deterministic")
    return vault.evidence("arguments", exact)
