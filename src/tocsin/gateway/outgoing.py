"""What an agent's call becomes when somebody else's house stands behind the door: exact bytes, or a refusal."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode

import msgspec

from tocsin.agents.model import Agent
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.registry import Operation, Route
from tocsin.registry.input import Arguments, read

MAX_KEY_LENGTH = 255
DRY_RUN = "dry_run"
_NAMES_A_TEAM = frozenset({"team_name", "team_id"})
_OVERRIDES = frozenset({"_method", "_http_method"})
"""With these, frameworks take one method for another."""
_IN_WHOSE_NAME = frozenset({"acknowledged_by", "resolved_by", "reopened_by"})
_PART = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What may stand for a parameter of an address: numbers, and words such as `default`. No dots, no slashes, nothing
encoded: what we read must be what whoever stands behind reads."""
_PLAIN = re.compile(r"[\x21-\x7e]+")
_ACCEPT = re.compile(r"[A-Za-z0-9!#$&^_.+*/;=, -]{1,200}")


class Raw(msgspec.Struct, frozen=True, kw_only=True):
    """A call as its bytes came, for whoever must pass them on unchanged."""

    query: bytes = b""
    body: bytes = b""
    accept: str | None = None


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One call as it leaves us, but for the token: that is added by the hand that sends it."""

    to: str
    """Whom it goes to, for people, e.g. `uptime.betterstack.com`."""
    method: str
    target: str
    """Path and query, from the first slash on."""
    body: bytes = b""
    accept: str = "application/json"
    idempotency_key: str | None = None
    request_id: str

    @property
    def exactly(self) -> dict[str, str]:
        """What an approval of it is good for: these bytes and no others."""
        return {
            "to": self.to,
            "method": self.method,
            "target": self.target,
            "body_sha256": hashlib.sha256(self.body).hexdigest(),
        }


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever stands behind has answered, as far as it is passed back."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    retry_after: str | None = None


class Trouble(Exception):
    """There is no answer that could be passed back. `words` tell of it without any address or secret."""

    def __init__(self, words: str, *, undone: bool, slow: bool = False, busy: bool = False) -> None:
        """`undone`: it is certain that nothing was done. `busy`: it was we who had no room."""
        super().__init__(words)
        self.words = words
        self.undone = undone
        self.slow = slow
        self.busy = busy


class Upstream(Protocol):
    """Whoever stands behind for one team."""

    @property
    def name(self) -> str:
        """For people, e.g. `uptime.betterstack.com`."""
        ...

    async def send(self, outgoing: Outgoing) -> Incoming:
        """Send it, once. Raises Trouble."""
        ...


class Upstreams(Protocol):
    """Who stands behind for whom."""

    def of(self, team: str) -> Upstream | None:
        """For the team of this name; None = its agents work here."""
        ...


def prepared(
    operation: Operation,
    route: Route,
    arguments: Arguments,
    raw: Raw | None,
    agent: Agent,
    *,
    to: str,
    dry_run: bool,
    idempotency_key: str | None,
    request_id: str,
) -> Outgoing:
    """The call that leaves. Raises Invalid and NotFound.

    Whatever decides whether a call is allowed is read by us and, later, by whoever stands behind. So nothing leaves
    that the two could read in different ways: of writes, attributes that we do not know or that are of another type
    than ours, the same one twice, attributes in the address beside a body; and nothing that names another team,
    another person or another method.
    """
    method = route.method
    query, body = _bytes(operation, route, arguments, raw)
    _check_query(operation, method, query, agent)
    if method in ("GET", "DELETE"):
        if body:
            raise Invalid(f"A {method} request that goes on to another server cannot have a body.")
    else:
        _check_body(body, agent)
    if not operation.reads:
        read(operation, route, arguments)
    if idempotency_key is not None and not (
        _PLAIN.fullmatch(idempotency_key) and len(idempotency_key) <= MAX_KEY_LENGTH
    ):
        raise Invalid(f"The Idempotency-Key header must have 1 to {MAX_KEY_LENGTH} printable characters.")
    if not operation.reads:
        query = _without_dry_run(query)
    accept = raw.accept if raw is not None and raw.accept and _ACCEPT.fullmatch(raw.accept) else "application/json"
    return Outgoing(
        to=to,
        method=method,
        target=_path(operation, route, arguments.path) + (f"?{query.decode('ascii')}" if query else ""),
        body=body,
        accept=accept,
        idempotency_key=None if operation.reads or dry_run else idempotency_key,
        request_id=request_id,
    )


def _bytes(operation: Operation, route: Route, arguments: Arguments, raw: Raw | None) -> tuple[bytes, bytes]:
    """Query and body: as they came, or written from the arguments of a surface that has none (a tool's call)."""
    if isinstance(arguments.query, Invalid):
        raise arguments.query
    if isinstance(arguments.body, Invalid):
        raise arguments.body
    if raw is not None:
        return raw.query, raw.body
    query = urlencode(dict(arguments.query), doseq=True).encode("ascii")
    if route.method in ("GET", "DELETE"):
        return query, b""
    sent: Any = dict(arguments.body)
    if operation.list_field is not None and set(sent) == {operation.list_field}:
        sent = sent[operation.list_field]
    return query, msgspec.json.encode(sent, order="deterministic")


def _check_query(operation: Operation, method: str, query: bytes, agent: Agent) -> None:
    if not query:
        return
    try:
        text = query.decode("ascii")
    except UnicodeDecodeError:
        raise Invalid("The query of a call that goes on to another server must be ASCII, encoded by %.") from None
    if ";" in text or not text.isprintable() or " " in text or "#" in text:
        raise Invalid("Encode `;`, `#` and spaces in a query by %: servers read them in different ways.")
    pairs = parse_qsl(text, keep_blank_values=True)
    _check_names([name.partition("[")[0] for name, _ in pairs], dict(pairs), agent)
    if method == "GET":
        return
    names = [name for name, _ in pairs if name != DRY_RUN]
    if method != "DELETE" and names:
        raise Invalid(f"Send attributes in the body, not in the address: {', '.join(names[:10])}.")
    known = {field.encode_name for field in msgspec.structs.fields(operation.input)}
    if unknown := [name for name in names if name not in known]:
        raise Invalid.unknown(unknown)
    if len(set(names)) != len(names):
        raise Invalid("The same parameter stands twice in the address.")


def _check_body(body: bytes, agent: Agent) -> None:
    if not body:
        return
    if body.startswith(b"\xef\xbb\xbf"):
        raise Invalid("Send the body without a byte order mark.")
    try:
        sent = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Invalid("The request body is not valid JSON.") from None
    if isinstance(sent, dict):
        _check_names([name.partition("[")[0] for name in sent], sent, agent)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _twice(pairs)
    return found


def _twice(pairs: list[tuple[str, Any]]) -> Invalid:
    seen: set[str] = set()
    double = next((name for name, _ in pairs if name in seen or seen.add(name)), "")  # type: ignore[func-returns-value]
    return Invalid(f"The attribute {double[:40]!r} stands twice in the body.")


def _check_names(names: list[str], values: Mapping[str, Any], agent: Agent) -> None:
    for name in names:
        if name in _OVERRIDES:
            raise Invalid(f"{name} is not taken: say the method itself.")
        if name in _NAMES_A_TEAM:
            raise other_team(name)
        if name in _IN_WHOSE_NAME and values.get(name) not in (None, "", agent.name, agent.known_as):
            raise Invalid.of({name: [f"must be {agent.name}, or left out: an agent acts in its own name"]})


def other_team(name: str) -> Invalid:
    """Why no team can be named, by the attribute in which one was."""
    return Invalid.of({name: ["cannot be chosen here: the token with which calls go on belongs to one team"]})


def _without_dry_run(query: bytes) -> bytes:
    kept = [part for part in query.split(b"&") if part.partition(b"=")[0] != DRY_RUN.encode()]
    return b"&".join(kept)


def _path(operation: Operation, route: Route, values: Mapping[str, str]) -> str:
    path = route.path
    for name in route.path_parameters:
        value = values[name]
        if not _PART.fullmatch(value):
            raise NotFound(operation.resource.type if operation.resource else operation.area, value[:64])
        path = path.replace("{" + name + "}", quote(value, safe=""))
    return path
