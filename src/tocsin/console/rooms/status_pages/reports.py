"""What was told, is being told and will be told on a status page: reports, their updates, and how they end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.desk import Desk, wrong
from tocsin.console.frame import Frame, values_of
from tocsin.console.rooms.status_pages import wording
from tocsin.console.rooms.status_pages.listing import goes_on, instant
from tocsin.console.rooms.status_pages.opened import Opened, everything, opened
from tocsin.kernel.errors import Invalid

PER_PAGE = 100


def routes(frame: Frame) -> list[Route]:
    """`/status-pages/ID/reports…`."""
    base = "/status-pages/{id:int}/reports"
    one = f"{base}/{{report:int}}"
    update = f"{one}/updates/{{update:int}}"
    return [
        frame.get(base, show),
        frame.get(one, show_one),
        frame.post(f"{one}/updates", tell_more),
        frame.post(f"{one}/publish", publish),
        frame.post(f"{one}/end", end),
        frame.post(f"{one}/reopen", reopen),
        frame.get(f"{one}/edit", edit),
        frame.post(f"{one}/edit", save),
        frame.post(f"{one}/delete", delete),
        frame.get(update, edit_update),
        frame.post(update, save_update),
        frame.post(f"{update}/delete", delete_update),
    ]


async def show(desk: Desk) -> Response:
    """Drafts, what goes on, what is planned, and what is over."""
    page = await opened(desk)
    found = await desk.many("status_reports.list", status_page_id=page.id, page=desk.number, per_page=PER_PAGE)
    names = {each["id"]: each["public_name"] for each in await page.resources()}
    shelves: dict[str, list[dict[str, Any]]] = {"Drafts": [], "Ongoing": [], "Planned": [], "Past": []}
    for report in found.items:
        shelves[_shelf(desk, report)].append({**report, "names": _names(report, names)})
    return page.draw("reports", "/reports", "Reports", found=found, shelves=shelves)


def _shelf(desk: Desk, report: Mapping[str, Any]) -> str:
    if report["draft"]:
        return "Drafts"
    if goes_on(report, desk):
        return "Ongoing"
    return "Planned" if report["starts_at"] > instant(desk) else "Past"


def _names(report: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    ids = [each["status_page_resource_id"] for each in report["affected_resources"]]
    return [names[id] for id in ids if id in names]


class _Told:
    """A report of a page, with its updates."""

    def __init__(self, page: Opened, report: dict[str, Any]) -> None:
        self.page = page
        self.report = report
        self.about: dict[str, Any] = {"status_page_id": page.id, "status_report_id": int(report["id"])}
        self.one: dict[str, Any] = {"status_page_id": page.id, "id": int(report["id"])}
        self.planned = report["report_type"] == wording.MAINTENANCE
        self.over = report["ends_at"] is not None and report["ends_at"] <= instant(page.desk)

    @property
    def home(self) -> str:
        return f"/reports/{self.report['id']}"


async def _told(desk: Desk) -> _Told:
    page = await opened(desk)
    id = int(desk.request.path_params["report"])
    return _Told(page, await desk.one("status_reports.get", status_page_id=page.id, id=id))


async def show_one(desk: Desk) -> Response:
    """Its story so far, and the form for what there is to say now."""
    return await _shown(await _told(desk), {"notify_subscribers": "true"}, {})


async def _shown(
    told: _Told,
    values: Mapping[str, Any],
    errors: Mapping[str, list[str]],
    said: Mapping[str, str] | None = None,
    mailed: Mapping[str, int] | None = None,
) -> Response:
    desk, page = told.page.desk, told.page
    resources = await page.resources()
    updates = await everything(desk, "status_updates.list", **told.about)
    standing = wording.said_of(told.report["affected_resources"])
    if told.report["draft"] and desk.may("status_reports.update"):
        reply = await desk.call("status_reports.update", dry_run=True, **told.one, draft=False)
        mailed = wording.told_by(reply)
    return page.draw(
        "report",
        "/reports",
        str(told.report["title"]),
        status_code=422 if errors else 200,
        told=told,
        report=told.report,
        state=_shelf(desk, told.report),
        updates=sorted(updates, key=lambda each: (each["published_at"], int(each["id"])), reverse=True),
        names={each["id"]: each["public_name"] for each in resources},
        shelves=wording.by_section(await page.sections(), resources),
        words=wording.PLANNED if told.planned else wording.BY_HAND,
        standing=standing,
        said=standing if said is None else said,
        values=values,
        errors=errors,
        mailed=mailed,
        now=instant(desk),
    )


async def tell_more(desk: Desk) -> Response:
    """Post an update; `resolve` says of everything that it is well; anything but a deed says who would be told."""
    told = await _told(desk)
    deed = desk.field("deed")
    affected = wording.affected_of(desk)
    if deed == "resolve":
        ids = wording.said_of(told.report["affected_resources"])
        affected = [{"status_page_resource_id": id, "status": "resolved"} for id in ids]
    try:
        body: dict[str, Any] = {
            "message": desk.field("message"),
            "affected_resources": affected,
            "notify_subscribers": desk.field("notify_subscribers") == "true",
            "draft": deed == "draft",
        }
        at = wording.instant_of(told.page, "published_at")
        body |= {} if at is None else {"published_at": at}
        if deed not in ("post", "resolve", "draft"):
            reply = await desk.call("status_updates.create", dry_run=True, **told.about, **body)
            values = {"notify_subscribers": "", **values_of(desk.fields)}
            return await _shown(told, values, {}, wording.said_of(affected), wording.told_by(reply))
        await desk.call("status_updates.create", **told.about, **body)
    except Invalid as error:
        values = {"notify_subscribers": "", **values_of(desk.fields)}
        return await _shown(told, values, wrong(error), wording.said_of(wording.affected_of(desk)))
    said = {"draft": "Kept as a draft: nobody sees it yet.", "resolve": "Resolved."}
    return told.page.go(told.home, said.get(deed, "The update is posted."))


async def publish(desk: Desk) -> Response:
    """Show a draft to everybody."""
    told = await _told(desk)
    await desk.call("status_reports.update", **told.one, draft=False)
    return told.page.go(told.home, "It is on the page.")


async def end(desk: Desk) -> Response:
    """It is over now: the only way for maintenance, and for what names no resource."""
    told = await _told(desk)
    body: dict[str, Any] = {"ends_at": instant(desk)}
    if told.report["starts_at"] > body["ends_at"]:
        raise Invalid("It has not begun yet: delete it instead.")
    await desk.call("status_reports.update", **told.one, **body)
    return told.page.go(told.home, "It is over.")


async def reopen(desk: Desk) -> Response:
    """It goes on after all."""
    told = await _told(desk)
    await desk.call("status_reports.update", **told.one, ends_at=None)
    return told.page.go(told.home, "It goes on.")


async def edit(desk: Desk) -> Response:
    """Its title and times."""
    told = await _told(desk)
    report = told.report
    values = {
        "title": report["title"],
        "starts_at": wording.wall_of(told.page, report["starts_at"]),
        "ends_at": wording.wall_of(told.page, report["ends_at"]),
    }
    return _edited(told, values, {})


def _edited(told: _Told, values: Mapping[str, Any], errors: Mapping[str, list[str]]) -> Response:
    return told.page.draw(
        "report_edit", "/reports", "Edit report", status_code=422 if errors else 200, told=told, report=told.report,
        values=values, errors=errors,
    )  # fmt: skip


async def save(desk: Desk) -> Response:
    """Keep them; a time that is the same to the minute stays as it is to the millisecond."""
    told = await _told(desk)
    body: dict[str, Any] = {"title": desk.field("title")}
    try:
        for name in ("starts_at", "ends_at"):
            if desk.field(name) != wording.wall_of(told.page, told.report[name]):
                body[name] = wording.instant_of(told.page, name)
        if body.get("starts_at", "") is None:
            raise Invalid.fields(starts_at="can't be blank")
        await desk.call("status_reports.update", **told.one, **body)
    except Invalid as error:
        return _edited(told, values_of(desk.fields), wrong(error))
    return told.page.go(told.home, "Saved.")


async def delete(desk: Desk) -> Response:
    """With its updates."""
    told = await _told(desk)
    await desk.call("status_reports.delete", **told.one)
    return told.page.go("/reports", "The report is deleted. An administrator can undo that for 30 days.")


# --- one update -------------------------------------------------------------------------------------------------------


async def edit_update(desk: Desk) -> Response:
    """The words of an update, as they were written."""
    told = await _told(desk)
    update = await desk.one("status_updates.get", **told.about, id=_update(desk))
    return _update_edited(told, update, update, {})


def _update(desk: Desk) -> int:
    return int(desk.request.path_params["update"])


def _update_edited(
    told: _Told, update: Mapping[str, Any], values: Mapping[str, Any], errors: Mapping[str, list[str]]
) -> Response:
    return told.page.draw(
        "update_edit", "/reports", "Edit update", status_code=422 if errors else 200, told=told, report=told.report,
        update=update, values=values, errors=errors,
    )  # fmt: skip


async def save_update(desk: Desk) -> Response:
    """Correct them. Who was told is not told again; a draft can be published."""
    told = await _told(desk)
    update = await desk.one("status_updates.get", **told.about, id=_update(desk))
    body: dict[str, Any] = {"message": desk.field("message")}
    if update["draft"] and desk.field("deed") == "publish":
        body["draft"] = False
    try:
        await desk.call("status_updates.update", **told.about, id=_update(desk), **body)
    except Invalid as error:
        return _update_edited(told, update, {**update, **values_of(desk.fields)}, wrong(error))
    return told.page.go(told.home, "The update is posted." if "draft" in body else "Saved.")


async def delete_update(desk: Desk) -> Response:
    """Take it back; those who were told know it all the same."""
    told = await _told(desk)
    await desk.call("status_updates.delete", **told.about, id=_update(desk))
    return told.page.go(told.home, "The update is gone.")
