"""The demo's status page: three sections, three months in which some things went wrong, and a maintenance to come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Ask = Callable[[str, str, Any], Awaitable[Any]]
"""(method, path, body) to the answer of the API."""

SUBDOMAIN = "demo"
_STORIES = (
    (61, 95, "Checkout was slow", "Checkout", "degraded", (
        "Paying takes up to a minute. Orders are not lost: please do not press the button twice.",
        "A payment provider answers slowly. We send payments through **another one** meanwhile.",
        "Paying takes two seconds again. Nobody was charged twice.",
    )),
    (34, 42, "The shop could not be reached", "Shop", "downtime", (
        "The shop does not open. We have found a full disk and make room.",
        "The shop is open again.",
    )),
    (12, 180, "Search found nothing", "Search", "degraded", (
        "Search finds nothing, while everything is still there: *browse by category* meanwhile.",
        "The index is being built anew; results come back over the next hour.",
        "All results are back. What we learned: [the index is now built beside the old one](https://example.com/index).",
    )),
    (3, 18, "API requests were refused", "Public API", "downtime", (
        "Some requests to the API end without an answer.",
        "A router was replaced. All is well.",
    )),
)  # fmt: skip
"""(days ago, minutes it lasted, title, resource, what it was, what was said, the last word being the end)"""
_OPENING = "We move everything from the old town into our own street. The shops are closed for half an hour."
_SHELVES = "We put up new shelves. Orders are taken as usual and leave a few hours later."


async def seed(ask: Ask, monitors: dict[str, int], heartbeats: dict[str, int]) -> None:
    """Make the page. `monitors` and `heartbeats`: their ids by name."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    page = await ask("POST", "/api/v2/status-pages", {
        "subdomain": SUBDOMAIN, "timezone": "Europe/Prague", "company_name": "Demo Street",
        "company_url": "https://example.com", "contact_url": "mailto:help@demo.example", "subscribable": True,
        "theme": "system", "history": 90, "announcement": "We have moved: the shop is now on the sunny side.",
        "navigation_links": [{"text": "Status", "href": "/"}, {"text": "Maintenance", "href": "/maintenance"},
                             {"text": "History", "href": "/incidents"}],
    })  # fmt: skip
    root = f"/api/v2/status-pages/{page['data']['id']}"
    resources: dict[str, int] = {}
    for section, lines in (
        ("Shopping", (("Shop", "history"), ("Checkout", "history"), ("Search", "intraday_history"))),
        ("For developers", (("Public API", "response_times"), ("Documentation", "history"))),
        ("Behind the scenes", (("Nightly backup", "history"), ("Warehouse", "history"))),
    ):
        made = await ask("POST", f"{root}/sections", {"name": section})
        for name, widget in lines:
            body: dict[str, Any] = {
                "status_page_section_id": int(made["data"]["id"]), "public_name": name, "widget_type": widget,
            }  # fmt: skip
            if name in monitors:
                body |= {"resource_type": "Monitor", "resource_id": monitors[name]}
            elif name in heartbeats:
                body |= {"resource_type": "Heartbeat", "resource_id": heartbeats[name]}
            else:
                body |= {"resource_type": "ManuallyTrackedItem", "explanation": "People with forklifts."}
            answer = await ask("POST", f"{root}/resources", body)
            resources[name] = int(answer["data"]["id"])
    for days, minutes, title, name, status, words in _STORIES:
        began = now - timedelta(days=days, hours=days % 7)
        await _story(ask, root, began, minutes, title, resources[name], status, words)
    opened = (now - timedelta(days=89)).replace(hour=2, minute=0)
    await _maintenance(ask, root, opened, 30, "We move into the street", _OPENING, list(resources.values()))
    shelves = (now + timedelta(days=2)).replace(hour=21, minute=0)
    await _maintenance(ask, root, shelves, 180, "New shelves in the warehouse", _SHELVES, [resources["Warehouse"]])


async def _story(
    ask: Ask, root: str, began: datetime, minutes: int, title: str, resource: int, status: str, words: tuple[str, ...]
) -> None:
    """A report of the past, told as it went."""
    report = await ask("POST", f"{root}/status-reports", {
        "title": title, "message": words[0], "starts_at": _wire(began), "published_at": _wire(began),
        "notify_subscribers": False,
        "affected_resources": [{"status_page_resource_id": str(resource), "status": status}],
    })  # fmt: skip
    for number, message in enumerate(words[1:], start=1):
        last = number == len(words) - 1
        await ask("POST", f"{root}/status-reports/{report['data']['id']}/status-updates", {
            "message": message, "published_at": _wire(began + timedelta(minutes=minutes * number / (len(words) - 1))),
            "affected_resources": [
                {"status_page_resource_id": str(resource), "status": "resolved" if last else status}
            ],
        })  # fmt: skip


async def _maintenance(
    ask: Ask, root: str, begins: datetime, minutes: int, title: str, message: str, resources: list[int]
) -> None:
    await ask("POST", f"{root}/status-reports", {
        "title": title, "report_type": "maintenance", "notify_subscribers": False, "message": message,
        "published_at": _wire(min(begins, datetime.now(UTC)) - timedelta(days=1)),
        "starts_at": _wire(begins), "ends_at": _wire(begins + timedelta(minutes=minutes)),
        "affected_resources": [
            {"status_page_resource_id": str(id), "status": "maintenance"} for id in resources
        ],
    })  # fmt: skip


def _wire(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
