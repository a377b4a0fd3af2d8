"""What webhooks, chats and browsers are told of an update, and what their answers mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from tocsin import __version__
from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.net import HttpRequest, HttpResponse, Net
from tocsin.kernel.signatures import key_of, signature
from tocsin.notify.channels import answered, push
from tocsin.notify.channels.posting import clean, cut, one_line
from tocsin.notify.model import Answer, GiveUp, Sent
from tocsin.status_pages.model.notices import News, Notice, Outcome, Verdict
from tocsin.status_pages.rules.addresses import report_address
from tocsin.status_pages.worker.mails import company
from tocsin.status_pages.worker.words import say, standing

TIMEOUT_SECONDS = 15.0
"""For one request with everything: a receiver should take a message first and work on it after."""
MAX_ANSWER_BYTES = 4_096
MAX_CHAT_CHARACTERS = 2_500
"""Of an update in a chat: less than Slack's limit of a section."""
MAX_PUSH_CHARACTERS = 400
PUSH_TTL_SECONDS = 6 * 3600
"""How long a push service keeps an update for a device that is off."""
USER_AGENT = f"Tocsin-Status/{__version__}"
_GONE = frozenset({410})
"""It will never take this again (RFC 9110, 15.5.11)."""
_SLACK_GONE = frozenset({404, 410})
"""The incoming webhook was removed, or its channel is archived (Slack, Incoming webhooks: errors)."""
_WORDS = {
    "downtime": "Some services are down",
    "degraded": "Some services are degraded",
    "maintenance": "Maintenance is under way",
}
_MARKS = {"downtime": "#c62828", "degraded": "#a15c00", "maintenance": "#3b5bdb", "scheduled": "#3b5bdb"}


async def webhook(notice: Notice, news: News, net: Net, *, public_only: bool) -> Outcome:
    """Post an update to a web server, signed (Standard Webhooks)."""
    body = msgspec.json.encode(payload(notice, news))
    at = to_milliseconds(notice.at) // 1000
    signed = (
        ("webhook-id", notice.key),
        ("webhook-timestamp", str(at)),
        ("webhook-signature", signature(key_of(notice.signing_secret), notice.key, at, body)),
    )
    return await _post(notice, body, net, "The webhook", _GONE, headers=signed, public_only=public_only)


async def slack(notice: Notice, news: News, net: Net, *, public_only: bool) -> Outcome:
    """Post an update in a Slack channel, through its incoming webhook."""
    body = msgspec.json.encode(chat_message(notice, news))
    return await _post(notice, body, net, "Slack", _SLACK_GONE, public_only=public_only)


async def browser(notice: Notice, news: News, settings: push.Settings, net: Net, *, public_only: bool) -> Outcome:
    """Show an update on a device, sealed for it alone."""
    answer = await push.post(
        notice.subscriber.address,
        msgspec.json.encode(notification(notice, news)),
        settings,
        net,
        at=notice.at,
        ttl_seconds=PUSH_TTL_SECONDS,
        urgency="normal",
        thread=notice.thread,
        public_only=public_only,
    )
    if not settings.private_key:
        return Outcome(verdict=Verdict.OURS, detail="web push needs an https:// address: set TOCSIN_BASE_URL")
    return _outcome(answer, gone=isinstance(answer, GiveUp) and answer.endpoint_gone)


def payload(notice: Notice, news: News) -> dict[str, Any]:
    """The body of a webhook (contract part 2, 5.7); of maintenance, in `maintenance` with its beginning and end."""
    what: dict[str, Any] = {
        "id": str(news.report_id),
        "name": news.title,
        "created_at": _instant(news.created_at),
        "updated_at": _instant(news.updated_at),
        "shortlink": report_address(notice.root, news.report_id, maintenance=news.maintenance),
        "organization_id": str(notice.page.id),
    }
    updates = [
        {
            "id": str(part.id),
            "status_report_id": str(news.report_id),
            "body": part.message,
            "created_at": _instant(part.published_at),
        }
        for part in news.parts
    ]
    kind = "maintenance" if news.maintenance else "incident"
    if news.maintenance:
        what["starts_at"] = _instant(news.starts_at)
        what["ends_at"] = None if news.ends_at is None else _instant(news.ends_at)
    return {
        "event_type": kind,
        "meta": {
            "unsubscribe": f"{notice.root}/unsubscribe/{notice.subscription_token}",
            "documentation": f"{notice.root}/subscribe",
        },
        "page": {
            "id": str(notice.page.id),
            "status_indicator": notice.page_state,
            "status_description": _WORDS.get(notice.page_state, "All services are operational"),
        },
        kind: {**what, f"{kind}_updates": updates},
    }


def chat_message(notice: Notice, news: News) -> dict[str, Any]:
    """What Slack's incoming webhooks take."""
    language = notice.subscriber.language
    url = report_address(notice.root, news.report_id, maintenance=news.maintenance)
    head = f"[{company(notice.page)}] {one_line(news.title)}: {standing(language, news.standing)}"
    lines = [cut(clean(news.message).strip(), MAX_CHAT_CHARACTERS, _escaped)]
    leave = f"{notice.root}/unsubscribe/{notice.subscription_token}"
    lines += [f"{_escaped(one_line(name))}: {_escaped(standing(language, word))}" for name, word in news.affected[:20]]
    return {
        "text": _escaped(cut(head, 300)),
        "unfurl_links": False,
        "attachments": [
            {
                "color": _MARKS.get(news.standing, "#1b7f4b"),
                "title": cut(one_line(news.title), 250, _escaped),
                "title_link": url,
                "text": "\n".join([*(line for line in lines if line), f"<{leave}|{_escaped(say(language, 'leave'))}>"]),
            }
        ],
    }


def notification(notice: Notice, news: News) -> dict[str, Any]:
    """What the page's service worker is told."""
    return {
        "title": cut(f"{company(notice.page)}: {one_line(news.title)}", 120),
        "body": cut(f"{standing(notice.subscriber.language, news.standing)}. {one_line(news.message)}",
                    MAX_PUSH_CHARACTERS),
        "tag": notice.thread,
        "url": report_address(notice.root, news.report_id, maintenance=news.maintenance),
    }  # fmt: skip


async def _post(
    notice: Notice,
    body: bytes,
    net: Net,
    receiver: str,
    gone: frozenset[int],
    *,
    headers: tuple[tuple[str, str], ...] = (),
    public_only: bool,
) -> Outcome:
    if not notice.subscriber.address:
        return Outcome(verdict=Verdict.REFUSED, detail="its address was sealed with a key that is lost")
    response = await net.fetch(
        HttpRequest(
            url=notice.subscriber.address,
            method="POST",
            headers=(("User-Agent", USER_AGENT), ("Content-Type", "application/json"), *headers),
            body=body,
            follow_redirects=False,  # whoever may answer for an address may not send us on to another one
            remember_cookies=False,
            timeout_seconds=TIMEOUT_SECONDS,
            keep_body_bytes=MAX_ANSWER_BYTES,
            public_only=public_only,
        )
    )
    return _of_response(response, receiver, gone, notice.at)


def _of_response(response: HttpResponse, receiver: str, gone: frozenset[int], at: datetime) -> Outcome:
    answer = answered(response, receiver, at=at, words="")
    return _outcome(answer, ours=response.ours, gone=response.status_code in gone)


def _outcome(answer: Answer, *, ours: bool = False, gone: bool = False) -> Outcome:
    if isinstance(answer, Sent):
        return Outcome(verdict=Verdict.ACCEPTED, detail=answer.detail)
    if isinstance(answer, GiveUp):
        return Outcome(verdict=Verdict.GONE if gone else Verdict.REFUSED, detail=answer.why)
    verdict = Verdict.OURS if ours else Verdict.LATER
    return Outcome(verdict=verdict, detail=answer.why, after_seconds=answer.after_seconds)


def _escaped(text: str) -> str:
    """As Slack wants it (Formatting text for app surfaces: escaping)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
