"""The command line: start Tocsin, hand out tokens, add people, make backups, and find out what is wrong."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from cyclopts import App, CycloptsError, Group, Parameter
from rich.console import Console
from rich.markup import escape

from tocsin import __version__
from tocsin.kernel.errors import TocsinError
from tocsin.runtime.options import OPTIONS
from tocsin.runtime.settings import OperatorError, Settings, SettingsError, load

if TYPE_CHECKING:
    from tocsin.runtime.administration import FirstSignIn
    from tocsin.runtime.foundation import Foundation

# Each command imports what it needs: `--help` and a mistyped flag answer at once, without loading a server.

BAD_USAGE = 2
"""Exit code when what was typed or set cannot be used; 1 is for what went wrong while doing it."""
MAX_PASSWORD_INPUT = 4096
"""Characters read from standard input; more is not a password."""

_err = Console(stderr=True, highlight=False, soft_wrap=True)
_boxes = Console(stderr=True, highlight=False)
"""Wraps: a box around one long line would cut it off."""
_main = Group("Settings", sort_key=10)
_more = Group("More settings", sort_key=20)

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


def _flag(name: str, group: Group = _main) -> Parameter:
    """The flag of an option, with its meaning, its variable and its default from the one place that has them."""
    option = OPTIONS[name]
    default = option.default_words or (
        str(option.default).lower() if isinstance(option.default, bool) else option.default
    )
    return Parameter(
        name=option.flag_name,
        help=f"{option.doc} [env: {option.environment_name}] [default: {default}]",
        group=group,
        show_default=False,
    )


Data = Annotated[str | None, _flag("data")]
DatabaseUrl = Annotated[str | None, _flag("database_url")]


@app.command
def serve(
    *,
    data: Data = None,
    host: Annotated[str | None, _flag("host")] = None,
    port: Annotated[str | None, _flag("port")] = None,
    database_url: DatabaseUrl = None,
    base_url: Annotated[str | None, _flag("base_url")] = None,
    smtp_url: Annotated[str | None, _flag("smtp_url")] = None,
    min_check_frequency: Annotated[str | None, _flag("min_check_frequency")] = None,
    twilio_account_sid: Annotated[str | None, _flag("twilio_account_sid", _more)] = None,
    twilio_from: Annotated[str | None, _flag("twilio_from", _more)] = None,
    twilio_messaging_service: Annotated[str | None, _flag("twilio_messaging_service", _more)] = None,
    twilio_machine_detection: Annotated[bool | None, _flag("twilio_machine_detection", _more)] = None,
    twilio_base_url: Annotated[str | None, _flag("twilio_base_url", _more)] = None,
    telegram_updates: Annotated[str | None, _flag("telegram_updates", _more)] = None,
    telegram_base_url: Annotated[str | None, _flag("telegram_base_url", _more)] = None,
    slack_base_url: Annotated[str | None, _flag("slack_base_url", _more)] = None,
    pages_per_hour: Annotated[str | None, _flag("pages_per_hour", _more)] = None,
    sms_per_day: Annotated[str | None, _flag("sms_per_day", _more)] = None,
    calls_per_day: Annotated[str | None, _flag("calls_per_day", _more)] = None,
    subscriber_mails_per_minute: Annotated[str | None, _flag("subscriber_mails_per_minute", _more)] = None,
    self_test_to: Annotated[str | None, _flag("self_test_to", _more)] = None,
    self_test_hours: Annotated[str | None, _flag("self_test_hours", _more)] = None,
    self_test_alarm: Annotated[str | None, _flag("self_test_alarm", _more)] = None,
    region: Annotated[str | None, _flag("region", _more)] = None,
    allow_private_targets: Annotated[bool | None, _flag("allow_private_targets", _more)] = None,
    dns_servers: Annotated[str | None, _flag("dns_servers", _more)] = None,
    chromium: Annotated[str | None, _flag("chromium", _more)] = None,
    browsers: Annotated[str | None, _flag("browsers", _more)] = None,
    inbound_smtp_port: Annotated[str | None, _flag("inbound_smtp_port", _more)] = None,
    inbound_smtp_host: Annotated[str | None, _flag("inbound_smtp_host", _more)] = None,
    inbound_smtp_certificate: Annotated[str | None, _flag("inbound_smtp_certificate", _more)] = None,
    inbound_email_domain: Annotated[str | None, _flag("inbound_email_domain", _more)] = None,
    inbound_email_max_bytes: Annotated[str | None, _flag("inbound_email_max_bytes", _more)] = None,
    trusted_proxies: Annotated[str | None, _flag("trusted_proxies", _more)] = None,
    status_snapshots: Annotated[str | None, _flag("status_snapshots", _more)] = None,
    status_snapshots_url: Annotated[str | None, _flag("status_snapshots_url", _more)] = None,
    log_format: Annotated[str | None, _flag("log_format", _more)] = None,
    log_level: Annotated[str | None, _flag("log_level", _more)] = None,
    first_team: Annotated[str | None, _flag("first_team", _more)] = None,
    admin_email: Annotated[str | None, _flag("admin_email", _more)] = None,
) -> None:
    """Run Tocsin: checks, pages, API and console in one process.

    A setting is taken from its flag, else from its environment variable, else from tocsin.toml (the file named by
    TOCSIN_CONFIG, or the one in this directory, or the one in the data directory), else from its default. Secrets have
    no flag, because flags show in the list of processes: set TOCSIN_SECRET_KEY (seals stored secrets; default: the file
    secret.key in the data directory) and TOCSIN_ADMIN_PASSWORD (first start only) in the environment or tocsin.toml.
    """
    settings = _settings(locals())
    from tocsin.runtime import server

    sys.exit(server.serve(settings, _announce))


@app.command(name="migrate")
def migrate_command(*, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Bring the database's tables up to this version. `serve` does it by itself; this is for doing it beforehand."""
    settings = _settings(locals())
    from tocsin.runtime.foundation import foundation
    from tocsin.storage.migrate import head, migrate

    with foundation(settings) as ground:
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
        _fail("Say whose token it is: --team NAME, or --global for every team.", BAD_USAGE)
    settings = _settings({"data": data, "database_url": database_url})
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    with foundation(settings) as ground:
        _make_current(ground)
        token = ground.database.submit_write(administration.create_token, team, everywhere=everywhere).result()
    if token.team_founded:
        _err.print(f"Founded the team {escape(str(team))}.")
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
        _fail(
            "Give the password on standard input: add --password-stdin (a flag would show it to everybody).", BAD_USAGE
        )
    password = sys.stdin.readline(MAX_PASSWORD_INPUT).rstrip("\r\n")
    settings = _settings({"data": data, "database_url": database_url})
    from tocsin.runtime import administration
    from tocsin.runtime.foundation import foundation

    with foundation(settings) as ground:
        _make_current(ground)
        user = ground.database.submit_write(administration.create_user, team, email, name, password).result()
    words = "was here already and keeps the old password; now also in" if user.known else "is now in"
    print(f"{user.email} {words} the team {team}{' (founded)' if user.team_founded else ''}.")


@app.command(name="doctor")
def doctor_command(*, data: Data = None, database_url: DatabaseUrl = None) -> None:
    """Say what is misconfigured and how to mend it. Exit code 1 when something is wrong.

    It reads the environment and tocsin.toml as serve does; flags that a running serve was given are unknown to it.
    """
    settings = _settings(locals())
    from tocsin.runtime import doctor

    findings = doctor.examine(settings)
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
    settings = _settings({"data": data, "database_url": database_url})
    from tocsin.runtime import foresight
    from tocsin.runtime.foundation import foundation
    from tocsin.runtime.playing import printed, question

    asked = question(monitor_id=monitor, heartbeat_id=heartbeat, policy_id=policy, at=at, away=away, down=down)
    with foundation(settings) as ground:
        _make_current(ground)
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
    settings = _settings({"data": data, "database_url": database_url})
    from tocsin.runtime import backup
    from tocsin.runtime.foundation import foundation

    with foundation(settings) as ground:
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
    settings = _settings({"data": data, "database_url": database_url})
    from tocsin.runtime import backup

    manifest = backup.restore(file, settings, replace=force)
    print(f"Restored {file} ({manifest.kind}, as of {manifest.created_at}).")


def main() -> NoReturn:
    """Run the command line; exit code 0 done, 1 failed, 2 bad usage or settings."""
    os.umask(0o077)  # whatever we write is its owner's alone
    try:
        app(error_console=_boxes, exit_on_error=False, print_error=True)
    except CycloptsError:
        sys.exit(BAD_USAGE)
    except SettingsError as error:
        _fail(str(error), BAD_USAGE)
    except (OperatorError, TocsinError) as error:
        _fail(str(error), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        _fail_for_the_database(error)
        raise
    sys.exit(0)


def _settings(given: dict[str, Any]) -> Settings:
    flags = {name: value for name, value in given.items() if name in OPTIONS}
    settings = load(flags, os.environ)
    from tocsin.runtime import logs

    logs.configure(settings.log_format, settings.log_level)
    return settings


def _make_current(ground: Foundation) -> None:
    """Migrate, unless a server runs: its tables are its own business."""
    from tocsin.runtime.data_directory import Lock, prepare
    from tocsin.storage.migrate import current, head, migrate

    if current(ground.database) == head():
        return
    with Lock(prepare(ground.settings.data)):
        migrate(ground.database)


def _announce(base_url: str, first: FirstSignIn | None) -> None:
    out = Console(highlight=False, soft_wrap=True)
    if first is None:
        out.print(f"Tocsin {__version__} listens on [bold]{base_url}[/]")
    else:
        out.rule("[bold]Welcome to Tocsin[/]", style="green")
        out.print("This is shown once. Keep it.\n")
        for label, value in (
            ("Console", base_url),
            ("Sign in", f"{first.email} (pages go there; the console's sign-in comes with a later release)"),
            ("Password", first.password),
            ("API token", first.token),
            ("Team", first.team),
        ):
            out.print(f"  {label:<10} [bold]{escape(value)}[/]")
        out.print(f"\n  API        {base_url}/api/v2/monitors  (reference: {base_url}/docs/api)")
        out.rule(style="green")
    sys.stdout.flush()


def _fail_for_the_database(error: Exception) -> None:
    """A database that is not there, or is damaged, is no bug of ours: say it in words."""
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, SQLAlchemyError):
        words = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        _fail(f"The database cannot be used ({words}). `tocsin doctor` says more.", 1)


def _fail(message: str, code: int) -> NoReturn:
    _err.print(f"[red]tocsin:[/] {escape(message)}")
    sys.exit(code)
