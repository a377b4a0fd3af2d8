"""What is about oneself: how pages reach you, when they may not wake you, and how this console looks to you."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import COOKIE_SECONDS, Frame
from tocsin.kernel.errors import Invalid, NotFound

THEME_COOKIE = "tocsin_theme"
THEMES = ("system", "light", "dark")
KINDS = (
    ("phone", "Phone: calls and text messages", "+420777123456"),
    ("email", "Another e-mail address", "ann@example.com"),
    ("telegram", "Telegram chat", "the chat's number"),
    ("ntfy", "ntfy topic", "https://ntfy.sh/your-topic"),
    ("pushover", "Pushover", "your user key"),
    ("apprise", "Apprise", "the address of your service"),
)
CHANNELS = (("push", "Push"), ("call", "Call"), ("sms", "Text message"), ("email", "E-mail"))
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_MINUTES = 60
MAX_FEEDS = 100


def routes(frame: Frame) -> list[Route]:
    """Everything under `/me` but the sign-in's own pages."""
    return [
        frame.get("/me", show),
        frame.post("/me/theme", theme),
        frame.post("/me/contact-methods", add_method),
        frame.post("/me/contact-methods/{id:int}/code", send_code),
        frame.post("/me/contact-methods/{id:int}/verify", verify),
        frame.post("/me/contact-methods/{id:int}/delete", delete_method),
        frame.post("/me/push", push),
        frame.post("/me/rules", add_rule),
        frame.post("/me/rules/{id:int}/delete", delete_rule),
        frame.post("/me/quiet-hours", add_quiet_hours),
        frame.post("/me/quiet-hours/{id:int}/delete", delete_quiet_hours),
        frame.post("/me/feeds", add_feed),
        frame.post("/me/feeds/{id:int}/delete", delete_feed),
    ]


async def show(desk: Desk) -> Response:
    """All of it on one page."""
    return await _draw(desk)


async def theme(desk: Desk) -> Response:
    """Light, dark, or as the device says: kept in this browser."""
    chosen = desk.field("theme")
    response = desk.go("/me", "Saved for this browser.")
    if chosen in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            chosen,
            max_age=12 * COOKIE_SECONDS,
            path="/",
            samesite="lax",
            httponly=True,
            secure=desk.encrypted,
        )
    return response


async def add_method(desk: Desk) -> Response:
    """An address, and the code that proves that it is theirs."""
    typed = {name: desk.field(name).strip() for name in ("kind", "address", "label")}
    try:
        made = await desk.one("contact_methods.create", user="me", **typed)
    except Invalid as error:
        return await _draw(desk, 422, errors=wrong(error), typed=typed)
    return desk.go("/me#reach", f"A code is on its way to {made['address']}. Enter it below.")


async def send_code(desk: Desk) -> Response:
    """Once more."""
    await desk.call("contact_methods.send_code", user="me", id=desk.id)
    return desk.go("/me#reach", "A new code is on its way.")


async def verify(desk: Desk) -> Response:
    """From now on pages go there too."""
    try:
        await desk.call("contact_methods.verify", user="me", id=desk.id, code=desk.field("code").strip())
    except Invalid as error:
        return await _draw(desk, 422, errors={"code": [text for texts in wrong(error).values() for text in texts]})
    return desk.go("/me#reach", "Verified. Pages go there from now on.")


async def delete_method(desk: Desk) -> Response:
    """Nothing goes there any more."""
    await desk.call("contact_methods.delete", user="me", id=desk.id)
    return desk.go("/me#reach", "Removed. For 30 days it can be had back from the trash.")


async def push(desk: Desk) -> Response:
    """On to the page on which this browser asks for notifications."""
    link = await desk.flat("contact_methods.push_link", user="me")
    return desk.go(urlsplit(link["url"]).path)


async def add_rule(desk: Desk) -> Response:
    """By which channels, and after how many minutes, for one severity or all others."""
    urgency = desk.field("urgency_id")
    steps = [
        {"channel": channel, "after_seconds": 60 * _minutes(desk.field(f"after_{channel}"))}
        for channel, _ in CHANNELS
        if desk.field(f"use_{channel}") == "true"
    ]
    try:
        await desk.call("notification_rules.create", user="me", urgency_id=urgency or None, steps=steps)
    except Invalid as error:
        return await _draw(desk, 422, errors=_whole(error))
    return desk.go("/me#rules", "Rule saved.")


async def delete_rule(desk: Desk) -> Response:
    """The severity decides again."""
    await desk.call("notification_rules.delete", user="me", id=desk.id)
    return desk.go("/me#rules", "Rule deleted: the severity decides again.")


async def add_quiet_hours(desk: Desk) -> Response:
    """When only e-mail may come, unless it is critical."""
    given: dict[str, Any] = {name: desk.field(name).strip() for name in ("timezone", "time_from", "time_to")}
    try:
        await desk.call("quiet_hours.create", user="me", days=desk.fields.get("days", []), **given)
    except Invalid as error:
        return await _draw(desk, 422, errors=wrong(error), typed=given)
    return desk.go("/me#quiet", "Quiet hours saved.")


async def delete_quiet_hours(desk: Desk) -> Response:
    """Pages wake them again."""
    await desk.call("quiet_hours.delete", user="me", id=desk.id)
    return desk.go("/me#quiet", "Quiet hours deleted.")


async def add_feed(desk: Desk) -> Response:
    """A secret address at which a calendar program reads their shifts."""
    await desk.call("on_call_feeds.create", user_email=desk.present.email)
    return desk.go("/me#feeds", "Calendar feed made. Copy its address into your calendar.")


async def delete_feed(desk: Desk) -> Response:
    """The address stops working."""
    if all(each["id"] != str(desk.id) for each in await _feeds(desk)):
        raise NotFound("on_call_feed", desk.id)
    await desk.call("on_call_feeds.delete", id=desk.id)
    return desk.go("/me#feeds", "The address of that feed stopped working.")


def _minutes(text: str) -> int:
    return min(int(text), MAX_MINUTES) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def _whole(error: Invalid) -> dict[str, list[str]]:
    """For what is wrong in a part that no field of the form stands for."""
    return {"base": [f"{name}: {text}" for name, texts in wrong(error).items() for text in texts]}


async def _feeds(desk: Desk) -> list[dict[str, Any]]:
    found = await desk.many("on_call_feeds.list", per_page=MAX_FEEDS)
    mine = desk.present.email.lower()
    return [each for each in found.items if (each["user_email"] or "").lower() == mine]


async def _draw(
    desk: Desk, status_code: int = 200, *, errors: dict[str, list[str]] | None = None,
    typed: dict[str, Any] | None = None,
) -> Response:  # fmt: skip
    mine = ("contact_methods.list", "notification_rules.list", "quiet_hours.list")
    (urgencies, methods, rules, quiet), (feeds, reach) = await asyncio.gather(
        asyncio.gather(desk.many("urgencies.list", per_page=100), *(desk.many(name, user="me") for name in mine)),
        asyncio.gather(_feeds(desk), desk.flat("users.reach", user="me", call="true", sms="true")),
    )
    chosen = desk.request.cookies.get(THEME_COOKIE, "system")
    unsaid = {"kind": "phone", "address": "", "label": "", "timezone": "", "time_from": "22:00", "time_to": "07:00"}
    return desk.page(
        "me/me.html", status_code=status_code, errors=errors or {}, typed={**unsaid, **(typed or {})},
        methods=methods.items, rules=rules.items, quiet=quiet.items, urgencies=urgencies.items,
        severity={each["id"]: each["name"] for each in urgencies.items}, feeds=feeds, reach=reach,
        kinds=KINDS, channels=CHANNELS, days=DAYS, themes=THEMES, theme=chosen if chosen in THEMES else "system",
    )  # fmt: skip
