"""A body for every operation that takes one, and how to get something to try it on."""

from __future__ import annotations

from typing import Any

import httpx

from tocsin.inbound.model import KINDS, SOURCES
from tocsin.registry import Operation, Route

BODIES: dict[str, Any] = {
    "monitors.create": {"url": "https://shop.example.com"},
    "monitors.test": {"url": "https://shop.example.com"},
    "monitors.update": {"pronounceable_name": "Renamed"},
    "monitor_groups.create": {"name": "Production"},
    "monitor_groups.update": {"name": "Renamed"},
    "heartbeats.create": {"name": "Nightly backup", "period": 86_400, "grace": 3_600},
    "heartbeats.update": {"name": "Renamed"},
    "heartbeat_groups.create": {"name": "Backups"},
    "heartbeat_groups.update": {"name": "Renamed"},
    "heartbeat_ping_key.change": {},
    "incidents.create": {"summary": "The shop is closed", "name": "Shop"},
    "incidents.acknowledge": {},
    "incidents.resolve": {},
    "incidents.reopen": {},
    "incidents.merge": {"incident_ids": [2]},
    "incidents.alert_next": {},
    "incidents.escalate": {"escalation_type": "User", "user_email": "alice@tocsin.example"},
    "metadata.set": {"owner_type": "Monitor", "owner_id": "1", "key": "Team", "values": ["Payments"]},
    "metadata.create": {"owner_type": "Monitor", "owner_id": "1", "key": "Team", "value": "Payments"},
    "metadata.update": {"value": "Shop"},
    "policies.create": {
        "name": "Standard",
        "steps": [{"type": "escalation", "step_members": [{"type": "entire_team"}]}],
    },
    "policies.update": {"repeat_count": 2, "repeat_delay": 600},
    "policies.preview": {"steps": [{"type": "escalation", "step_members": [{"type": "entire_team"}]}]},
    "policy_groups.create": {"name": "Databases"},
    "policy_groups.update": {"sort_index": 2},
    "urgencies.create": {"name": "High", "sms": True, "call": True, "email": True, "push": True},
    "urgencies.update": {"critical_alert": True},
    "urgency_groups.create": {"name": "At night"},
    "urgency_groups.update": {"sort_index": 2},
    "outgoing_webhooks.create": {"url": "https://hooks.example.com/in", "trigger_type": "incident_change"},
    "outgoing_webhooks.update": {"name": "Renamed"},
    "outgoing_webhooks.replay": {},
    "outgoing_webhooks.test": {},
    "status_pages.create": {"subdomain": "acme", "timezone": "Prague", "company_name": "Acme"},
    "status_pages.update": {"announcement": "We move on Sunday."},
    "status_pages.preview": {"theme": "dark", "report": {"title": "Slow", "message": "We are looking into it."}},
    "status_page_groups.create": {"name": "Customers"},
    "status_page_groups.update": {"sort_index": 2},
    "status_page_sections.create": {"name": "Core"},
    "status_page_sections.update": {"name": "Renamed"},
    "status_page_resources.create": {"resource_type": "ManuallyTrackedItem", "public_name": "Website"},
    "status_page_resources.update": {"public_name": "Renamed"},
    "status_reports.create": {"title": "Slow answers", "message": "We are looking into it."},
    "status_reports.update": {"title": "Very slow answers"},
    "status_updates.create": {"message": "We have found it.", "affected_resources": []},
    "status_updates.update": {"message": "We have found the cause."},
    "status_page_subscribers.create": {"email": "reader@customer.example"},
    "catalog_relations.create": {"name": "Services"},
    "catalog_relations.update": {"match_mode": "all"},
    "catalog_attributes.create": {"name": "Team", "primary": True},
    "catalog_attributes.update": {"name": "Crew"},
    "catalog_records.create": {"attributes": []},
    "catalog_records.update": {"attributes": []},
    "catalog_records.add_many": [{"attributes": []}],
    "catalog_records.replace_all": [],
    "on_calls.create": {"name": "Tier 2"},
    "on_calls.update": {"name": "Renamed"},
    "on_call_rotation.set": {
        "users": ["alice@tocsin.example"],
        "rotation_length": 1,
        "rotation_interval": "day",
        "start_rotations_at": "2026-03-02T09:00:00Z",
        "end_rotations_at": "2026-03-09T09:00:00Z",
    },
    "on_call_events.create": {
        "starts_at": "2026-03-03T09:00:00Z",
        "ends_at": "2026-03-04T09:00:00Z",
        "users": ["alice@tocsin.example"],
    },
    "on_call_events.update": {"override": True},
    "on_call_events.replace": {"events": []},
    "on_call_layers.create": {"users": ["alice@tocsin.example"]},
    "on_call_layers.update": {"rotation_interval": "day"},
    "on_call_layers.preview": {"users": ["alice@tocsin.example"]},
    "on_call_cover_requests.create": {
        "user_email": "alice@tocsin.example",
        "asked_user_email": "bob@tocsin.example",
        "starts_at": "2026-03-03T09:00:00Z",
        "ends_at": "2026-03-04T09:00:00Z",
    },
    "on_call_imports.create": {"url": "https://calendar.example.com/oncall.ics"},
    "on_call_imports.update": {"name": "Renamed"},
    "on_call_feeds.create": {"user_email": "alice@tocsin.example"},
    "on_call_cover_requests.accept": {"user_email": "bob@tocsin.example"},
    "on_call_cover_requests.decline": {"user_email": "bob@tocsin.example"},
    "on_call_cover_requests.cancel": {"user_email": "alice@tocsin.example"},
    "slack_integrations.create": {"webhook_url": "https://hooks.slack.com/services/T0/B0/x"},
    "slack_integrations.update": {"integration_type": "channel"},
    "pager_duty_webhooks.create": {"name": "Shop", "key": "R015X", "severity": "error"},
    "pager_duty_webhooks.update": {"severity": "critical"},
    "splunk_on_calls.create": {"url": "https://alert.victorops.example/integrations/generic/1/alert/key/db"},
    "splunk_on_calls.update": {"name": "Renamed"},
    "jira_integrations.create": {
        "site_url": "https://ops.atlassian.example",
        "api_token": "secret",
        "jira_project_key": "OPS",
        "jira_issue_type_id": "10001",
    },
    "jira_integrations.update": {"automatic_issue_creation": False},
    "notification_targets.create": {"kind": "ntfy", "settings": {"topic": "ops"}},
    "notification_targets.update": {"name": "Renamed"},
    "notification_targets.test": {},
    "team_members.create": {"email": "dana@tocsin.example", "role": "responder"},
    "team_members.change_role": {},
    "contact_methods.create": {"kind": "email", "address": "alice.private@tocsin.example"},
    "contact_methods.update": {"label": "Private"},
    "contact_methods.send_code": {},
    "contact_methods.verify": {"code": "123456"},
    "contact_methods.push_link": {},
    "contact_methods.subscribe": {
        "subscription": '{"endpoint": "https://push.test/1", "keys": {"auth": "BTBZMqHH6r4Tts7J_aSIgg", "p256dh": '
        '"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"}}',
        "label": "Phone",
    },
    "notification_rules.create": {"steps": [{"channel": "email", "after_seconds": 0}]},
    "notification_rules.update": {"steps": [{"contact_method_id": 0}]},
    "quiet_hours.create": {"timezone": "Europe/Prague", "time_from": "22:00", "time_to": "07:00"},
    "quiet_hours.update": {"days": ["sat", "sun"]},
    "agents.create": {"name": "Triage-bot", "levels": {"incidents": "read"}, "switches": {"acknowledge": "on"}},
    "agents.update": {"switches": {"acknowledge": "ask"}},
    "agents.suspend": {},
    "agents.resume": {},
    "agents.suspend_all": {},
    "agents.resume_all": {},
    "agent_grants.create": {"levels": {"monitors": "write"}, "reason": "It pauses what is being mended."},
    "agent_oauth_clients.create": {"name": "Night watch"},
    "api_tokens.create": {"name": "Deployments"},
    "agent_tokens.create": {"name": "Laptop", "allowed_addresses": ["192.0.2.0/24"]},
    "approvals.approve": {},
    "approvals.deny": {},
    "trash.restore": {},
    "plans.create": {"operation": "create_monitor", "arguments": {"url": "https://shop.example.com"}},
    "plans.apply": {},
    "access_requests.create": {"levels": {"monitors": "write"}, "reason": "The shop is being moved."},
    "incident_comments.create": {"content": "Looking at it"},
    "incident_comments.update": {"content": "Looked at it"},
    "postmortems.save": {"content": "# What we learned"},
}
"""By operation; whoever adds an operation with a body adds an example here."""

for _kind in KINDS.values():
    BODIES[f"{_kind.type}s.create"] = {"name": "Alerts"}
    BODIES[f"{_kind.type}s.update"] = {"name": "Renamed"}
BODIES["inbound_integrations.dry_run"] = {"body": {"status": "down"}}

_PARENTS = {
    "/api/v2/monitors/{id}": ("/api/v2/monitors", BODIES["monitors.create"]),
    "/api/v2/monitor-groups/{id}": ("/api/v2/monitor-groups", BODIES["monitor_groups.create"]),
    "/api/v2/heartbeats/{id}": ("/api/v2/heartbeats", BODIES["heartbeats.create"]),
    "/api/v2/heartbeat-groups/{id}": ("/api/v2/heartbeat-groups", BODIES["heartbeat_groups.create"]),
    "/api/v2/policies/{id}": ("/api/v2/policies", BODIES["policies.create"]),
    "/api/v3/policies/{id}": ("/api/v3/policies", BODIES["policies.create"]),
    "/api/v2/policy-groups/{id}": ("/api/v2/policy-groups", BODIES["policy_groups.create"]),
    "/api/v2/urgencies/{id}": ("/api/v2/urgencies", BODIES["urgencies.create"]),
    "/api/v2/urgency-groups/{id}": ("/api/v2/urgency-groups", BODIES["urgency_groups.create"]),
    "/api/v2/incidents/{id}": ("/api/v2/incidents", BODIES["incidents.create"]),
    "/api/v2/incidents/{incident_id}": ("/api/v2/incidents", BODIES["incidents.create"]),
    "/api/v2/api-tokens/{id}": ("/api/v2/api-tokens", BODIES["api_tokens.create"]),
    "/api/v2/agents/{id}": ("/api/v2/agents", BODIES["agents.create"]),
    "/api/v2/agents/{agent_id}": ("/api/v2/agents", BODIES["agents.create"]),
    "/api/v2/outgoing-webhooks/{id}": ("/api/v2/outgoing-webhooks", BODIES["outgoing_webhooks.create"]),
    "/api/v2/status-pages/{id}": ("/api/v2/status-pages", BODIES["status_pages.create"]),
    "/api/v2/status-pages/{status_page_id}": ("/api/v2/status-pages", BODIES["status_pages.create"]),
    "/api/v2/status-page-groups/{id}": ("/api/v2/status-page-groups", BODIES["status_page_groups.create"]),
    "/api/v2/metadata/{id}": ("/api/v2/metadata", BODIES["metadata.create"]),
    "/api/v2/catalog/relations/{id}": ("/api/v2/catalog/relations", BODIES["catalog_relations.create"]),
    "/api/v2/catalog/relations/{relation_id}": ("/api/v2/catalog/relations", BODIES["catalog_relations.create"]),
    "/api/v3/incidents/{id}": ("/api/v3/incidents", BODIES["incidents.create"]),
    "/api/v2/on-call-feeds/{id}": ("/api/v2/on-call-feeds", BODIES["on_call_feeds.create"]),
    "/api/v2/on-calls/{id}": ("/api/v2/on-calls", BODIES["on_calls.create"]),
    "/api/v2/slack-integrations/{id}": ("/api/v2/slack-integrations", BODIES["slack_integrations.create"]),
    "/api/v2/pager-duty-webhooks/{id}": ("/api/v2/pager-duty-webhooks", BODIES["pager_duty_webhooks.create"]),
    "/api/v2/splunk-on-calls/{id}": ("/api/v2/splunk-on-calls", BODIES["splunk_on_calls.create"]),
    "/api/v2/jira-integrations/{id}": ("/api/v2/jira-integrations", BODIES["jira_integrations.create"]),
    "/api/v2/notification-targets/{id}": ("/api/v2/notification-targets", BODIES["notification_targets.create"]),
}
"""By the beginning of an address: where, and with what, a thing of that kind is made."""

for _kind in KINDS.values():
    _PARENTS[f"/api/v2/{_kind.path}/{{id}}"] = (f"/api/v2/{_kind.path}", {"name": "Alerts"})
_PARENTS["/api/v2/inbound-integrations/{id}"] = _PARENTS["/api/v2/incoming-webhooks/{id}"]

_ALIKE = tuple(f"/api/v2/{kind.path}" for kind in SOURCES if kind.name not in ("prometheus", "datadog"))


def repeats(route: Route) -> bool:
    """Whether another address is made of the very same code: tried in the whole run, not before every commit."""
    return route.path.startswith(_ALIKE)


def body(operation: Operation, route: Route) -> Any:
    """The example body, or None for an operation that takes none."""
    return BODIES[operation.name] if route.method in ("POST", "PATCH", "PUT") else None


_ALICE = "alice@tocsin.example"
"""Who is in the team that owns everything here: the first of all people, and its one admin."""
_PARTS = {
    "events": "on_call_events.create",
    "layers": "on_call_layers.create",
    "cover-requests": "on_call_cover_requests.create",
    "imports": "on_call_imports.create",
    "comments": "incident_comments.create",
    "attributes": "catalog_attributes.create",
    "records": "catalog_records.create",
    "sections": "status_page_sections.create",
    "resources": "status_page_resources.create",
    "status-reports": "status_reports.create",
    "status-updates": "status_updates.create",
    "subscribers": "status_page_subscribers.create",
    "grants": "agent_grants.create",
    "tokens": "agent_tokens.create",
    "oauth-clients": "agent_oauth_clients.create",
}
"""What is a part of something else: how it is made."""
_BEFORE = {
    "/api/v2/metadata": ("/api/v2/monitors", BODIES["monitors.create"]),
    "/api/v3/metadata": ("/api/v2/monitors", BODIES["monitors.create"]),
}
"""By the beginning of an address: what must be there before; the first of its kind has the id 1."""


def creating(operation: Operation, route: Route) -> Any:
    """What makes one of those that `operation` lists, posted to the same address."""
    verb = "set" if route.path == "/api/v3/metadata" else "create"
    return BODIES[operation.name.replace(".list", f".{verb}")]


async def prepare(client: httpx.AsyncClient, path: str) -> None:
    """Make what the examples at this address lean on."""
    for beginning, (collection, attributes) in _BEFORE.items():
        if path.startswith(beginning):
            made = await client.post(collection, json=attributes)
            assert made.status_code == 201, made.text


async def address(client: httpx.AsyncClient, route: Route) -> str:
    """The route's address with the ids of things that `client` has just made."""
    path = route.path
    await prepare(client, path)
    if "/users/{user}/" in path and "/{id}" in path:
        collection, _, rest = path.replace("{user}", _ALICE).partition("/{id}")
        example = f"{collection.rpartition('/')[2].replace('-', '_')}.create"
        made = await client.post(collection, json=BODIES[example])
        assert made.status_code == 201, made.text
        return f"{collection}/{made.json()['data']['id']}{rest}"
    if path == "/api/v2/team-members" and route.method == "DELETE":
        made = await client.post(path, json=BODIES["team_members.create"])
        assert made.status_code == 201, made.text
        return f"{path}?email={BODIES['team_members.create']['email']}"
    if path == "/api/v2/sessions":
        return f"{path}?email={_ALICE}"
    path = path.replace("{user}", _ALICE).replace("/{id}/change-role/{role_id}", "/1/change-role/1")
    path = path.replace("/sessions/{id}", "/sessions/1")  # see conftest: only a browser begins one
    if path.endswith(("/alert-next", "/coming-pages")):  # somebody is on call, and the others come later
        await client.post("/api/v2/on-calls/default/layers", json=BODIES["on_call_layers.create"])
        made = await client.post("/api/v3/incidents", json={**BODIES["incidents.create"], "team_wait": 60})
        return path.replace("{id}", made.json()["data"]["id"])
    if path == "/api/v2/audit-log/{id}":
        made = await client.post("/api/v2/monitors", json=BODIES["monitors.create"])
        assert made.status_code == 201, made.text
        newest = (await client.get("/api/v2/audit-log?per_page=1")).json()["data"][0]
        assert newest["attributes"]["target"] == f"monitor {made.json()['data']['id']}"
        return path.replace("{id}", newest["id"])
    if path.startswith("/api/v2/plans/{id}"):
        made = await client.post("/api/v2/plans", json=BODIES["plans.create"])
        return path.replace("{id}", str(made.json()["plan_id"]))
    if path.startswith("/api/v2/trash/{id}"):
        made = await client.post("/api/v2/monitors", json=BODIES["monitors.create"])
        gone = await client.delete(f"/api/v2/monitors/{made.json()['data']['id']}")
        return path.replace("{id}", gone.headers["x-undo-id"])
    if path.startswith("/api/v2/approvals/{id}"):
        return path.replace("{id}", await question(client))
    for beginning, (collection, attributes) in _PARENTS.items():
        if path == beginning or path.startswith(beginning + "/"):
            made = await client.post(collection, json=attributes)
            assert made.status_code == 201, made.text
            path = path.replace(beginning, f"{collection}/{made.json().get('data', made.json())['id']}", 1)
            break
    if "/postmortem" in path and route.method != "PUT":
        await client.put(path[: path.index("/postmortem")] + "/postmortem", json=BODIES["postmortems.save"])
    if path.endswith("/merge"):  # what is merged must exist as well
        await client.post("/api/v3/incidents", json=BODIES["incidents.create"])
    if path.endswith("/rotation") and route.method == "GET":
        await client.post(path, json=BODIES["on_call_rotation.set"])
    if "/cover-requests" in path:  # nobody but who is on call can ask for cover
        await client.post(path.partition("/cover-requests")[0] + "/layers", json=BODIES["on_call_layers.create"])
    if "/deliveries/{delivery_id}" in path:
        made = await client.post(path.partition("/deliveries/")[0] + "/test")
        assert made.status_code == 200, made.text
        path = path.replace("{delivery_id}", made.json()["data"]["id"])
    for part, example in _PARTS.items():
        if f"/{part}/{{" not in path:
            continue
        collection, _, rest = path.partition(f"/{part}/{{")
        made = await client.post(f"{collection}/{part}", json=BODIES[example])
        assert made.status_code in (200, 201), made.text
        path = f"{collection}/{part}/{made.json().get('data', made.json())['id']}{rest.partition('}')[2]}"
    assert "{" not in path, f"say in _PARENTS how to make what {route.path} is about"
    return path


async def question(client: httpx.AsyncClient) -> str:
    """The id of something that an agent of this client's team asks a person."""
    agent = await client.post("/api/v2/agents", json=BODIES["agents.create"])
    assert agent.status_code == 201, agent.text
    token = await client.post(f"/api/v2/agents/{agent.json()['data']['id']}/tokens", json={})
    credential = {"authorization": f"Bearer {token.json()['token']}"}
    asked = await client.post("/api/v2/access-requests", json=BODIES["access_requests.create"], headers=credential)
    assert asked.status_code == 202, asked.text
    return str(asked.json()["data"]["id"])
