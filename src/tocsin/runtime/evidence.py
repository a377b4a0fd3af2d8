"""The audit log at a terminal: verify it, watch it grow, take it away."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from tocsin.accounts import actions as accounts
from tocsin.gateway.api import audit_log
from tocsin.gateway.audit import reading, verifying
from tocsin.kernel.clock import to_wire
from tocsin.runtime.settings import OperatorError
from tocsin.storage import Database, Tx

SHOWN_FIRST = 20
"""Sentences of the past that `tail` begins with."""
LOOK_SECONDS = 0.5
"""How often `tail --follow` looks; entries are sealed about once a second."""
AT_ONCE = 500
"""Entries read in one transaction."""


def verify(database: Database, expect: Sequence[str], out: Console) -> bool:
    """Print what the log is worth; True when all of it is as it was written."""
    try:
        expected = [verifying.Expected.of(text) for text in expect]
    except ValueError as error:
        raise OperatorError(str(error)) from None
    verdict = verifying.verify(database, expected)
    for walk in verdict.walks:
        known = walk.ends
        if known is None or not known.head_position:
            out.print(f"{walk.name}: nothing is sealed yet.")
            continue
        gone = f", {known.first_position - 1} before them are past their time" if known.first_position > 1 else ""
        out.print(f"{walk.name}: {walk.entries} entries{gone}; it ends at {known.head_position}:{known.head_hash}")
    if verdict.waiting:
        out.print(f"{verdict.waiting} more are written and marked, and get their place within about a second.")
    if verdict.older:
        out.print(f"{verdict.older} are older than the chain: nothing vouches for them.")
    found = verdict.all_findings
    for words in found:
        out.print(f"[red]{escape(words)}[/]")
    if found:
        out.print("\n[red]The audit log is not as it was written.[/]")
    else:
        heads = [f"{walk.ends.head_position}:{walk.ends.head_hash}" for walk in verdict.walks[:1] if walk.ends]
        kept = f" Keep {heads[0]} elsewhere: --expect proves later that nothing was cut off." if heads else ""
        out.print(f"\nEvery entry is as it was written.{kept}")
    return not found


def tail(database: Database, team: str | None, agent: str | None, *, follow: bool) -> None:
    """Print the newest sentences; with `follow`, go on until interrupted."""
    wanted = database.submit_read(_wanted, team, agent).result()
    lines, _ = database.submit_read(reading.page, wanted, page=1, per_page=SHOWN_FIRST).result()
    after = database.submit_read(reading.head).result()
    for line in reversed(lines):
        if line.position is not None or not follow:
            _say(line)
    while follow:
        time.sleep(LOOK_SECONDS)
        more = database.submit_read(reading.following, wanted, after=after, limit=AT_ONCE).result()
        for line in more:
            _say(line)
        after = more[-1].position or after if more else after


def export(database: Database, team: str | None, agent: str | None, after: int, form: str) -> None:
    """Write sealed entries to standard output, in the order of the chain, to the end."""
    wanted = database.submit_read(_wanted, team, agent).result()
    first = True
    while True:
        part, last, count = database.submit_read(_part, wanted, after, form, heading=first).result()
        sys.stdout.buffer.write(part)
        if count < AT_ONCE:
            sys.stdout.buffer.flush()
            return
        after, first = last, False


def _part(tx: Tx, wanted: reading.Wanted, after: int, form: str, *, heading: bool) -> tuple[bytes, int, int]:
    lines = list(audit_log.exported(tx, wanted, after=after, at_most=AT_ONCE))
    name_of = audit_log.team_names(tx)
    if form == "csv":
        written = audit_log.csv_of(iter(lines), name_of, heading=heading)
    else:
        written = b"".join(audit_log.ndjson_line(line, name_of(line.team_id)) for line in lines)
    return written, (lines[-1].position or after) if lines else after, len(lines)


def _wanted(tx: Tx, team: str | None, agent: str | None) -> reading.Wanted:
    found = None if team is None else accounts.team_by_name(tx, team)
    if team is not None and found is None:
        raise OperatorError(f"There is no team '{team}'.")
    return reading.Wanted(team_ids=None if found is None else (found.id,), agent_name=agent)


def _say(line: reading.Line) -> None:
    print(f"{to_wire(line.at)}  {line.sentence}", flush=True)
