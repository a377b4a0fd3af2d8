"""Every setting: its name, its default and its meaning, from which flags, help and docs are drawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from tocsin.runtime import values

ENVIRONMENT_PREFIX = "TOCSIN_"


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


_ALL = (
    Option(
        name="data",
        default=Path("data"),
        read=values.directory,
        doc="Directory that holds the database and the secret key; created when missing, readable by its owner alone.",
    ),
    Option(
        name="host", default="127.0.0.1", read=values.host, doc="Address to listen on; 0.0.0.0 lets other machines in."
    ),
    Option(name="port", default=8080, read=values.port, doc="Port to listen on; 0 picks a free one."),
    Option(
        name="database_url",
        default="",
        default_words="a SQLite file in the data directory",
        read=values.database_url,
        doc="Where records are kept: postgresql://USER:PASSWORD@HOST/NAME or sqlite:////FILE.",
    ),
    Option(
        name="base_url",
        default="",
        default_words="http://HOST:PORT",
        read=values.base_url,
        doc="Address at which people reach Tocsin; stands in mails and API answers.",
    ),
    Option(
        name="smtp_url",
        default="",
        default_words="none: pages wait",
        read=values.smtp_url,
        doc="Mail server that sends the pages: smtp://USER:PASSWORD@HOST:587?from=ADDRESS, or smtps://….",
    ),
    Option(
        name="min_check_frequency",
        default=10,
        read=values.seconds,
        doc="Shortest time in seconds that a monitor may ask for between two checks.",
    ),
    Option(
        name="twilio_account_sid",
        default="",
        default_words="none: no text messages and calls",
        read=values.starting_with("AC", "the account SID of the Twilio console"),
        doc="Twilio account that sends text messages and calls people: AC…",
    ),
    Option(
        name="twilio_auth_token",
        default="",
        read=values.secret,
        flag=False,
        doc="The auth token of that account: signs us in, and proves that what comes back is Twilio's.",
    ),
    Option(
        name="twilio_from",
        default="",
        read=values.phone_number,
        doc="Number of that account from which people are called and texted, e.g. +15005550006.",
    ),
    Option(
        name="twilio_messaging_service",
        default="",
        default_words="none: texts come from twilio_from",
        read=values.starting_with("MG", "the SID of a messaging service of the Twilio console"),
        doc="Twilio messaging service through which text messages are sent instead of the number: MG…",
    ),
    Option(
        name="twilio_machine_detection",
        default=True,
        read=values.yes_or_no,
        doc="Whether Twilio listens for a mailbox that picks up: a page spoken to one was not received.",
    ),
    Option(
        name="twilio_base_url",
        default="https://api.twilio.com",
        read=values.base_url,
        doc="Where Twilio's API is, e.g. https://api.dublin.ie1.twilio.com for its region in Ireland.",
    ),
    Option(
        name="telegram_bot_token",
        default="",
        default_words="none: only targets that bring their own bot",
        read=values.telegram_bot_token,
        flag=False,
        doc="Telegram bot that writes to people and to groups: NUMBER:SECRET, from @BotFather.",
    ),
    Option(
        name="telegram_updates",
        default="polling",
        read=values.one_of("polling", "webhook", "off"),
        doc="How pressed buttons are heard of: polling asks Telegram, webhook waits at the base URL, off: links.",
    ),
    Option(
        name="telegram_base_url",
        default="https://api.telegram.org",
        read=values.base_url,
        doc="Where Telegram's Bot API is: another one is a server of one's own.",
    ),
    Option(
        name="pushover_app_token",
        default="",
        default_words="none: only targets that bring their own application",
        read=values.pushover_token,
        flag=False,
        doc="Pushover application through which people are reached: 30 letters and digits.",
    ),
    Option(
        name="slack_base_url",
        default="https://slack.com/api",
        read=values.base_url,
        doc="Where Slack's Web API is, e.g. https://slack-gov.com/api.",
    ),
    Option(
        name="pages_per_hour",
        default=60,
        read=values.number,
        doc="Pages that one person gets within an hour; more stand in a digest, critical alerts never. 0 = no limit.",
    ),
    Option(
        name="sms_per_day",
        default=100,
        read=values.number,
        doc="Text messages that one team sends within a day; more stand in a digest by e-mail. 0 = no limit.",
    ),
    Option(
        name="calls_per_day",
        default=50,
        read=values.number,
        doc="Phone calls that one team makes within a day; more stand in a digest by e-mail. 0 = no limit.",
    ),
    Option(
        name="subscriber_mails_per_minute",
        default=1_200,
        read=values.number,
        doc="Mails to subscribers of status pages that leave within a minute; pages wait for none. 0 = no limit.",
    ),
    Option(
        name="self_test_to",
        default="",
        default_words="none: the pager is not tried out",
        read=values.sinks,
        doc="Where test pages go, as CHANNEL:ADDRESS,…, e.g. email:pager@example.com,sms:+4915550100.",
    ),
    Option(name="self_test_hours", default=24, read=values.hours, doc="How often the pager is tried out, in hours."),
    Option(
        name="self_test_alarm",
        default="",
        default_words="the first team's members by e-mail",
        read=values.sinks,
        doc="Who is told that a test page did not arrive, as CHANNEL:ADDRESS,…",
    ),
    Option(
        name="dead_man_url",
        default="",
        default_words="none",
        read=values.ping_url,
        doc="Address that is called every minute while pages move here: whoever misses the call raises the alarm.",
        flag=False,
    ),
    Option(
        name="upstream",
        default="",
        default_words="none: agents work here",
        read=values.upstream_url,
        doc="Where agents' calls go on to once they are allowed, e.g. https://uptime.betterstack.com.",
    ),
    Option(
        name="upstream_token_file",
        default=None,
        default_words="none",
        read=values.private_file,
        doc="File with the API token for it, alone on a line, readable by its owner only; read again when it changes.",
    ),
    Option(
        name="upstreams",
        default={},
        default_words="none",
        read=values.upstreams,
        doc="The same for single teams: a table in tocsin.toml of team names, each with `url` and `token_file`.",
        flag=False,
    ),
    Option(
        name="region", default="eu", read=values.region, doc="Region that this machine's checks are said to come from."
    ),
    Option(
        name="allow_private_targets",
        default=True,
        read=values.yes_or_no,
        doc="Whether private addresses (10.0.0.0/8, localhost, …) may be watched. Cloud metadata never may.",
    ),
    Option(
        name="dns_servers",
        default=(),
        default_words="the system's",
        read=values.servers,
        doc="Name servers for the checks, separated by commas, e.g. 9.9.9.9,1.1.1.1:53.",
    ),
    Option(
        name="chromium",
        default="",
        default_words="the first that is found",
        read=values.program,
        doc="Chromium or Chrome for browser checks, e.g. /usr/bin/chromium.",
    ),
    Option(
        name="browsers",
        default=2,
        read=values.browsers,
        doc="Browser checks that run at the same time, 1 to 50; each takes half a gigabyte of memory.",
    ),
    Option(
        name="inbound_smtp_port",
        default=0,
        default_words="none: no mail is received",
        read=values.port,
        doc="Port on which alerts and pings are received by e-mail, e.g. 25 or 2525.",
    ),
    Option(name="inbound_smtp_host", default="0.0.0.0", read=values.host, doc="Address on which mail is received."),  # noqa: S104 - mail comes from elsewhere
    Option(
        name="inbound_smtp_certificate",
        default=None,
        default_words="none: no STARTTLS",
        read=values.file,
        doc="PEM file with certificate chain and private key for mail that is sent to us encrypted.",
    ),
    Option(
        name="inbound_email_domain",
        default="",
        default_words="the host of the base URL",
        read=values.domain,
        doc="What follows the @ in the addresses that receive mail; its MX record leads here.",
    ),
    Option(
        name="inbound_email_max_bytes",
        default=10_485_760,
        read=values.size,
        doc="Largest mail that is received, in bytes.",
    ),
    Option(
        name="trusted_proxies",
        default=(),
        default_words="none",
        read=values.networks,
        doc="Addresses or networks of proxies whose X-Forwarded-For is believed, e.g. 127.0.0.1,10.0.0.0/8.",
    ),
    Option(
        name="status_snapshots",
        default=None,
        default_words="status-pages in the data directory",
        read=values.directory,
        doc="Folder with a static copy of each public status page, for a web server that stays up when Tocsin is down.",
    ),
    Option(
        name="status_snapshots_url",
        default="",
        default_words="none",
        read=values.bucket_url,
        doc="Bucket for the same copies: s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION.",
    ),
    Option(
        name="status_snapshots_key",
        default="",
        read=values.bucket_secret,
        flag=False,
        doc="Access key of that bucket.",
    ),
    Option(
        name="status_snapshots_secret",
        default="",
        read=values.bucket_secret,
        flag=False,
        doc="Secret of that access key.",
    ),
    Option(
        name="oidc_issuer",
        default="",
        default_words="none: people sign in with passwords and passkeys",
        read=values.issuer,
        doc="Provider of single sign-on (OpenID Connect) as it calls itself, e.g. https://accounts.google.com.",
    ),
    Option(
        name="oidc_client_id",
        default="",
        read=values.printable,
        doc="Under which name Tocsin is registered there.",
    ),
    Option(
        name="oidc_client_secret",
        default="",
        read=values.secret,
        flag=False,
        doc="Secret of that registration; empty where it is a public client.",
    ),
    Option(
        name="oidc_name",
        default="single sign-on",
        read=values.printable,
        doc="What the button says after “Sign in with”, e.g. Google.",
    ),
    Option(
        name="oidc_domains",
        default=(),
        default_words="any",
        read=values.domains,
        doc="Domains of the addresses that are let in, separated by commas, e.g. example.com.",
    ),
    Option(
        name="oidc_team",
        default="",
        default_words="none: only people who are here already",
        read=values.team_or_nothing,
        doc="Team that people join who sign in for the first time; needs oidc_domains.",
    ),
    Option(
        name="oidc_role",
        default="member",
        read=values.one_of("member", "responder", "team_lead", "billing_admin"),
        doc="As what they join it: member, responder, team_lead or billing_admin.",
    ),
    Option(
        name="oidc_required",
        default=False,
        read=values.yes_or_no,
        doc="Whether people get in by single sign-on alone: no password, no passkey.",
    ),
    Option(
        name="log_format",
        default="auto",
        read=values.one_of("auto", "console", "json"),
        doc="How log lines look; auto is console on a terminal, json elsewhere.",
    ),
    Option(
        name="log_level",
        default="info",
        read=values.one_of("debug", "info", "warning", "error"),
        doc="How much is logged: debug, info, warning or error.",
    ),
    Option(
        name="first_team", default="My team", read=values.name, doc="Name of the team made on the very first start."
    ),
    Option(
        name="admin_email",
        default="admin@localhost",
        read=values.email,
        doc="E-mail of the administrator made on the very first start; pages go there.",
    ),
    Option(
        name="admin_password",
        default="",
        default_words="a random one, printed once",
        read=values.password,
        flag=False,
        doc="The administrator's password on the very first start.",
    ),
    Option(
        name="secret_key",
        default="",
        default_words="the file secret.key in the data directory",
        read=values.key,
        flag=False,
        doc="Key that seals stored secrets and signs the links in mails; at least 32 characters.",
    ),
)

OPTIONS: dict[str, Option] = {option.name: option for option in _ALL}
"""Every option by name, in the order in which help and docs show them."""

MAIN_OPTIONS = ("data", "host", "port", "database_url", "base_url", "smtp_url", "min_check_frequency")
"""Those that most people ever touch; the rest stands in a second group of the help."""
