"""What all chats have in common: a message becomes a headline, a cause, a few facts and the buttons that answer it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import msgspec

from tocsin.notify.model import Kind, Message

MAX_FACTS = 10
"""Facts that a message in a chat shows: what the most sparing of them takes, and what somebody reads on a phone."""
MAX_HEADLINE_CHARACTERS = 250
MAX_CAUSE_CHARACTERS = 1_500
MAX_LABEL_CHARACTERS = 100
MAX_VALUE_CHARACTERS = 300
"""Together below every chat's limit of a whole message, so that nothing is refused for its length."""
HIDDEN = "[hidden]"

MARKS: Mapping[str, str] = {
    Kind.PAGE: "\N{LARGE RED CIRCLE}",
    Kind.ACKNOWLEDGED: "\N{LARGE YELLOW CIRCLE}",
    Kind.RESOLVED: "\N{LARGE GREEN CIRCLE}",
    Kind.NOTICE: "\N{LARGE BLUE CIRCLE}",
}
COLORS: Mapping[str, int] = {
    Kind.PAGE: 0xC62828,
    Kind.ACKNOWLEDGED: 0xA15C00,
    Kind.RESOLVED: 0x1B7F4B,
    Kind.NOTICE: 0x3B5BDB,
}
CHANGES = frozenset({Kind.PAGE, Kind.ACKNOWLEDGED, Kind.RESOLVED})
"""Messages after which the first one about an incident looks different: its colour, its words, its buttons."""
LABELS: Mapping[str, str] = {
    "acknowledge": "Acknowledge",
    "resolve": "Resolve",
    "approve": "Approve",
    "deny": "Deny",
}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What nobody sees, and what turns the direction of writing: a name must not disguise a message."""

WebAddress = Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s/]+\S*$", max_length=2_000)]
"""An address that a message can be posted to."""

Escape = Callable[[str], str]


class Button(msgspec.Struct, frozen=True):
    """One way to answer."""

    deed: str
    """`acknowledge` or `resolve`, `approve` or `deny`."""
    label: str
    token: str
    """What tells us, when it comes back, which page is answered."""


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A message as any chat shows it: texts are cut and free of what cannot be seen, and not escaped yet."""

    kind: str
    mark: str
    """A coloured dot: how things stand, at a glance."""
    color: int
    """The same as RGB."""
    headline: str
    cause: str
    facts: tuple[tuple[str, str], ...]
    url: str
    """Where the incident is shown and answered; empty when there is nothing to see."""
    invitation: str
    """The words of that link: what can be done behind it."""
    buttons: tuple[Button, ...] = ()

    @property
    def line(self) -> str:
        """All of it in one line, for a notification."""
        return f"{self.mark} {self.headline}" + (f": {self.cause}" if self.cause else "")


def post_of(message: Message) -> Post:
    """What a chat is to show of a message."""
    notice = message.notice
    url = message.answer_url or notice.url
    token = message.answer_token or _token_in(url)
    deeds = notice.actions if notice.kind in (Kind.PAGE, Kind.ACKNOWLEDGED) or notice.question_id else ()
    if notice.kind == Kind.ACKNOWLEDGED and not deeds:
        deeds = ("resolve",)
    facts = [(label, value) for label, value in notice.facts if value and value != notice.cause]
    buttons = tuple(Button(deed, LABELS[deed], token) for deed in deeds if deed in LABELS) if token else ()
    return Post(
        kind=notice.kind,
        mark=MARKS.get(notice.kind, MARKS[Kind.NOTICE]),
        color=COLORS.get(notice.kind, COLORS[Kind.NOTICE]),
        headline=cut(one_line(notice.headline or notice.subject), MAX_HEADLINE_CHARACTERS),
        cause=cut(clean(notice.cause).strip(), MAX_CAUSE_CHARACTERS),
        facts=tuple(
            (cut(one_line(label), MAX_LABEL_CHARACTERS), cut(one_line(value), MAX_VALUE_CHARACTERS))
            for label, value in facts[:MAX_FACTS]
        ),
        url=url if url.startswith(("http://", "https://")) else "",
        invitation=" or ".join(button.label for button in buttons).capitalize()
        or ("See the incident" if notice.incident_id else "Open Tocsin"),
        buttons=buttons,
    )


def plain(post: Post) -> str:
    """The whole post as text without any markup: for a chat that refuses the form of it, and for previews."""
    lines = [f"{post.mark} {post.headline}", post.cause, *(f"{label}: {value}" for label, value in post.facts)]
    if post.url:
        lines.append(f"{post.invitation}: {post.url}")
    return "\n".join(line for line in lines if line)


def cut(text: str, limit: int, escape: Escape | None = None) -> str:
    """The text, escaped, in at most `limit` characters as sent; what is left out is an ellipsis, no half an escape."""
    written = text if escape is None else escape(text)
    if len(written) <= limit:
        return written
    low, high = 0, min(len(text), limit - 1)
    while low < high:
        middle = (low + high + 1) // 2
        if len(text[:middle] if escape is None else escape(text[:middle])) <= limit - 1:
            low = middle
        else:
            high = middle - 1
    kept = text[:low].rstrip()
    return (kept if escape is None else escape(kept)) + "…"


def within(facts: Sequence[tuple[str, str]], room: int, escape: Escape | None = None) -> list[tuple[str, str]]:
    """The first facts, as many as fit into `room` characters together, however much their escapes take."""
    kept = []
    for label, value in facts:
        room -= len(label) + len(value) if escape is None else len(escape(label)) + len(escape(value))
        if room < 0:
            break
        kept.append((label, value))
    return kept


def clean(text: str) -> str:
    """The text without what cannot be seen or disguises the rest."""
    return _CONTROL.sub(" ", text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """The same, without line ends."""
    return " ".join(clean(text).split())


def without(text: str, *secrets: str) -> str:
    """The text with every secret hidden: addresses of webhooks and tokens in paths stand in nobody's log."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, HIDDEN)
    return text


def _token_in(url: str) -> str:
    """The last part of an answer link; the empty text when the address is none."""
    before, found, token = url.rpartition("/answer/")
    return token if found and before and "/" not in token else ""
