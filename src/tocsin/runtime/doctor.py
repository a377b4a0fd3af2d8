"""Looks an installation over and says what is wrong and how to mend it."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import resource
import shutil
import smtplib
import socket
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from tocsin.accounts import actions as accounts
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import ping_permission
from tocsin.runtime import foresight
from tocsin.runtime.browsers import state_of_browsers
from tocsin.runtime.channels import is_public
from tocsin.runtime.data_directory import KEY_FILE, DataDirectoryError, running
from tocsin.runtime.doctor_sign_on import sign_on
from tocsin.runtime.doctor_upstream import upstreams
from tocsin.runtime.finding import Finding
from tocsin.runtime.foundation import foundation
from tocsin.runtime.settings import Settings
from tocsin.status_pages import actions as status_pages
from tocsin.storage import Database, Tx
from tocsin.storage.migrate import current, head

MIN_FREE_BYTES = 1 << 30
"""A gigabyte: days of history of thousands of monitors; below it the day on which writes fail is near."""
MIN_FREE_BYTES_TO_WORK = 100 << 20
NETWORK_TIMEOUT_SECONDS = 5.0
MAX_SHORTCOMINGS = 20
"""That are listed; whoever mends these sees the next."""
MIN_FILES = 4096
"""File descriptors: one per check under way, one per connection, and some for ourselves."""
EARLIEST_PLAUSIBLE_YEAR = 2026
"""This version did not exist before; a clock that says so is wrong, and every certificate with it."""


def examine(settings: Settings) -> list[Finding]:
    """Everything, in the order in which it is best mended. Asks the network, each question with a time limit."""
    findings = [*_directory(settings), *_disk(settings), *_clock(), *_files()]
    if all(finding.state != "wrong" for finding in findings):
        findings += _database(settings)
    findings += [
        *_mail(settings),
        *_phones(settings),
        *_pager(settings),
        *_inbound_mail(settings),
        *_base_url(settings),
        *sign_on(settings),
        *upstreams(settings),
        *_names(),
        *_pings(),
    ]
    return [*findings, *_browsers(settings), *_running(settings)]


def _directory(settings: Settings) -> Iterator[Finding]:
    path = settings.data
    if not path.exists():
        yield Finding(
            "warning",
            "Data directory",
            f"{path} does not exist yet",
            "It is made at the first start; or give the right --data.",
        )
        return
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        yield Finding(
            "wrong", "Data directory", f"{path} is not ours to write", f"Give it to this user: chown -R $(id -u) {path}"
        )
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        yield Finding("wrong", "Data directory", f"others may look into {path} (mode {mode:04o})", f"chmod 700 {path}")
    else:
        yield Finding("ok", "Data directory", str(path))
    key = path / KEY_FILE
    if key.exists() and stat.S_IMODE(key.stat().st_mode) & 0o077:
        yield Finding("wrong", "Secret key", f"others may read {key}", f"chmod 600 {key}")
    elif not key.exists() and not settings.secret_key and any(path.glob("*.db")):
        yield Finding(
            "wrong",
            "Secret key",
            f"{key} is missing beside a database",
            "Put it back from a backup: sealed secrets need it.",
        )


def _disk(settings: Settings) -> Iterator[Finding]:
    path = settings.data if settings.data.exists() else Path()
    free = shutil.disk_usage(path).free
    words = f"{free / (1 << 30):.1f} GiB free"
    if free < MIN_FREE_BYTES_TO_WORK:
        yield Finding("wrong", "Disk", words, "Free some space now: writes are about to fail.")
    elif free < MIN_FREE_BYTES:
        yield Finding("warning", "Disk", words, "Free some space, or move --data to a larger disk.")
    else:
        yield Finding("ok", "Disk", words)


def _clock() -> Iterator[Finding]:
    now = SystemClock().now()
    if now.year < EARLIEST_PLAUSIBLE_YEAR:
        yield Finding(
            "wrong",
            "Clock",
            f"it says {now:%Y-%m-%d %H:%M} UTC",
            "Set the time, and turn on NTP (timedatectl set-ntp true).",
        )
    else:
        yield Finding("ok", "Clock", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def _files() -> Iterator[Finding]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < MIN_FILES:
        yield Finding(
            "warning",
            "Open files",
            f"at most {soft}, which also bounds the checks under way at once",
            f"ulimit -n {max(MIN_FILES, min(hard, 65_536))}, or LimitNOFILE= in the service's unit.",
        )
    else:
        yield Finding("ok", "Open files", f"at most {soft}")


def _database(settings: Settings) -> Iterator[Finding]:
    kind = "SQLite" if settings.storage_url.startswith("sqlite") else "PostgreSQL"
    if kind == "SQLite" and not _file_of(settings).exists():
        yield Finding("ok", "Database", f"{kind}, made at the first start")
        return
    try:
        with foundation(settings) as ground:
            revision = current(ground.database)
            if revision != head():
                yield Finding(
                    "wrong", "Database", f"its tables are at {revision or 'nothing'}, this version needs {head()}",
                    "Run `tocsin migrate`, or just start `tocsin serve`.",
                )  # fmt: skip
                return
            if kind == "SQLite":
                yield from _sound(_file_of(settings))
            yield Finding("ok", "Database", f"{kind}, at {revision}")
            yield from _people(ground.database)
            yield from _reachability(ground.database)
            yield from _status_pages(ground.database)
    except DataDirectoryError as error:
        yield Finding("wrong", "Database", "it was not opened", str(error))
    except (SQLAlchemyError, sqlite3.Error) as error:
        words = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        yield Finding(
            "wrong", "Database", f"{kind} does not answer: {words}", "Check --database-url and that the server runs."
        )


def _file_of(settings: Settings) -> Path:
    return Path(settings.storage_url.removeprefix("sqlite:///"))


def _sound(file: Path) -> Iterator[Finding]:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    try:
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    finally:
        connection.close()
    if answer != "ok":
        yield Finding("wrong", "Database", f"the file is damaged: {answer}", "Stop Tocsin and restore a backup.")


def _reachability(database: Database) -> Iterator[Finding]:
    """What would cost somebody a page one day; the API has all of it (`/api/v2/on-calls/warnings`)."""
    found = database.submit_read(foresight.shortcomings).result(NETWORK_TIMEOUT_SECONDS)
    for team, sentence in found[:MAX_SHORTCOMINGS]:
        yield Finding("warning", "Reachability", f"{team}: {sentence}")
    if len(found) > MAX_SHORTCOMINGS:
        more = len(found) - MAX_SHORTCOMINGS
        yield Finding("warning", "Reachability", f"and {more} more", "See GET /api/v2/on-calls/warnings.")


def _status_pages(database: Database) -> Iterator[Finding]:
    """What readers of status pages would stumble over."""
    found = database.submit_read(status_pages.shortcomings).result(NETWORK_TIMEOUT_SECONDS)
    for subdomain, sentence in found[:MAX_SHORTCOMINGS]:
        yield Finding("warning", "Status page", f"{subdomain}: {sentence}")


def _people(database: Database) -> Iterator[Finding]:
    def teams_with_members(tx: Tx) -> list[tuple[str, list[str]]]:
        return [(team.name, [user.email for user in accounts.members(tx, team.id)]) for team in accounts.all_teams(tx)]

    teams = database.submit_read(teams_with_members).result(NETWORK_TIMEOUT_SECONDS)
    if not teams:
        yield Finding("ok", "People", "nobody yet; the first start makes an administrator")
        return
    for name, emails in teams:
        if not emails:
            yield Finding(
                "wrong", f"Team {name}", "nobody is in it: its incidents page nobody",
                f'tocsin user create --team "{name}" --email … --name … --password-stdin',
            )  # fmt: skip
        for email in emails:
            if not email or email.endswith("@localhost"):
                yield Finding(
                    "warning", f"Team {name}", f"{email or 'no e-mail'}: hardly an address that wakes anybody",
                    "Add a person with a real address: tocsin user create --help",
                )  # fmt: skip
    yield Finding("ok", "People", f"{len({email for _, emails in teams for email in emails})} in {len(teams)} team(s)")


def _mail(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_url:
        yield Finding(
            "wrong",
            "Mail",
            "no mail server is set: pages wait and wake nobody",
            "Start with --smtp-url smtp://USER:PASSWORD@HOST:587",
        )
        return
    parts = urlsplit(settings.smtp_url)
    host, secure = parts.hostname or "", parts.scheme == "smtps"
    port = parts.port or (465 if secure else 587 if parts.username else 25)
    try:
        kind = smtplib.SMTP_SSL if secure else smtplib.SMTP
        with kind(host, port, timeout=NETWORK_TIMEOUT_SECONDS) as client:
            code, answer = client.ehlo()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding(
            "wrong",
            "Mail",
            f"{host}, port {port} does not answer: {error}",
            "Check --smtp-url, and that a firewall lets us out.",
        )
        return
    if code >= 400:
        yield Finding(
            "wrong", "Mail", f"{host} refused our EHLO: {code} {answer.decode(errors='replace')}", "Ask its operator."
        )
    else:
        yield Finding("ok", "Mail", f"{host}, port {port} answers")


def _phones(settings: Settings) -> Iterator[Finding]:
    """Whether text messages and calls would leave, and whether anybody could answer them."""
    if not (settings.twilio_account_sid or settings.twilio_auth_token or settings.twilio_from):
        yield Finding("ok", "Phones", "no text messages and no calls", "To have them: see docs/channels/sms.md")
        return
    needed = {
        "--twilio-account-sid": settings.twilio_account_sid,
        "TOCSIN_TWILIO_AUTH_TOKEN": settings.twilio_auth_token,
        "--twilio-from": settings.twilio_from or settings.twilio_messaging_service,
    }
    missing = [name for name, given in needed.items() if not given]
    if missing:
        yield Finding("wrong", "Phones", "the account at Twilio is set by half", f"Set {' and '.join(missing)} too.")
        return
    yield _account(settings)
    if not is_public(settings.base_url) and is_public(settings.twilio_base_url):
        yield Finding(
            "warning",
            "Phones",
            "Twilio cannot reach this Tocsin: no key answers a call, and nothing tells whether a message arrived",
            "Start with --base-url https://… under which it can be reached from outside.",
        )


def _account(settings: Settings) -> Finding:
    """Signs in at Twilio, which costs nothing."""
    sid, url = settings.twilio_account_sid, settings.twilio_base_url
    given = base64.b64encode(f"{sid}:{settings.twilio_auth_token}".encode()).decode()
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=NETWORK_TIMEOUT_SECONDS)
    try:
        path = f"{parts.path}/2010-04-01/Accounts/{sid}.json"
        connection.request("GET", path, headers={"Authorization": f"Basic {given}"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Finding("wrong", "Phones", f"{url} does not answer: {error}", "Check that a firewall lets us out.")
    finally:
        connection.close()
    if status != 200:
        words = f"{url} answers {status} for the account {sid}"
        return Finding("wrong", "Phones", words, "Check --twilio-account-sid and TOCSIN_TWILIO_AUTH_TOKEN.")
    return Finding("ok", "Phones", f"{url} knows the account {sid}")


def _pager(settings: Settings) -> Iterator[Finding]:
    """Whether anybody would notice that pages do not arrive."""
    tested = {part.strip().partition(":")[0].lower() for part in settings.self_test_to.split(",") if part.strip()}
    dumb = sorted(tested & {"sms", "call"}) if not settings.twilio_account_sid else []
    if dumb:
        words = f"{' and '.join(dumb)} is tried out every {settings.self_test_hours} h and cannot be sent"
        yield Finding("wrong", "Self-test", words, "Set TOCSIN_TWILIO_ACCOUNT_SID and its token, or take it out.")
    elif tested:
        yield Finding("ok", "Self-test", f"{', '.join(sorted(tested))}, every {settings.self_test_hours} h")
    else:
        yield Finding("ok", "Self-test", "the pager is not tried out", "TOCSIN_SELF_TEST_TO (see docs/paging.md)")
    words = "pressed every minute" if settings.dead_man_url else "none: if this machine dies, nobody hears of it"
    mend = "" if settings.dead_man_url else "TOCSIN_DEAD_MAN_URL (see docs/paging.md)"
    yield Finding("ok", "Dead-man's switch", words, mend)


def _inbound_mail(settings: Settings) -> Iterator[Finding]:
    if not settings.inbound_smtp_port:
        words = "not received: e-mail integrations and pings by e-mail stay silent"
        yield Finding("ok", "Inbound mail", words, "To receive it: --inbound-smtp-port 25 (see docs/inbound.md)")
        return
    domain = settings.mail_domain
    if "." not in domain:
        mend = "Set --inbound-email-domain to a domain whose MX record leads here."
        yield Finding("warning", "Inbound mail", f"addresses end in @{domain}, which nobody outside can reach", mend)
        return
    yield Finding("ok", "Inbound mail", f"received on port {settings.inbound_smtp_port} for @{domain}")


def _base_url(settings: Settings) -> Iterator[Finding]:
    if settings.base_url:
        host = urlsplit(settings.base_url).hostname or ""
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            yield Finding(
                "wrong", "Base URL", f"{host} has no address: links in mails lead nowhere", "Correct --base-url."
            )
            return
        yield Finding("ok", "Base URL", settings.base_url)
    elif settings.host not in ("127.0.0.1", "localhost", "::1"):
        yield Finding(
            "warning",
            "Base URL",
            "not set: links in mails lead to this machine only",
            "Start with --base-url https://…",
        )
    else:
        yield Finding("ok", "Base URL", f"http://{settings.host}:{settings.port} (this machine only)")


def _browsers(settings: Settings) -> Iterator[Finding]:
    """Nobody need have them: what is missing is wrong only when the operator named a program."""
    able, words = state_of_browsers(settings)
    if able:
        yield Finding("ok", "Browser checks", words)
    else:
        state: Literal["warning", "wrong"] = "wrong" if settings.chromium else "warning"
        yield Finding(state, "Browser checks", "cannot be made: monitors of the type playwright stay unknown", words)


def _pings() -> Iterator[Finding]:
    right = ping_permission()
    if right is None:
        yield Finding(
            "warning",
            "Pings",
            "cannot be sent: monitors of the type ping stay unknown",
            "sysctl -w net.ipv4.ping_group_range='0 2147483647' (and in /etc/sysctl.d, to keep it), or give the server "
            "CAP_NET_RAW: AmbientCapabilities= in its unit, --cap-add NET_RAW for a container.",
        )
    else:
        words = {"unprivileged": "allowed by net.ipv4.ping_group_range", "raw": "allowed by CAP_NET_RAW"}
        yield Finding("ok", "Pings", words[right])


def _names() -> Iterator[Finding]:
    async def look_up(name: str) -> None:
        async with asyncio.timeout(NETWORK_TIMEOUT_SECONDS):
            await asyncio.get_running_loop().getaddrinfo(name, 443)

    try:
        asyncio.run(look_up("example.com"))
    except TimeoutError:
        yield Finding(
            "wrong", "DNS", "no answer about example.com within 5 s", "Check /etc/resolv.conf, or set --dns-servers."
        )
    except OSError as error:
        yield Finding(
            "warning",
            "DNS",
            f"example.com cannot be resolved ({error.strerror})",
            "Public sites need it: see /etc/resolv.conf.",
        )
    else:
        yield Finding("ok", "DNS", "names are resolved")


def _running(settings: Settings) -> Iterator[Finding]:
    found = running(settings.data) if settings.data.exists() and os.access(settings.data, os.W_OK) else None
    if found is None:
        yield Finding("ok", "Server", "none is running on this data directory")
        return
    host = "127.0.0.1" if found.host in ("0.0.0.0", "::", "") else found.host  # noqa: S104 - compared, not bound
    try:
        status, body = _readyz(host, found.port or settings.port)
    except (OSError, http.client.HTTPException, ValueError) as error:
        yield Finding(
            "wrong",
            "Server",
            f"process {found.pid} runs, but {host}, port {found.port} does not answer ({error})",
            "See its log; restarting loses nothing.",
        )
        return
    if status == 200:
        yield Finding("ok", "Server", f"process {found.pid} is ready")
    for name, check in body.get("checks", {}).items():
        if not check.get("ok"):
            yield Finding("wrong", "Server", f"{name}: {check.get('why')}", "See its log; restarting loses nothing.")


def _readyz(host: str, port: int) -> tuple[int, dict[str, dict[str, dict[str, object]]]]:
    connection = http.client.HTTPConnection(host, port, timeout=NETWORK_TIMEOUT_SECONDS + 5)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read(1 << 20))
    finally:
        connection.close()
