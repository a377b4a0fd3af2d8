"""One running Tocsin's settings, read from flags, environment and tocsin.toml, and checked."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from tocsin.runtime.options import ENVIRONMENT_PREFIX, OPTIONS, Option

CONFIG_FILE = "tocsin.toml"
CONFIG_VARIABLE = "TOCSIN_CONFIG"
NEAR_MISS = 0.85
"""How alike (0 to 1, difflib) an unknown variable's name must be to count as a typing error."""
MAX_CONFIG_BYTES = 1 << 20
"""More than a megabyte is not a settings file."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One running Tocsin's settings, checked. Field names are the options' names."""

    data: Path
    host: str
    port: int
    database_url: str
    base_url: str
    """Without a trailing slash. Empty = derived from host and port once the port is known."""
    smtp_url: str
    min_check_frequency: int
    twilio_account_sid: str
    """Empty = no text messages and no calls."""
    twilio_auth_token: str
    twilio_from: str
    twilio_messaging_service: str
    twilio_machine_detection: bool
    twilio_base_url: str
    telegram_bot_token: str
    """Empty = only targets that bring a bot of their own."""
    telegram_updates: Literal["polling", "webhook", "off"]
    telegram_base_url: str
    pushover_app_token: str
    slack_base_url: str
    pages_per_hour: int
    sms_per_day: int
    calls_per_day: int
    subscriber_mails_per_minute: int
    self_test_to: str
    """Empty = the pager is not tried out."""
    self_test_hours: int
    self_test_alarm: str
    dead_man_url: str
    """Empty = nobody outside is told that pages move here."""
    upstream: str
    """Empty = agents work here."""
    upstream_token_file: Path | None
    upstreams: dict[str, tuple[str, Path]]
    """By team: address and token file."""
    region: str
    allow_private_targets: bool
    dns_servers: tuple[str, ...]
    chromium: str
    """Empty = the first that is found."""
    browsers: int
    inbound_smtp_port: int
    """0 = no mail is received."""
    inbound_smtp_host: str
    inbound_smtp_certificate: Path | None
    inbound_email_domain: str
    """Empty = the host of the base URL: see `mail_domain`."""
    inbound_email_max_bytes: int
    trusted_proxies: tuple[str, ...]
    """Networks. Empty = nobody's word for who is asking."""
    status_snapshots: Path | None
    """None = the folder `status-pages` in the data directory."""
    status_snapshots_url: str
    """Empty = copies of status pages stay on this machine."""
    status_snapshots_key: str
    status_snapshots_secret: str
    oidc_issuer: str
    """Empty = no single sign-on."""
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    oidc_domains: tuple[str, ...]
    """Empty = of any."""
    oidc_team: str
    oidc_role: str
    oidc_required: bool
    log_format: Literal["auto", "console", "json"]
    log_level: Literal["debug", "info", "warning", "error"]
    first_team: str
    admin_email: str
    admin_password: str
    secret_key: str
    sources: dict[str, str] = {}
    """Where each setting came from, in words: `--port`, `TOCSIN_PORT`, `tocsin.toml`, `default`."""

    @property
    def storage_url(self) -> str:
        """The database's URL: the one given, or the file in the data directory."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'tocsin.db'}"

    @property
    def mail_domain(self) -> str:
        """What follows the @ in the addresses that we hand out."""
        return self.inbound_email_domain or (urlsplit(self.base_url).hostname or "localhost")


class OperatorError(Exception):
    """What the person at the terminal can mend; the message says how. Shown without a traceback."""


class SettingsError(OperatorError):
    """A setting that cannot be used; the message names it, says where it came from and how to mend it."""


def load(flags: Mapping[str, Any], environment: Mapping[str, str], directory: Path | None = None) -> Settings:
    """Settings by precedence flag > environment > tocsin.toml > default. Raises SettingsError.

    `flags` by option name, None or absent = not given. `directory` is where tocsin.toml is looked for first.
    """
    _refuse_misspelt(environment)
    chosen: dict[str, Any] = {}
    sources: dict[str, str] = {}
    data = _given(OPTIONS["data"], flags, environment, {}, "")
    path, table = _config_file(environment, directory or Path.cwd(), None if data is None else Path(str(data[0])))
    for option in OPTIONS.values():
        given = _given(option, flags, environment, table, str(path))
        if given is None:
            chosen[option.name], sources[option.name] = option.default, "default"
            continue
        raw, source = given
        try:
            chosen[option.name] = option.read(str(raw).strip())
        except ValueError as error:
            raise SettingsError(
                f"{option.flag_name if option.flag else option.environment_name} ({source}): {error}"
            ) from error
        sources[option.name] = source
    return Settings(**chosen, sources=sources)


def _refuse_misspelt(environment: Mapping[str, str]) -> None:
    """A misspelt TOCSIN_SMTP_URL must not become pages that wait for ever.

    Only near misses are refused: orchestrators add variables of their own, e.g. TOCSIN_SERVICE_HOST.
    """
    known = {option.environment_name for option in OPTIONS.values()} | {CONFIG_VARIABLE}
    for name in sorted(environment):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR_MISS)
            if near:
                raise SettingsError(
                    f"{name} is set in the environment, but there is no such setting. Did you mean {near[0]}?"
                )


def _given(
    option: Option, flags: Mapping[str, Any], environment: Mapping[str, str], table: Mapping[str, Any], path: str
) -> tuple[Any, str] | None:
    if flags.get(option.name) is not None:
        return flags[option.name], "given as a flag"
    if environment.get(option.environment_name, "") != "":
        return environment[option.environment_name], f"given by {option.environment_name}"
    if option.name in table:
        value = table[option.name]
        if isinstance(value, dict):
            value = msgspec.json.encode(value).decode()
        return (",".join(map(str, value)) if isinstance(value, list) else value), f"given in {path}"
    return None


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name: those of the table `[oidc]` with that word before them."""
    found = {key.replace("-", "_"): value for key, value in table.items()}
    grouped = found.pop("oidc", {})
    if not isinstance(grouped, dict):
        raise SettingsError("oidc is a table: write [oidc], and its settings below it.")
    return found | {f"oidc_{key.replace('-', '_')}": value for key, value in grouped.items()}


def _config_file(environment: Mapping[str, str], directory: Path, data: Path | None) -> tuple[Path, dict[str, Any]]:
    named = environment.get(CONFIG_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(
            f"TOCSIN_CONFIG names the file {named}, which does not exist. Create it or unset TOCSIN_CONFIG."
        )
    places = (
        [Path(named)]
        if named
        else [directory / CONFIG_FILE, (data or directory / OPTIONS["data"].default) / CONFIG_FILE]
    )
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return directory / CONFIG_FILE, {}
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise SettingsError(f"{path} is larger than {MAX_CONFIG_BYTES} bytes: that cannot be a settings file.")
        table = _flat(tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Mend the file, or move it away.") from error
    unknown = sorted(set(table) - set(OPTIONS))
    if unknown:
        raise SettingsError(
            f"{path} sets {', '.join(unknown)}, which Tocsin does not know. It knows: {', '.join(OPTIONS)}."
        )
    return path, table
