"""What people may ask of the audit log: find entries, look at one, take all of them away."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.accounts import actions as accounts
from tocsin.gateway.audit import reading, verifying
from tocsin.gateway.audit.reading import Line, Wanted
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx

MAX_EXPORTED = 5_000
"""Entries of one export: the next begins after the last position."""
MAX_CHECKED = 5_000
STEP = 500
"""Entries read at once."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a text begins that a spreadsheet would take for a formula."""


class EntryAttributes(msgspec.Struct):
    """One entry: who did what to what, through which surface, and what came of it."""

    at: str
    sentence: str
    outcome: str
    """allowed, denied, asked, failed or ambiguous."""
    reason: str
    rule: str | None
    """Which rule decided, e.g. `grant 12`."""
    result: str | None
    """ok, error or ambiguous; null = nothing was tried."""
    operation: str
    area: str | None
    target: str | None
    target_name: str | None
    surface: str
    actor_kind: str
    actor_id: str | None
    actor_name: str
    owner_name: str | None
    credential_hint: str | None
    """The last characters of the token."""
    client_name: str | None
    client_address: str | None
    arguments: dict[str, Any]
    """Without secrets."""
    arguments_hash: str | None
    """Equal for equal arguments, also where they are hidden or cut."""
    approval_id: str | None
    approved_by: str | None
    latency_ms: int | None
    request_id: str
    position: int | None
    """Its place in the chain; null = it comes within about a second, or the entry is older than the chain."""
    previous_hash: str | None
    hash: str | None


class Entries(msgspec.Struct, kw_only=True):
    """Which entries."""

    actor: str | UnsetType = UNSET
    """Part of the name of whoever did it."""
    actor_kind: str | UnsetType = UNSET
    """E.g. `agent`, `person` or `token`."""
    agent_id: int | UnsetType = UNSET
    operation: str | UnsetType = UNSET
    """E.g. `incidents.acknowledge`."""
    outcome: str | UnsetType = UNSET
    surface: str | UnsetType = UNSET
    """E.g. `rest`, `mcp` or `link`."""
    from_: str | UnsetType = msgspec.field(name="from", default=UNSET)
    """A day or an instant."""
    to: str | UnsetType = UNSET
    """A day or an instant; it is taken in."""
    target: str | UnsetType = UNSET
    """E.g. `incident 4821`."""
    text: str | UnsetType = UNSET
    """Part of the sentence."""


class EntriesWanted(Entries, kw_only=True):
    """A page of entries."""

    page: int = 1
    per_page: int = 50


class ExportWanted(Entries, kw_only=True):
    """A stretch of the log, in the order of its chain."""

    after: int = 0
    """The position of the last entry that is there already."""


class Check(msgspec.Struct, kw_only=True):
    """How many of the newest entries."""

    entries: int = 500


class Checked(msgspec.Struct, kw_only=True):
    """Whether the newest entries stand as they were written. `tocsin audit verify` walks all of them."""

    sound: bool
    entries: int
    """How many were looked at, of all teams."""
    first_position: int | None
    head_position: int | None
    head_hash: str | None
    """Keep it elsewhere with its position: then nobody can cut off the end unnoticed."""
    findings: list[str]


class ById(msgspec.Struct, kw_only=True):
    """One entry."""

    id: int


def _wanted(call: Call, input: Entries) -> Wanted:
    def given(value: Any) -> Any:
        return None if value is UNSET else value

    return Wanted(
        team_ids=call.team_ids,
        actor=given(input.actor),
        actor_kind=given(input.actor_kind),
        agent_id=given(input.agent_id),
        operation=given(input.operation),
        outcome=given(input.outcome),
        surface=given(input.surface),
        since=None if input.from_ is UNSET else _instant("from", str(input.from_), end=False),
        until=None if input.to is UNSET else _instant("to", str(input.to), end=True),
        target=given(input.target),
        text=given(input.text),
    )


def _instant(field: str, text: str, *, end: bool) -> datetime:
    try:
        found = datetime.fromisoformat(text.strip())
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        if end and re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text.strip()):
            found += timedelta(days=1) - timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise Invalid.of({field: ["is no date: use YYYY-MM-DD or an ISO 8601 instant"]}) from None
    return found


def _list(tx: Tx, call: Call, input: EntriesWanted) -> Page[Line]:
    found, total = reading.page(tx, _wanted(call, input), page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _get(tx: Tx, call: Call, input: ById) -> Line:
    return reading.find(tx, input.id, call.team_ids)


def _verify(tx: Tx, call: Call, input: Check) -> Checked:
    if not 1 <= input.entries <= MAX_CHECKED:
        raise Invalid.fields(entries=f"must be 1 to {MAX_CHECKED}")
    walk = verifying.recent(tx, input.entries)
    known = walk.ends
    return Checked(
        sound=not walk.findings,
        entries=walk.entries,
        first_position=None if known is None else max(known.first_position, known.head_position - input.entries + 1),
        head_position=None if known is None else known.head_position,
        head_hash=None if known is None else known.head_hash,
        findings=walk.findings,
    )


def render(line: Line) -> EntryAttributes:
    """An entry as it is shown."""
    values = {name: getattr(line, name) for name in EntryAttributes.__struct_fields__}
    values["at"] = to_wire(line.at)
    values["actor_id"] = None if line.actor_id is None else str(line.actor_id)
    values["arguments"] = dict(line.arguments)
    return EntryAttributes(**values)


def exported(tx: Tx, wanted: Wanted, *, after: int, at_most: int = MAX_EXPORTED) -> Iterator[Line]:
    """Sealed entries in the order of the chain, read a few at a time."""
    left = at_most
    while left > 0:
        lines = reading.following(tx, wanted, after=after, limit=min(STEP, left))
        yield from lines
        if len(lines) < min(STEP, left):
            return
        after, left = lines[-1].position or 0, left - len(lines)


def ndjson_line(line: Line, team_name: str | None) -> bytes:
    """One entry as a line of JSON."""
    said = {"id": str(line.id), "team_name": team_name, **msgspec.structs.asdict(render(line))}
    return msgspec.json.encode(said) + b"\n"


def csv_of(lines: Iterator[Line], name_of: Callable[[int | None], str | None], *, heading: bool = True) -> bytes:
    """Entries as a table (RFC 4180, UTF-8)."""
    text = io.StringIO()
    writer = csv.writer(text)
    if heading:
        writer.writerow(["id", "team_name", *EntryAttributes.__struct_fields__])
    for line in lines:
        shown = msgspec.structs.asdict(render(line))
        shown["arguments"] = msgspec.json.encode(shown["arguments"]).decode()
        values = [line.id, name_of(line.team_id), *shown.values()]
        writer.writerow([_cell(value) for value in values])
    return text.getvalue().encode()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def team_names(tx: Tx) -> Callable[[int | None], str | None]:
    """Finds the name of a team, each once."""
    known: dict[int | None, str | None] = {None: None}

    def name_of(id: int | None) -> str | None:
        if id not in known:
            assert id is not None
            try:
                known[id] = accounts.team(tx, id).name
            except NotFound:
                known[id] = None
        return known[id]

    return name_of


def _ndjson(tx: Tx, call: Call, input: ExportWanted) -> bytes:
    name_of = team_names(tx)
    lines = exported(tx, _wanted(call, input), after=input.after)
    return b"".join(ndjson_line(line, name_of(line.team_id)) for line in lines)


def _csv(tx: Tx, call: Call, input: ExportWanted) -> bytes:
    return csv_of(exported(tx, _wanted(call, input), after=input.after), team_names(tx))


ENTRY = Resource(
    type=reading.TYPE,
    attributes=EntryAttributes,
    render=render,
    doc="One line of the audit log: a sentence, and the evidence behind it.",
)
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="audit_log.list", tool_name="audit_log", routes=(Route("GET", "/api/v2/audit-log"),), area="team",
        level="read", input=EntriesWanted, handler=_list, resource=ENTRY, answer="list", scope=Scope.LIST,
        people_only=True, doc="List what was done, refused and asked for, newest first.", deed="read the audit log",
    ),
    Operation(
        name="audit_log.get", tool_name="audit_log_entry", routes=(Route("GET", "/api/v2/audit-log/{id}"),),
        area="team", level="read", input=ById, handler=_get, resource=ENTRY, people_only=True,
        doc="Get one entry of the audit log.", deed="read an entry of the audit log",
    ),
    Operation(
        name="audit_log.verify", routes=(Route("GET", "/api/v2/audit-log-check"),), area="team", level="read",
        input=Check, handler=_verify, answer="flat", flat=Checked, scope=Scope.LIST, people_only=True,
        doc="Check that the newest entries of the audit log stand as they were written.", deed="checked the audit log",
    ),
    Operation(
        name="audit_log.export", routes=(Route("GET", "/api/v2/audit-log.ndjson"),), area="team", level="read",
        input=ExportWanted, handler=_ndjson, answer="flat", scope=Scope.LIST, people_only=True,
        media="application/x-ndjson", filename="audit-log.ndjson",
        doc="Download up to 5,000 entries after a position as lines of JSON.", deed="exported the audit log",
    ),
    Operation(
        name="audit_log.export_csv", routes=(Route("GET", "/api/v2/audit-log.csv"),), area="team", level="read",
        input=ExportWanted, handler=_csv, answer="flat", scope=Scope.LIST, people_only=True, media="text/csv",
        filename="audit-log.csv",
        doc="Download up to 5,000 entries after a position as a table.", deed="exported the audit log",
    ),
)  # fmt: skip
