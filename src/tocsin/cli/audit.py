"""The commands about the audit log: verify it, watch it grow, take it away."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console

from tocsin.cli.flags import Data, DatabaseUrl, make_current, settings

audit_app = App(name="audit", help="The log of all that was done, refused and asked for.")

TeamName = Annotated[str | None, Parameter(help="Entries of this team alone.")]
AgentName = Annotated[str | None, Parameter(help="Entries of the agent of this name alone.")]


@audit_app.command(name="verify")
def audit_verify(
    *,
    expect: Annotated[
        list[str] | None,
        Parameter(
            help="A head that was printed earlier and kept elsewhere: POSITION:HASH, or strangers:POSITION:HASH."
        ),
    ] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Say whether every entry is as it was written, and which is not. Works beside a running server.

    Exit code 1 when an entry was changed, removed or inserted.
    """
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import evidence
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        make_current(ground)
        sound = evidence.verify(ground.database, expect or [], Console(highlight=False, soft_wrap=True))
    sys.exit(0 if sound else 1)


@audit_app.command(name="tail")
def audit_tail(
    *,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative=(), help="Go on until interrupted.")] = False,
    team: TeamName = None,
    agent: AgentName = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Print the newest sentences of the log, and with --follow every one that comes."""
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import evidence
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground, suppress(KeyboardInterrupt):
        make_current(ground)
        evidence.tail(ground.database, team, agent, follow=follow)


@audit_app.command(name="export")
def audit_export(
    *,
    form: Annotated[Literal["ndjson", "csv"], Parameter(name="--format", help="ndjson or csv.")] = "ndjson",
    after: Annotated[int, Parameter(help="The position of the last entry that you have already.")] = 0,
    team: TeamName = None,
    agent: AgentName = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Write all sealed entries to standard output, in the order of the chain."""
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import evidence
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        make_current(ground)
        evidence.export(ground.database, team, agent, after, form)
