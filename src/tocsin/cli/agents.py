"""The commands about agents: programs that act with grants of their own."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.markup import escape

from tocsin.cli.flags import BAD_USAGE, Data, DatabaseUrl, err, fail, make_current, settings

agent_app = App(name="agent", help="Agents: programs that act with grants of their own.")

AgentTeam = Annotated[str, Parameter(help="Team in which the agent acts.")]
AgentName = Annotated[str, Parameter(help="What it is called in the log and on incidents, e.g. Triage-bot.")]


@agent_app.command(name="create")
def agent_create(
    *,
    team: AgentTeam,
    name: AgentName,
    grant: Annotated[
        list[str], Parameter(consume_multiple=True, negative=(), help="AREA=LEVEL, e.g. incidents=read monitors=write.")
    ] = [],  # noqa: B006 - never changed
    allow: Annotated[
        list[str],
        Parameter(
            consume_multiple=True,
            negative=(),
            help="Risky acts that it may do by itself: acknowledge, resolve, page, publish, notify, delete.",
        ),
    ] = [],  # noqa: B006
    ask: Annotated[
        list[str], Parameter(consume_multiple=True, negative=(), help="Those that a person must approve each time.")
    ] = [],  # noqa: B006
    owner: Annotated[
        str | None, Parameter(help="E-mail address of the member who answers for it; else the team's first admin.")
    ] = None,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make an agent and print its token, alone, on standard output. What is not granted is denied.

    Areas: monitors, monitor_groups, heartbeats, incidents, on_call, policies, status_pages, metadata, integrations,
    webhooks, team, telemetry; levels: read, write, full. To acknowledge, resolve and page, reading incidents and the
    switch is enough. The token is stored as a fingerprint and cannot be shown again.
    """
    levels = {}
    for each in grant:
        area, found, level = each.partition("=")
        if not found:
            fail(f"--grant {each}: write AREA=LEVEL, e.g. --grant incidents=read", BAD_USAGE)
        levels[area] = level
    both = sorted(set(allow) & set(ask))
    if both:
        fail(f"{both[0]} is given with --allow and with --ask: choose one.", BAD_USAGE)
    switches = {**dict.fromkeys(allow, "on"), **dict.fromkeys(ask, "ask")}
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        make_current(ground)
        work = administration.create_agent
        made = ground.database.submit_write(work, team, name, levels, switches, owner).result()
    err.print(f"{escape(made.name)} is an agent of {escape(made.owner)}, in the team {escape(team)}.")
    print(made.secret)


@agent_app.command(name="list")
def agent_list(
    *, team: Annotated[str | None, Parameter(help="Of this team alone.")] = None, data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:  # fmt: skip
    """Show the agents, and what each may do."""
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        make_current(ground)
        found = ground.database.submit_read(administration.list_agents, team).result()
    out = Console(highlight=False, soft_wrap=True)
    for team_name, agent in found:
        state = f" [red]suspended by {escape(agent.suspended_by or '')}[/]" if agent.suspended_at else ""
        out.print(f"[bold]{escape(agent.name)}[/] ({escape(team_name)}){state}")
        for grant in agent.grants:
            levels = ", ".join(f"{area}={level.value}" for area, level in grant.levels.items()) or "nothing"
            switches = "".join(f", {act} {setting.value}" for act, setting in grant.switches.items())
            until = f" until {grant.expires_at:%Y-%m-%d %H:%M} UTC" if grant.expires_at else ""
            out.print(f"  {levels}{switches}{until}")
    if not found:
        out.print("There are no agents.")


@agent_app.command(name="token")
def agent_token(*, team: AgentTeam, name: AgentName, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Make one more token for an agent and print it, alone: to change over from an old one."""
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        make_current(ground)
        print(ground.database.submit_write(administration.new_agent_token, team, name).result())


@agent_app.command(name="suspend")
def agent_suspend(
    *,
    team: Annotated[str | None, Parameter(help="Its team; without --name, all agents of the team.")] = None,
    name: Annotated[str | None, Parameter(help="One agent.")] = None,
    everywhere: Annotated[bool, Parameter(name="--all", negative=(), help="Every agent of every team.")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Stop an agent, all agents of a team, or every agent: from now on they may do nothing. Takes effect at once."""
    if (team is None) is not everywhere or (name is not None and team is None):
        fail("Say which: --team NAME --name NAME, --team NAME for all of the team, or --all.", BAD_USAGE)
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        make_current(ground)
        stopped = ground.database.submit_write(administration.suspend_agents, team, name).result()
    print(f"Stopped {stopped} agent{'' if stopped == 1 else 's'}.")


@agent_app.command(name="resume")
def agent_resume(*, team: AgentTeam, name: AgentName, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Let a suspended agent go on."""
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        make_current(ground)
        ground.database.submit_write(administration.resume_agent, team, name).result()
    print(f"{name} goes on.")
