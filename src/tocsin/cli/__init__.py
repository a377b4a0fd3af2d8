"""The command line: start Tocsin, hand out tokens, add people, make backups, and find out what is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console
from rich.markup import escape

from tocsin import __version__
from tocsin.cli.agents import agent_app
from tocsin.cli.audit import audit_app
from tocsin.cli.flags import BAD_USAGE, Data, DatabaseUrl, err, fail, flag, make_current, more_group, settings
from tocsin.kernel.errors import TocsinError
from tocsin.runtime.settings import OperatorError, SettingsError

if TYPE_CHECKING:
    from tocsin.runtime.administration import FirstSignIn

# Each command imports what it needs: `--help` and a mistyped flag answer at once, without loading a server.

MAX_PASSWORD_INPUT = 4096
"""Characters read from standard input; more is not a password."""

_boxes = Console(stderr=True, highlight=False)
"""Wraps: a box around one long line would cut it off."""
app = App(
    name="tocsin",
    version=f"tocsin {__version__}",
    help="Watches your sites, wakes the right person when one breaks, and tells your customers the truth about it.",
    help_epilogue="Every setting can also stand in the environment or in a tocsin.toml: see `tocsin serve --help`.",
    help_format="markdown",
    version_flags=["--version"],
)
token_app = App(name="token", help="API tokens.")
user_app = App(name="user", help="People.")
app.command(token_app)
app.command(user_app)
app.command(agent_app)
app.command(audit_app)


@app.command
def serve(
    *,
    data: Data = None,
    host: Annotated[str | None, flag("host")] = None,
    port: Annotated[str | None, flag("port")] = None,
    database_url: DatabaseUrl = None,
    base_url: Annotated[str | None, flag("base_url")] = None,
    smtp_url: Annotated[str | None, flag("smtp_url")] = None,
    min_check_frequency: Annotated[str | None, flag("min_check_frequency")] = None,
    twilio_account_sid: Annotated[str | None, flag("twilio_account_sid", more_group)] = None,
    twilio_from: Annotated[str | None, flag("twilio_from", more_group)] = None,
    twilio_messaging_service: Annotated[str | None, flag("twilio_messaging_service", more_group)] = None,
    twilio_machine_detection: Annotated[bool | None, flag("twilio_machine_detection", more_group)] = None,
    twilio_base_url: Annotated[str | None, flag("twilio_base_url", more_group)] = None,
    telegram_updates: Annotated[str | None, flag("telegram_updates", more_group)] = None,
    telegram_base_url: Annotated[str | None, flag("telegram_base_url", more_group)] = None,
    slack_base_url: Annotated[str | None, flag("slack_base_url", more_group)] = None,
    pages_per_hour: Annotated[str | None, flag("pages_per_hour", more_group)] = None,
    sms_per_day: Annotated[str | None, flag("sms_per_day", more_group)] = None,
    calls_per_day: Annotated[str | None, flag("calls_per_day", more_group)] = None,
    subscriber_mails_per_minute: Annotated[str | None, flag("subscriber_mails_per_minute", more_group)] = None,
    self_test_to: Annotated[str | None, flag("self_test_to", more_group)] = None,
    self_test_hours: Annotated[str | None, flag("self_test_hours", more_group)] = None,
    self_test_alarm: Annotated[str | None, flag("self_test_alarm", more_group)] = None,
    upstream: Annotated[str | None, flag("upstream", more_group)] = None,
    upstream_token_file: Annotated[str | None, flag("upstream_token_file", more_group)] = None,
    region: Annotated[str | None, flag("region", more_group)] = None,
    allow_private_targets: Annotated[bool | None, flag("allow_private_targets", more_group)] = None,
    dns_servers: Annotated[str | None, flag("dns_servers", more_group)] = None,
    chromium: Annotated[str | None, flag("chromium", more_group)] = None,
    browsers: Annotated[str | None, flag("browsers", more_group)] = None,
    inbound_smtp_port: Annotated[str | None, flag("inbound_smtp_port", more_group)] = None,
    inbound_smtp_host: Annotated[str | None, flag("inbound_smtp_host", more_group)] = None,
    inbound_smtp_certificate: Annotated[str | None, flag("inbound_smtp_certificate", more_group)] = None,
    inbound_email_domain: Annotated[str | None, flag("inbound_email_domain", more_group)] = None,
    inbound_email_max_bytes: Annotated[str | None, flag("inbound_email_max_bytes", more_group)] = None,
    trusted_proxies: Annotated[str | None, flag("trusted_proxies", more_group)] = None,
    status_snapshots: Annotated[str | None, flag("status_snapshots", more_group)] = None,
    status_snapshots_url: Annotated[str | None, flag("status_snapshots_url", more_group)] = None,
    oidc_issuer: Annotated[str | None, flag("oidc_issuer", more_group)] = None,
    oidc_client_id: Annotated[str | None, flag("oidc_client_id", more_group)] = None,
    oidc_name: Annotated[str | None, flag("oidc_name", more_group)] = None,
    oidc_domains: Annotated[str | None, flag("oidc_domains", more_group)] = None,
    oidc_team: Annotated[str | None, flag("oidc_team", more_group)] = None,
    oidc_role: Annotated[str | None, flag("oidc_role", more_group)] = None,
    oidc_required: Annotated[bool | None, flag("oidc_required", more_group)] = None,
    log_format: Annotated[str | None, flag("log_format", more_group)] = None,
    log_level: Annotated[str | None, flag("log_level", more_group)] = None,
    first_team: Annotated[str | None, flag("first_team", more_group)] = None,
    admin_email: Annotated[str | None, flag("admin_email", more_group)] = None,
) -> None:
    """Run Tocsin: checks, pages, API and console in one process.

    A setting is taken from its flag, else from its environment variable, else from tocsin.toml (the file named by
    TOCSIN_CONFIG, or the one in this directory, or the one in the data directory), else from its default. Secrets have
    no flag, because flags show in the list of processes: set TOCSIN_SECRET_KEY (seals stored secrets; default: the file
    secret.key in the data directory) and TOCSIN_ADMIN_PASSWORD (first start only) in the environment or tocsin.toml.
    """
    chosen = settings(locals())
    from tocsin.runtime import server

    sys.exit(server.serve(chosen, _announce))


@app.command(name="migrate")
def migrate_command(*, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database's tables up to this version. `serve` does it by itself; this is for doing it beforehand."""
    chosen = settings(locals())
    from tocsin.runtime.foundation import foundation
    from tocsin.storage.migrate import head, migrate

    with foundation(chosen) as ground:
        applied = migrate(ground.database)
    print(f"Applied {', '.join(applied)}." if applied else f"Nothing to do: the database is at {head()}.")


@token_app.command(name="create")
def token_create(
    *,
    team: Annotated[
        str | None, Parameter(help="Team whose token it is; founded when there is none of that name.")
    ] = None,
    everywhere: Annotated[
        bool, Parameter(name="--global", negative=(), help="A token for every team (callers then name the team).")
    ] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Make an API token and print it, alone, on standard output. Works beside a running server.

    It is stored as a fingerprint and cannot be shown again.
    """
    if team is None and not everywhere:
        fail("Say whose token it is: --team NAME, or --global for every team.", BAD_USAGE)
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        make_current(ground)
        token = ground.database.submit_write(administration.create_token, team, everywhere=everywhere).result()
    if token.team_founded:
        err.print(f"Founded the team {escape(str(team))}.")
    print(token.secret)


@user_app.command(name="create")
def user_create(
    *,
    team: Annotated[str, Parameter(help="Team they join; founded when there is none of that name.")],
    email: Annotated[str, Parameter(help="Where they are paged, and what they sign in with.")],
    name: Annotated[str, Parameter(help='Their full name, e.g. "Ann Lee".')],
    password_stdin: Annotated[
        bool,
        Parameter(
            name="--password-stdin", negative=(), help="Read the password from the first line of standard input."
        ),
    ] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Add a person to a team; from then on they are paged. Works beside a running server."""
    if not password_stdin:
        fail(
            "Give the password on standard input: add --password-stdin (a flag would show it to everybody).", BAD_USAGE
        )
    password = sys.stdin.readline(MAX_PASSWORD_INPUT).rstrip("\r\n")
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        make_current(ground)
        user = ground.database.submit_write(administration.create_user, team, email, name, password).result()
    words = "was here already and keeps the old password; now also in" if user.known else "is now in"
    print(f"{user.email} {words} the team {team}{' (founded)' if user.team_founded else ''}.")


@user_app.command(name="reset-password")
def user_reset_password(
    *,
    email: Annotated[str, Parameter(help="What they sign in with.")],
    password_stdin: Annotated[
        bool,
        Parameter(
            name="--password-stdin", negative=(), help="Read the password from the first line of standard input."
        ),
    ] = False,
    remove_second_factors: Annotated[
        bool,
        Parameter(negative=(), help="Also remove their authenticator, passkeys and recovery codes, if all are lost."),
    ] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Give somebody a new password, and sign them out everywhere. Works beside a running server."""
    if not password_stdin:
        fail(
            "Give the password on standard input: add --password-stdin (a flag would show it to everybody).", BAD_USAGE
        )
    password = sys.stdin.readline(MAX_PASSWORD_INPUT).rstrip("\r\n")
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.accounts.actions import hash_password
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    hash = hash_password(password)
    with foundation(chosen) as ground:
        make_current(ground)
        work = administration.reset_password
        told = ground.database.submit_write(work, email, hash, remove_second_factors=remove_second_factors).result()
    address, ended, removed = told
    gone = " Second factors are removed." if removed else ""
    print(f"{address} has a new password; {ended} session{'' if ended == 1 else 's'} ended.{gone}")


@app.command(name="doctor")
def doctor_command(
    *,
    data: Data = None,
    database_url: DatabaseUrl = None,
    upstream: Annotated[str | None, flag("upstream")] = None,
    upstream_token_file: Annotated[str | None, flag("upstream_token_file")] = None,
) -> None:
    """Say what is misconfigured and how to mend it. Exit code 1 when something is wrong.

    It reads the environment and tocsin.toml as serve does; flags that a running serve was given are unknown to it.
    """
    chosen = settings(locals())
    from tocsin.runtime import doctor

    findings = doctor.examine(chosen)
    marks = {"ok": "[green]ok[/]     ", "warning": "[yellow]warning[/]", "wrong": "[red]wrong[/]  "}
    out = Console(highlight=False, soft_wrap=True)
    for finding in findings:
        out.print(f"{marks[finding.state]}  [bold]{escape(finding.subject)}[/]: {escape(finding.words)}")
        if finding.mend:
            out.print(f"         → {escape(finding.mend)}")
    wrong = sum(finding.state == "wrong" for finding in findings)
    out.print(f"\n{wrong} wrong, {sum(finding.state == 'warning' for finding in findings)} to look at.")
    sys.exit(1 if wrong else 0)


@app.command(name="simulate")
def simulate_command(
    *,
    monitor: Annotated[int | None, Parameter(help="Id of the monitor that fails.")] = None,
    heartbeat: Annotated[int | None, Parameter(help="Id of the heartbeat that stays silent.")] = None,
    policy: Annotated[int | None, Parameter(help="Id of the policy of an incident that somebody reports.")] = None,
    at: Annotated[str | None, Parameter(help="When, e.g. 2026-12-24T03:00:00Z; now when it is not said.")] = None,
    away: Annotated[str | None, Parameter(help="E-mail addresses of people who could not answer, by commas.")] = None,
    down: Annotated[str | None, Parameter(help="Channels whose messages all fail, by commas: sms,call.")] = None,
    json: Annotated[bool, Parameter(name="--json", negative=(), help="Print what the API would answer.")] = False,
    data: Data = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Say who would be paged, how and at what minute. Exit code 1 when nobody who could answer would hear of it.

    Sends nothing and changes nothing; works beside a running server, e.g. to check a rotation before it is merged.
    """
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import foresight
    from tocsin.runtime.foundation import foundation
    from tocsin.runtime.playing import printed, question

    asked = question(monitor_id=monitor, heartbeat_id=heartbeat, policy_id=policy, at=at, away=away, down=down)
    with foundation(chosen) as ground:
        make_current(ground)
        answer = ground.database.submit_read(foresight.simulated, asked).result()
    printed(answer, Console(highlight=False), json=json)
    sys.exit(0 if answer.first_answer is not None else 1)


@app.command(name="backup")
def backup_command(file: Path, /, *, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Write one consistent copy of everything, with the secret key, to FILE. The server may be running.

    Parameters
    ----------
    file
        Where to; replaced when it exists. Keep it as safe as the data itself (mode 0600): it opens every sealed secret.
    """
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import backup
    from tocsin.runtime.foundation import foundation

    with foundation(chosen) as ground:
        manifest = backup.backup(ground.database, ground.key, file.absolute())
    size = file.stat().st_size
    print(f"{file}: {size:,} bytes, {manifest.kind}, as of {manifest.created_at}.")


@app.command(name="restore")
def restore_command(
    file: Path,
    /,
    *,
    data: Data = None,
    database_url: DatabaseUrl = None,
    force: Annotated[bool, Parameter(negative=(), help="Replace what is there.")] = False,
) -> None:
    """Bring back what `backup` wrote. Refused while a server runs, and where records are already (but see --force).

    Parameters
    ----------
    file
        A backup made by `tocsin backup`.
    """
    chosen = settings({"data": data, "database_url": database_url})
    from tocsin.runtime import backup

    manifest = backup.restore(file, chosen, replace=force)
    print(f"Restored {file} ({manifest.kind}, as of {manifest.created_at}).")


def main() -> NoReturn:
    """Run the command line; exit code 0 done, 1 failed, 2 bad usage or settings."""
    os.umask(0o077)  # whatever we write is its owner's alone
    try:
        app(error_console=_boxes, exit_on_error=False, print_error=True)
    except CycloptsError:
        sys.exit(BAD_USAGE)
    except SettingsError as error:
        fail(str(error), BAD_USAGE)
    except (OperatorError, TocsinError) as error:
        fail(str(error), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        _fail_for_the_database(error)
        raise
    sys.exit(0)


def _announce(base_url: str, first: FirstSignIn | None) -> None:
    out = Console(highlight=False, soft_wrap=True)
    if first is None:
        out.print(f"Tocsin {__version__} listens on [bold]{base_url}[/]")
    else:
        out.rule("[bold]Welcome to Tocsin[/]", style="green")
        out.print("This is shown once. Keep it.\n")
        for label, value in (
            ("Set up", f"{base_url}/set-up/{first.set_up}"),
            ("Sign in", f"{first.email} at {base_url}/sign-in"),
            ("Password", first.password),
            ("API token", first.token),
            ("Team", first.team),
        ):
            out.print(f"  {label:<10} [bold]{escape(value)}[/]")
        out.print("\n  Open the set-up address to give your name, address and password: it works once, for a day.")
        out.print(f"  API        {base_url}/api/v2/monitors  (reference: {base_url}/docs/api)")
        out.rule(style="green")
    sys.stdout.flush()


def _fail_for_the_database(error: Exception) -> None:
    """A database that is not there, or is damaged, is no bug of ours: say it in words."""
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, SQLAlchemyError):
        words = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        fail(f"The database cannot be used ({words}). `tocsin doctor` says more.", 1)
