"""How the text of a setting becomes its value: each raises ValueError with a sentence that says what is right."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


def port(text: str) -> int:
    if text.isascii() and text.isdecimal() and 0 <= int(text) <= 65_535:
        return int(text)
    raise ValueError(f"'{text}' is not a port. Give a number from 1 to 65535 (0 picks a free one), e.g. 8080.")


def seconds(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 86_400:
        return int(text)
    raise ValueError(f"'{text}' is not a number of seconds. Give a whole number from 1 to 86400, e.g. 10.")


def number(text: str) -> int:
    if text.isascii() and text.isdecimal() and int(text) <= 1_000_000:
        return int(text)
    raise ValueError(f"'{text}' is not a number from 0 to 1000000. Give e.g. 60; 0 means no limit.")


def browsers(text: str) -> int:
    if text.isascii() and text.isdecimal() and 1 <= int(text) <= 50:
        return int(text)
    raise ValueError(f"'{text}' is not a number of browsers. Give a whole number from 1 to 50, e.g. 2.")


def program(text: str) -> str:
    if text and text.isprintable():
        return text
    raise ValueError("this is not the path of a program. Give e.g. /usr/bin/chromium.")


def yes_or_no(text: str) -> bool:
    if text.lower() in ("true", "yes", "on", "1"):
        return True
    if text.lower() in ("false", "no", "off", "0"):
        return False
    raise ValueError(f"'{text}' is neither true nor false. Give one of them.")


def host(text: str) -> str:
    if text and not any(character.isspace() or character in "/@" for character in text):
        return text
    raise ValueError(
        f"'{text}' is not an address to listen on. Give e.g. 127.0.0.1 (this machine alone) or 0.0.0.0 (everybody)."
    )


def directory(text: str) -> Path:
    if not text:
        raise ValueError("the empty text is not a directory. Give e.g. ./data.")
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"'{text}' begins with the home of somebody unknown. Give e.g. ./data.") from error
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file. Give a directory, e.g. ./data; it is created when missing.")
    return path


def database_url(text: str) -> str:
    if text.startswith("sqlite:///") and len(text) > len("sqlite:///"):
        return text
    if text.startswith(("postgresql://", "postgres://")):
        _parts(text, "postgresql://tocsin:password@localhost/tocsin")
        return text
    raise ValueError(
        "this is not a database that Tocsin speaks to. Give postgresql://USER:PASSWORD@HOST/NAME or "
        "sqlite:////absolute/FILE, or leave it out for a file in the data directory."
    )


def base_url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError(
            f"'{text}' is not a web address. Give the address at which people reach Tocsin, e.g. https://status.example.com."
        )
    parts = _parts(text, "https://status.example.com")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("a base URL has no user, ? or #. Give only scheme and host, e.g. https://status.example.com.")
    return text.rstrip("/")


def smtp_url(text: str) -> str:
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


def sinks(text: str) -> str:
    from tocsin.notify.channels import discover  # here, so that `tocsin --help` need not load every channel
    from tocsin.notify.rules import self_tests

    try:
        found = self_tests.sinks(text)
    except ValueError as error:
        raise ValueError(f"{error}.") from error
    for sink in found:
        if sink.channel not in discover():
            raise ValueError(f"there is no channel “{sink.channel}”. Give e.g. email:pager@example.com.")
    return text


def ping_url(text: str) -> str:
    # The URL is the secret of whoever waits for our pings: it is never repeated in a message.
    if not text.startswith(("http://", "https://")):
        raise ValueError("this is not a web address. Give the one that waits for pings, e.g. https://hc-ping.com/….")
    _parts(text, "https://hc-ping.com/…")
    return text


def upstream_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("this is not a web address. Give e.g. https://uptime.betterstack.com.")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("it has no user, ? or #: the token belongs into a file. Give https://uptime.betterstack.com.")
    _parts(text, "https://uptime.betterstack.com")
    if parts.scheme == "http" and not _of_this_machine(parts.hostname or ""):
        raise ValueError("the token would be sent unencrypted. Give an address that begins with https://.")
    return text.rstrip("/")


def _of_this_machine(host: str) -> bool:
    """Whether what is sent there stays on this machine, or in a private network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_private


def private_file(text: str) -> Path:
    if not text:
        raise ValueError("the empty text is not a file. Give the one that holds the token.")
    return Path(text).expanduser()


def upstreams(text: str) -> dict[str, tuple[str, Path]]:
    """From JSON: `{"Team": {"url": …, "token_file": …}}`."""
    example = '{"Core": {"url": "https://uptime.betterstack.com", "token_file": "/etc/tocsin/core.token"}}'
    try:
        table = json.loads(text)
        found = {name: (each.pop("url"), each.pop("token_file")) for name, each in table.items()}
    except (ValueError, AttributeError, KeyError, TypeError):
        raise ValueError(f"this is no table of teams. Each needs url and token_file, e.g. {example}.") from None
    if unknown := [word for each in table.values() for word in each]:
        raise ValueError(f"a team's upstream has url and token_file, and no {unknown[0]}.")
    if not all(isinstance(part, str) for place in found.values() for part in place):
        raise ValueError(f"url and token_file are texts, e.g. {example}.")
    return {name: (upstream_url(url), private_file(path)) for name, (url, path) in found.items()}


def hours(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 24 * 31:
        return int(text)
    raise ValueError(f"'{text}' is not a number of hours from 1 to {24 * 31}.")


def servers(text: str) -> tuple[str, ...]:
    servers = tuple(part.strip() for part in text.split(",") if part.strip())
    for server in servers:
        address = server[1:].split("]")[0] if server.startswith("[") else server
        try:
            ipaddress.ip_address(address)
        except ValueError:
            name, _, number = address.rpartition(":")
            try:
                ipaddress.ip_address(name)
                port(number)
            except ValueError:
                raise ValueError(
                    f"'{server}' is not a name server. Give IP addresses, e.g. 9.9.9.9,[2620:fe::fe]:53."
                ) from None
    return servers


def networks(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for part in found:
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError:
            raise ValueError(
                f"'{part}' is not an address or a network. Give e.g. 127.0.0.1,10.0.0.0/8,fd00::/8."
            ) from None
    return found


def bucket_url(text: str) -> str:
    from tocsin.pages.buckets import address  # here, so that `tocsin --help` need not load what speaks with buckets

    if text:
        try:
            address(text)
        except ValueError as error:
            raise ValueError(
                f"{error}. Give s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION; keys are settings of their own."
            ) from error
    return text


def bucket_secret(text: str) -> str:
    if text.isascii() and text.isprintable() and " " not in text and 1 <= len(text) <= 500:
        return text
    raise ValueError("this is no key of a bucket. Give it as your provider shows it.")


def name(text: str) -> str:
    if text and len(text) <= 100 and text.isprintable():
        return text
    raise ValueError("give a name of 1 to 100 printable characters.")


def region(text: str) -> str:
    if text and len(text) <= 20 and text.replace("-", "").isalnum():
        return text
    raise ValueError(f"'{text}' is not a region. Give one of us, eu, as, au, or a short word of your own.")


def email(text: str) -> str:
    local, _, domain = text.partition("@")
    if local and domain and text.isprintable() and " " not in text and len(text) <= 254:
        return text
    raise ValueError(f"'{text}' is not an e-mail address. Give e.g. ann@example.com.")


def domain(text: str) -> str:
    labels = text.lower().rstrip(".").split(".")
    if len(text) <= 253 and all(label and label.replace("-", "").isalnum() and label.isascii() for label in labels):
        return ".".join(labels)
    raise ValueError(f"'{text}' is not a domain. Give e.g. alerts.example.com.")


def file(text: str) -> Path:
    path = Path(text).expanduser()
    if path.is_file():
        return path
    raise ValueError(f"{text} is not a file. Give one that exists and can be read.")


def size(text: str) -> int:
    if text.isascii() and text.isdecimal() and 10_000 <= int(text) <= 100_000_000:
        return int(text)
    raise ValueError(f"'{text}' is not a size. Give a number of bytes from 10000 to 100000000, e.g. 10485760.")


def key(text: str) -> str:
    if len(text) >= 32:
        return text
    raise ValueError(
        "it is too short to keep secrets. Give at least 32 random characters, e.g. from `openssl rand -base64 32`."
    )


def secret(text: str) -> str:
    if text.isascii() and text.isprintable() and 8 <= len(text) <= 500:
        return text
    raise ValueError("this is no secret of a provider. Give it as it stands there: 8 to 500 printable characters.")


def telegram_bot_token(text: str) -> str:
    number, _, key = text.partition(":")
    letters = key.replace("-", "").replace("_", "")
    numbered = number.isascii() and number.isdecimal() and len(number) <= 20
    if numbered and key.isascii() and letters.isalnum() and 20 <= len(key) <= 200:
        return text
    raise ValueError("this is not the token of a Telegram bot. Give it as @BotFather does: 123456789:AAF….")


def pushover_token(text: str) -> str:
    if text.isascii() and text.isalnum() and len(text) == 30:
        return text
    raise ValueError("this is not the token of a Pushover application. Give its 30 letters and digits.")


def phone_number(text: str) -> str:
    digits = text.removeprefix("+")
    if text.startswith("+") and digits.isascii() and digits.isdecimal() and 7 <= len(digits) <= 15:
        return text
    raise ValueError(f"'{text}' is not a phone number. Give it with its country and without spaces: +15005550006.")


def starting_with(prefix: str, what: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.startswith(prefix) and text.isascii() and text.isalnum() and len(text) <= 100:
            return text
        raise ValueError(f"'{text}' does not look right. Give {what}: it begins with {prefix}.")

    return read


def password(text: str) -> str:
    if len(text) >= 8:
        return text
    raise ValueError("it is too short. Give at least 8 characters.")


def one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in words:
            return text
        raise ValueError(f"'{text}' is not one of {', '.join(words)}.")

    return read


def issuer(text: str) -> str:
    """As the provider writes it, with or without a slash at its end: it is compared letter by letter."""
    parts = _parts(text, "https://accounts.google.com")
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme != "https" and not (parts.scheme == "http" and here):
        raise ValueError(f"'{text}' is not the address of a provider. Give e.g. https://accounts.google.com.")
    if parts.query or parts.fragment or parts.username:
        raise ValueError("an issuer has no user, ? or #. Give e.g. https://accounts.google.com.")
    return text


def printable(text: str) -> str:
    if text and text.isprintable() and len(text) <= 255:
        return text
    raise ValueError("give up to 255 characters that can be printed.")


def team_or_nothing(text: str) -> str:
    return name(text) if text else ""


def domains(text: str) -> tuple[str, ...]:
    return tuple(domain(each.strip().lower().removeprefix("@")) for each in text.split(",") if each.strip())
