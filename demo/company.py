"""The rest of the demo's team: what it is told, whom it tells, what it has been through, and an agent that helps it."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

Ask = Callable[[str, str, Any], Awaitable[Any]]
"""(method, path, body) as the team's API token."""

ADMIN = "admin@demo.example"
AGENT_EVERY_SECONDS = 15
STORY = (
    "Orders were taken twice. Looking at the payment provider's log.",
    "Their retry after a timeout is not idempotent on **our** side: the second call made a second order.",
    "The unique key is in place, 14 orders were refunded. Watching for an hour.",
)


async def seed(ask: Ask, base_url: str, shop_id: int) -> str:
    """Furnish the team; returns the agent's token."""
    await _told_and_telling(ask, base_url)
    await _been_through(ask)
    await _second_schedule(ask)
    for key, values in (("env", ["production"]), ("owner", ["Payments"])):
        await ask(
            "POST",
            "/api/v3/metadata",
            {"owner_type": "Monitor", "owner_id": str(shop_id), "key": key, "values": values},
        )
    services = await ask("POST", "/api/v2/catalog/relations", {"name": "Services"})
    await ask(
        "POST", f"/api/v2/catalog/relations/{services['data']['id']}/attributes", {"name": "Name", "primary": True}
    )
    return await _agent(ask, base_url, shop_id)


async def at_work(base_url: str, token: str) -> None:
    """What the agent does all day: it looks, and says what it sees about what nobody has said anything about."""
    said: set[str] = set()
    while True:
        await asyncio.sleep(AGENT_EVERY_SECONDS)
        found = await _as_agent(base_url, token, "GET", "/api/v3/incidents?resolved=false")
        for incident in (found or {}).get("data", []):
            if incident["id"] not in said:
                said.add(incident["id"])
                words = f"{incident['attributes']['name']}: nothing was deployed in the last two hours."
                await _as_agent(
                    base_url, token, "POST", f"/api/v2/incidents/{incident['id']}/comments", {"content": words}
                )


async def _told_and_telling(ask: Ask, base_url: str) -> None:
    await ask("POST", "/api/v2/prometheus-integrations", {"name": "Alertmanager"})
    await ask("POST", "/api/v2/email-integrations", {"name": "Backups by mail"})
    await ask("POST", "/api/v2/incoming-webhooks", {"name": "Build server"})
    await ask("POST", "/api/v2/notification-targets", {"kind": "ntfy", "settings": {"topic": "demo-street"}})
    # Nobody listens there: its log shows what becomes of a message that is not taken.
    await ask(
        "POST",
        "/api/v2/outgoing-webhooks",
        {"name": "Ticket system", "url": "http://127.0.0.1:8081/docs", "trigger_type": "incident_change"},
    )


async def _been_through(ask: Ask) -> None:
    made = await ask(
        "POST", "/api/v3/incidents", {"name": "Double orders", "summary": "Customers are charged twice", "email": True}
    )
    here = f"/api/v3/incidents/{made['data']['id']}"
    await ask("POST", f"{here}/acknowledge", {"acknowledged_by": "Ann Lee"})
    for words in STORY:
        await ask("POST", f"/api/v2/incidents/{made['data']['id']}/comments", {"content": words})
    await ask("POST", f"{here}/resolve", {"resolved_by": "Ann Lee"})


async def _second_schedule(ask: Ask) -> None:
    made = await ask("POST", "/api/v2/on-calls", {"name": "Backend, second line"})
    tomorrow = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
    await ask("POST", f"/api/v2/on-calls/{made['data']['id']}/events", {
        "users": ["bob@demo.example"], "starts_at": tomorrow.isoformat(),
        "ends_at": (tomorrow + timedelta(days=2)).isoformat(),
    })  # fmt: skip


async def _agent(ask: Ask, base_url: str, shop_id: int) -> str:
    made = await ask("POST", "/api/v2/agents", {
        "name": "Triage-bot", "purpose": "Looks at what breaks first, and says what it sees", "owner_email": ADMIN,
        "levels": {"incidents": "write", "monitors": "full", "on_call": "read"},
        "switches": {"acknowledge": "on", "page": "ask", "delete": "ask"},
    })  # fmt: skip
    token = await ask("POST", f"/api/v2/agents/{made['data']['id']}/tokens", {"name": "Demo"})
    secret: str = token.get("token") or token["data"]["attributes"]["token"]
    # One thing that it may not do by itself, so that somebody is asked.
    await _as_agent(
        base_url,
        secret,
        "POST",
        "/api/v3/incidents",
        {"name": "Checkout", "summary": "Checkout answers slowly since the last deployment"},
    )
    await _as_agent(base_url, secret, "DELETE", "/api/v2/status-pages/1")
    return secret


async def _as_agent(base_url: str, token: str, method: str, path: str, body: Any = None) -> Any:
    """What comes of it, also when it is refused; None when nothing could be read."""
    request = urllib.request.Request(
        base_url + path,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        answer = await asyncio.to_thread(urllib.request.urlopen, request, timeout=10)
        return json.loads(answer.read() or b"null")
    except (urllib.error.HTTPError, OSError, ValueError):
        return None
