"""Reaches what has no file of its own here, through the library apprise: over a hundred services by one address each.

The library is synchronous, large, and would follow an address wherever it leads. So it runs in a process of its own
(`apprise_process`), which lives for one message: it can be ended, it costs nothing while nobody uses it, and it is kept
from files, from programs and from addresses that we may not connect to. Only the kinds of addresses below are taken:
services that are reached over the web and need nothing of this machine.
"""

from __future__ import annotations

import asyncio
import re
import sys
from urllib.parse import parse_qsl, urlsplit

import msgspec

from tocsin.notify.channels import MAX_WORDS_CHARACTERS, later
from tocsin.notify.channels.places import cut, link_of, plain, settings_of
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Sent

KIND = "apprise"
CONNECTIONS = 2
"""Each is a process of some 60 MB."""
SHOWN: frozenset[str] = frozenset()
TIMEOUT_SECONDS = 30.0
"""For the whole process: below what a worker gives a channel, so that we end it and nobody else."""
MAX_TEXT_CHARACTERS = 4_000
MAX_ANSWER_BYTES = 64 * 1024
MAX_URL_CHARACTERS = 2_000
PROCESS = "tocsin.notify.channels.apprise_process"

_SCHEMES = """
46elks africas atalk apprise apprises azure bark barks bluesky brevo bsky bulksms bulkvs burstsms chanify clickatell
clicksend cliq cm d7sms dapnet dingtalk eight00com elks emby embys enigma2 enigma2s evolution evolutions exotel
feishu firehydrant flock fluxer fluxers form forms freemobile gchat goalert goalerts gotify gotifys groupme hassio
hassios httpsms humhub humhubs ifttt ilert incidentio infobip jellyfin jellyfins join json jsons kaleyra kakao
kakaotalk kavenegar klr kodi kodis kook kudosity lametric lametrics lark line mailersend mailgun mastodon mastodons
matrix matrixs misskey misskeys mmost mmosts mobilemessage mobilemsg msg91 msgbird ncloud nclouds nctalk nctalks
nexmo notica noticas notifiarr notifico notificos notifyre ntfy ntfys o365 octopush onesignal opsgenie pagertree
parsep parseps pbul pjet pjets plivo postmark pover prowl psafer psafers push pushdeer pushdeers pushed pushme
pushplus pushy qq reddit resend revolt ringc rocket rockets ryver schan sendgrid sendpulse serwersms ses seven sfr
signal signals signalgrid signl4 simplepush sinch smsc smseagle smseagles smsmanager smsmgr smtp2go sns sparkpost
spike splunk spugpush spush squadcast stackfield strmlabs synology synologys telesign telnyx threema toot toots
twilio twist viber victorops voipms vonage webex wechat wecom wecombot whapi whatsapp wxpusher wxteams xbmc xbmcs
xmatters xml xmls youlmk zalo zcliq zohocliq zoom zulip
"""
SCHEMES = frozenset(_SCHEMES.split())
"""What begins an address that is taken: services of the web. Not among them: what shows windows or writes logs on this
machine, what speaks other protocols than HTTP, and what can read a file here (a template, a key)."""
_REFUSED_OPTIONS = frozenset({
    "attach", "cache", "cert", "config", "key_file", "keyfile", "path", "pgp", "pgpkey", "pgpprv", "pgppub", "store",
    "subfile", "template", "tpl",
})  # fmt: skip
"""Options that name a file for some service."""
_WORDS = re.compile(r"[A-Za-z0-9_-]{6,}")
"""What in an address may be a secret."""
_FINAL = re.compile(r"error=4(?!08|25|29)\d\d\b")
"""How the library reports an HTTP status that asking again does not mend."""

_KINDS = {Kind.PAGE: "failure", Kind.ACKNOWLEDGED: "warning", Kind.RESOLVED: "success"}


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What an installation allows."""

    allow_private: bool = True
    """Whether addresses may lead into private networks."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One address."""

    url: str

    def complaints(self) -> dict[str, str]:
        """What cannot be right, by field."""
        wrong = endpoint_complaint(self.url)
        return {"url": wrong} if wrong else {}


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the process says when it is done."""

    sent: bool
    understood: bool
    """Whether the library knows what to do with the address."""
    words: str
    """Why not."""


def endpoint_complaint(url: str) -> str | None:
    """What is wrong with an address; None when it can be tried."""
    scheme = url.partition("://")[0].lower()
    if "://" not in url or any(letter.isspace() or ord(letter) < 32 for letter in url):
        return "must be an address that apprise knows, e.g. gotify://host/token"
    if len(url) > MAX_URL_CHARACTERS:
        return f"is too long (maximum is {MAX_URL_CHARACTERS} characters)"
    if scheme not in SCHEMES:
        return f"begins with {scheme}://, which is not accepted here: see the documentation for those that are"
    try:
        options = {name.lower() for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)}
    except ValueError:
        return "is no address"
    refused = sorted(options & _REFUSED_OPTIONS)
    return f"has the option {refused[0]}, which is not accepted here" if refused else None


async def send(message: Message, settings: Settings, net: object = None) -> Answer:
    """Send one message in a process of its own."""
    target = Target(url=message.endpoint) if message.target is None else settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    wrong = endpoint_complaint(target.url)
    if wrong:
        return GiveUp(f"the address {wrong}")
    link = link_of(message)
    text = plain(message, MAX_TEXT_CHARACTERS)
    order = {
        "url": target.url,
        "title": message.notice.headline,
        "body": text + (f"\n{link}" if link else "") or message.notice.headline,
        "type": _KINDS.get(Kind(message.notice.kind), "info"),
        "allow_private": settings.allow_private,
    }
    personal = message.attempt if message.target is None else None
    report = await _report(order)
    if report is None:
        return later(f"apprise did not come back within {TIMEOUT_SECONDS:g} s", None, personal)
    if report.sent:
        return Sent(f"accepted by {target.url.partition('://')[0]} (apprise)")
    why = _without_secrets(report.words, target.url) or "apprise could not send it, and says no more"
    if not report.understood or _FINAL.search(report.words):
        return GiveUp(why)
    return later(why, None, personal)


async def _report(order: dict[str, object]) -> Report | None:
    """What the process says; None when it takes too long. It inherits nothing of ours, secrets least of all."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", PROCESS,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}, cwd="/",
    )  # fmt: skip
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            said, _ = await process.communicate(msgspec.json.encode(order))
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        return msgspec.json.decode(said[:MAX_ANSWER_BYTES], type=Report)
    except msgspec.MsgspecError:
        return Report(sent=False, understood=True, words=f"apprise ended with status {process.returncode}")


def _without_secrets(words: str, url: str) -> str:
    """The library's words without anything that stands in the address behind its kind."""
    for secret in sorted(set(_WORDS.findall(url.partition("://")[2])), key=len, reverse=True):
        words = words.replace(secret, "…")
    return cut(" ".join(words.split()), MAX_WORDS_CHARACTERS)
