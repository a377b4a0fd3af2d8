"""Draws the public pages: what `status_pages` has put together becomes HTML that any browser can read, script or not.

Pure functions: the same view and frame always give the same page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from tocsin.pages.dress import assets
from tocsin.pages.scene import Frame, Scene
from tocsin.pages.words import languages, negotiate
from tocsin.status_pages.model.views import MonthView, PageView, ReportView

__all__ = [
    "ANSWERS",
    "GATES",
    "Frame",
    "assets",
    "draw_answer",
    "draw_choose",
    "draw_gate",
    "draw_home",
    "draw_maintenance",
    "draw_month",
    "draw_not_found",
    "draw_report",
    "draw_subscribe",
    "languages",
    "negotiate",
]

ANSWERS = (
    "check_mail",
    "confirmed",
    "confirm",
    "unsubscribe",
    "unsubscribed",
    "unknown_link",
    "try_again",
    "too_many",
)
"""What `draw_answer` can say."""
GATES = ("password", "members", "refused", "check_mail")
"""What `draw_gate` can ask or say."""

_BUTTONS = {"confirm": "confirm_button", "unsubscribe": "unsubscribe_button"}

_templates = Environment(
    loader=PackageLoader("tocsin.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def draw_home(view: PageView, frame: Frame) -> str:
    """The front page: how everything stands, what is going on, what was."""
    return _draw("home.html", Scene(frame, view))


def draw_maintenance(view: PageView, past: MonthView | None, frame: Frame) -> str:
    """Maintenance under way, to come, and that of one month."""
    return _draw("maintenance.html", Scene(frame, view, path="/maintenance"), past=past)


def draw_month(view: PageView, month: MonthView, frame: Frame) -> str:
    """All reports of one month with their whole timelines."""
    return _draw("month.html", Scene(frame, view, path="/incidents", query=f"month={month.month}"), month=month)


def draw_report(view: PageView, report: ReportView, frame: Frame) -> str:
    """One report at its own address."""
    place = "maintenance" if report.maintenance else "incidents"
    return _draw("report.html", Scene(frame, view, path=f"/{place}/{report.id}", report=report), report=report)


def draw_subscribe(
    view: PageView, frame: Frame, form: Mapping[str, str], errors: Mapping[str, str], notice: str = ""
) -> str:
    """The form for subscribers, filled with what was sent.

    Its fields: `kind` (email, webhook, slack, push), `email`, `address`, `resources` (once per ticked resource; in
    `form` their ids joined by commas) and `csrf`. A browser's push subscription is sent by the script as `address`
    with `Accept: application/json`; a status below 300 is success. `errors`: sentences by the name
    of the field, `base` for the whole; fields get a whole sentence in the reader's language instead.
    """
    scene = Scene(frame, view, path="/subscribe")
    known = {"email": "email", "address": "slack" if form.get("kind") == "slack" else "address", "kind": "kind"}
    errors = {name: scene.say(f"wrong_{known[name]}") if name in known else words for name, words in errors.items()}
    return _draw("subscribe.html", scene, form=form, errors=errors, notice=notice)


def draw_answer(view: PageView | None, frame: Frame, kind: str, **values: Any) -> str:
    """What came of a form or a link: one of `ANSWERS`. `values`: `email` (for `check_mail`), `company_name`.

    `confirm` and `unsubscribe` show a button that posts to the same address.
    """
    scene = Scene(frame, view, company=str(values.get("company_name", "")), path="")
    key, said = kind, {"name": scene.company or scene.say("status_page")}
    if kind == "check_mail" and values.get("email"):
        key, said = "check_mail_to", {"email": str(values["email"])}
    button = scene.say(_BUTTONS[kind]) if kind in _BUTTONS else ""
    return _draw("answer.html", scene, kind=kind, words=scene.say(key, **said), button=button)


def draw_choose(view: PageView, frame: Frame, chosen: Collection[int], *, saved: bool | None = None) -> str:
    """What a subscriber may choose: of which resources to hear (none ticked = all), or to leave.

    The first form posts `deed` = `choose` and `resources`, once per ticked one; the second nothing. `saved`: whether
    what was chosen just now is kept; None = nothing was.
    """
    return _draw("choose.html", Scene(frame, view, path=""), chosen=chosen, saved=saved)


def draw_gate(frame: Frame, company_name: str, kind: str, error: str = "", back: str = "", sign_in: str = "") -> str:
    """What a private page shows to whoever may not read it yet: one of `GATES`.

    The form posts `password` or `email`, `csrf` and `back` to `/unlock`. `error`: a sentence in the
    reader's words, like `gate_wrong`. `back`: the path below the page that was asked for at first; without it, where
    the form stands. `sign_in`: where members sign in otherwise; empty where they cannot.
    """
    scene = Scene(frame, company=company_name, path="", query=urlencode({"back": back}) if back else "")
    return _draw("gate.html", scene, kind=kind, error=error, back=back, sign_in=sign_in)


def draw_not_found(frame: Frame) -> str:
    """There is no such page."""
    return _draw("not_found.html", Scene(frame, path=""))


def _draw(template: str, scene: Scene, **values: Any) -> str:
    return _templates.get_template(template).render(s=scene, **values)
