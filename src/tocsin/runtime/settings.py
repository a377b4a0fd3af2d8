"""What can be set: each option once, with its default and its meaning, read from flags, environment and tocsin.toml."""

from __future__ import annotations

import difflib
import ipaddress
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

CONFIG_FILE = "tocsin.toml"
ENVIRONMENT_PREFIX = "TOCSIN_"
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
    pages_per_hour: int
    sms_per_day: int
    calls_per_day: int
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


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One setting: its name, what it means and how text becomes its value."""

    name: str
    default: Any
    doc: str
    read: Callable[[str], Any]
    """Raises ValueError with what would be right."""
    default_words: str = ""
    flag: bool = True
    """False for secrets: a flag can be read by every user of the machine in its list of processes."""

    @property
    def flag_name(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def environment_name(self) -> str:
        return ENVIRONMENT_PREFIX + self.name.upper()


class OperatorError(Exception):
    """What the person at the terminal can mend; the message says how. Shown without a traceback."""


class SettingsError(OperatorError):
    """A setting that cannot be used; the message names it, says where it came from and how to mend it."""


def load(flags: Mapping[str, Any], environment: Mapping[str, str], directory: Path | None = None) -> Settings:
    """Settings by precedence flag > environment > tocsin.toml > default. Raises SettingsError.

    `flags` by option name, None or absent = not given. `directory` is where tocsin.toml is looked for first.
    """
    _refuse_misspelt(environment)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    data = _given(OPTIONS["data"], flags, environment, {}, "")
    path, table = _config_file(environment, directory or Path.cwd(), None if data is None else Path(str(data[0])))
    for option in OPTIONS.values():
        given = _given(option, flags, environment, table, str(path))
        if given is None:
            values[option.name], sources[option.name] = option.default, "default"
            continue
        raw, source = given
        try:
            values[option.name] = option.read(str(raw).strip())
        except ValueError as error:
            raise SettingsError(
                f"{option.flag_name if option.flag else option.environment_name} ({source}): {error}"
            ) from error
        sources[option.name] = source
    return Settings(**values, sources=sources)


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
        return (",".join(map(str, value)) if isinstance(value, list) else value), f"given in {path}"
    return None


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
        table = {key.replace("-", "_"): value for key, value in tomllib.loads(path.read_text("utf-8")).items()}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be read: {error}. Mend the file, or move it away.") from error
    unknown = sorted(set(table) - set(OPTIONS))
    if unknown:
        raise SettingsError(
            f"{path} sets {', '.join(unknown)}, which Tocsin does not know. It knows: {', '.join(OPTIONS)}."
        )
    return path, table


# --- How text becomes a value: each raises ValueError with a sentence that says what would be right ------------------


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and 0 <= int(text) <= 65_535:
        return int(text)
    raise ValueError(f"'{text}' is not a port. Give a number from 1 to 65535 (0 picks a free one), e.g. 8080.")


def _seconds(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 86_400:
        return int(text)
    raise ValueError(f"'{text}' is not a number of seconds. Give a whole number from 1 to 86400, e.g. 10.")


def _number(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= 1_000_000:
        return int(text)
    raise ValueError(f"'{text}' is not a number from 0 to 1000000. Give e.g. 60; 0 means no limit.")


def _browsers(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 50:
        return int(text)
    raise ValueError(f"'{text}' is not a number of browsers. Give a whole number from 1 to 50, e.g. 2.")


def _program(text: str) -> str:
    if text and text.isprintable():
        return text
    raise ValueError("this is not the path of a program. Give e.g. /usr/bin/chromium.")


def _yes_or_no(text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"'{text}' is neither true nor false. Give one of them.")


def _host(text: str) -> str:
    if text and not any(character.isspace() or character in "/@" for character in text):
        return text
    raise ValueError(
        f"'{text}' is not an address to listen on. Give e.g. 127.0.0.1 (this machine alone) or 0.0.0.0 (everybody)."
    )


def _directory(text: str) -> Path:
    if not text:
        raise ValueError("the empty text is not a directory. Give e.g. ./data.")
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"'{text}' begins with the home of somebody unknown. Give e.g. ./data.") from error
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file. Give a directory, e.g. ./data; it is created when missing.")
    return path


def _database_url(text: str) -> str:
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
        return text
    if text.startswith(("postgresql://", "postgres://")):
        _parts(text, "postgresql://tocsin:password@localhost/tocsin")
        return text
    raise ValueError(
        "this is not a database that Tocsin speaks to. Give postgresql://USER:PASSWORD@HOST/NAME or "
        "sqlite:////absolute/FILE, or leave it out for a file in the data directory."
    )


def _base_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(
            f"'{text}' is not a web address. Give the address at which people reach Tocsin, e.g. https://status.example.com."
        )
    parts = _parts(text, "https://status.example.com")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("a base URL has no user, ? or #. Give only scheme and host, e.g. https://status.example.com.")
    return text.rstrip("/")


def _smtp_url(text: str) -> str:
    # The URL may hold a password: it is never repeated in a message.
    from tocsin.notify.channels import email  # here, so that `tocsin --help` need not load a mail client

    try:
        email.settings(text)
    except ValueError as error:
        raise ValueError(f"{error}. Give smtp://USER:PASSWORD@HOST:587 or smtps://USER:PASSWORD@HOST.") from error
    return text


def _parts(text: str, example: str) -> Any:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"its port or host is malformed. Give e.g. {example}.") from error
    if not parts.hostname:
        raise ValueError(f"it names no host. Give e.g. {example}.")
    return parts


def _servers(text: str) -> tuple[str, ...]:
    servers = tuple(part.strip() for part in text.split(",") if part.strip())
    for server in servers:
        address = server[1:].split("]")[0] if server.startswith("[") else server
        try:
            ipaddress.ip_address(address)
        except ValueError:
            host, _, port = address.rpartition(":")
            try:
                ipaddress.ip_address(host)
                _port(port)
            except ValueError:
                raise ValueError(
                    f"'{server}' is not a name server. Give IP addresses, e.g. 9.9.9.9,[2620:fe::fe]:53."
                ) from None
    return servers


def _name(text: str) -> str:
    if text and len(text) <= 100 and text.isprintable():
        return text
    raise ValueError("give a name of 1 to 100 printable characters.")


def _region(text: str) -> str:
    if text and len(text) <= 20 and text.replace("-", "").isalnum():
        return text
    raise ValueError(f"'{text}' is not a region. Give one of us, eu, as, au, or a short word of your own.")


def _email(text: str) -> str:
    local, _, domain = text.partition("@")
    if local and domain and text.isprintable() and " " not in text and len(text) <= 254:
        return text
    raise ValueError(f"'{text}' is not an e-mail address. Give e.g. ann@example.com.")


def _domain(text: str) -> str:
    labels = text.lower().rstrip(".").split(".")
    if len(text) <= 253 and all(label and label.replace("-", "").isalnum() and label.isascii() for label in labels):
        return ".".join(labels)
    raise ValueError(f"'{text}' is not a domain. Give e.g. alerts.example.com.")


def _file(text: str) -> Path:
    path = Path(text).expanduser()
    if path.is_file():
        return path
    raise ValueError(f"{text} is not a file. Give one that exists and can be read.")


def _size(text: str) -> int:
    if text.isascii() and text.isdecimal() and 10_000 <= int(text) <= 100_000_000:
        return int(text)
    raise ValueError(f"'{text}' is not a size. Give a number of bytes from 10000 to 100000000, e.g. 10485760.")


def _key(text: str) -> str:
    if len(text) >= 32:
        return text
    raise ValueError(
        "it is too short to keep secrets. Give at least 32 random characters, e.g. from `openssl rand -base64 32`."
    )


def _password(text: str) -> str:
    if len(text) >= 8:
        return text
    raise ValueError("it is too short. Give at least 8 characters.")


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in words:
            return text
        raise ValueError(f"'{text}' is not one of {', '.join(words)}.")

    return read


_ALL = (
    Option(
        name="data",
        default=Path("data"),
        read=_directory,
        doc="Directory that holds the database and the secret key; created when missing, readable by its owner alone.",
    ),
    Option(name="host", default="127.0.0.1", read=_host, doc="Address to listen on; 0.0.0.0 lets other machines in."),
    Option(name="port", default=8080, read=_port, doc="Port to listen on; 0 picks a free one."),
    Option(
        name="database_url",
        default="",
        default_words="a SQLite file in the data directory",
        read=_database_url,
        doc="Where records are kept: postgresql://USER:PASSWORD@HOST/NAME or sqlite:////FILE.",
    ),
    Option(
        name="base_url",
        default="",
        default_words="http://HOST:PORT",
        read=_base_url,
        doc="Address at which people reach Tocsin; stands in mails and API answers.",
    ),
    Option(
        name="smtp_url",
        default="",
        default_words="none: pages wait",
        read=_smtp_url,
        doc="Mail server that sends the pages: smtp://USER:PASSWORD@HOST:587?from=ADDRESS, or smtps://….",
    ),
    Option(
        name="min_check_frequency",
        default=10,
        read=_seconds,
        doc="Shortest time in seconds that a monitor may ask for between two checks.",
    ),
    Option(
        name="pages_per_hour",
        default=60,
        read=_number,
        doc="Pages that one person gets within an hour; more stand in a digest, critical alerts never. 0 = no limit.",
    ),
    Option(
        name="sms_per_day",
        default=100,
        read=_number,
        doc="Text messages that one team sends within a day; more stand in a digest by e-mail. 0 = no limit.",
    ),
    Option(
        name="calls_per_day",
        default=50,
        read=_number,
        doc="Phone calls that one team makes within a day; more stand in a digest by e-mail. 0 = no limit.",
    ),
    Option(name="region", default="eu", read=_region, doc="Region that this machine's checks are said to come from."),
    Option(
        name="allow_private_targets",
        default=True,
        read=_yes_or_no,
        doc="Whether private addresses (10.0.0.0/8, localhost, …) may be watched. Cloud metadata never may.",
    ),
    Option(
        name="dns_servers",
        default=(),
        default_words="the system's",
        read=_servers,
        doc="Name servers for the checks, separated by commas, e.g. 9.9.9.9,1.1.1.1:53.",
    ),
    Option(
        name="chromium",
        default="",
        default_words="the first that is found",
        read=_program,
        doc="Chromium or Chrome for browser checks, e.g. /usr/bin/chromium.",
    ),
    Option(
        name="browsers",
        default=2,
        read=_browsers,
        doc="Browser checks that run at the same time, 1 to 50; each takes half a gigabyte of memory.",
    ),
    Option(
        name="inbound_smtp_port",
        default=0,
        default_words="none: no mail is received",
        read=_port,
        doc="Port on which alerts and pings are received by e-mail, e.g. 25 or 2525.",
    ),
    Option(name="inbound_smtp_host", default="0.0.0.0", read=_host, doc="Address on which mail is received."),  # noqa: S104 - mail comes from elsewhere
    Option(
        name="inbound_smtp_certificate",
        default=None,
        default_words="none: no STARTTLS",
        read=_file,
        doc="PEM file with certificate chain and private key for mail that is sent to us encrypted.",
    ),
    Option(
        name="inbound_email_domain",
        default="",
        default_words="the host of the base URL",
        read=_domain,
        doc="What follows the @ in the addresses that receive mail; its MX record leads here.",
    ),
    Option(
        name="inbound_email_max_bytes",
        default=10_485_760,
        read=_size,
        doc="Largest mail that is received, in bytes.",
    ),
    Option(
        name="log_format",
        default="auto",
        read=_one_of("auto", "console", "json"),
        doc="How log lines look; auto is console on a terminal, json elsewhere.",
    ),
    Option(
        name="log_level",
        default="info",
        read=_one_of("debug", "info", "warning", "error"),
        doc="How much is logged: debug, info, warning or error.",
    ),
    Option(name="first_team", default="My team", read=_name, doc="Name of the team made on the very first start."),
    Option(
        name="admin_email",
        default="admin@localhost",
        read=_email,
        doc="E-mail of the administrator made on the very first start; pages go there.",
    ),
    Option(
        name="admin_password",
        default="",
        default_words="a random one, printed once",
        read=_password,
        flag=False,
        doc="The administrator's password on the very first start.",
    ),
    Option(
        name="secret_key",
        default="",
        default_words="the file secret.key in the data directory",
        read=_key,
        flag=False,
        doc="Key that seals stored secrets and signs the links in mails; at least 32 characters.",
    ),
)

OPTIONS: dict[str, Option] = {option.name: option for option in _ALL}
"""Every option by name, in the order in which help and docs show them."""

MAIN_OPTIONS = ("data", "host", "port", "database_url", "base_url", "smtp_url", "min_check_frequency")
"""Those that most people ever touch; the rest stands in a second group of the help."""
