"""A team that has one of everything, each under a name that would break a careless page."""

from __future__ import annotations

from typing import Any

from tests.cli.program import Server
from tests.wire.examples import BODIES

HOSTILE = '<b>"x"</b><script>window.pwned=1</script>\'{{7*7}}'
"""Harmless where it is shown as what it is."""
ADMIN, PASSWORD = "admin@tocsin.example", "a long enough password"


class Furnished:
    """A running program whose only team has one of everything."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.base = f"http://127.0.0.1:{server.port}"
        self.made: dict[str, str] = {}
        """The id of what was made by each operation."""

    def make(self, operation: str, path: str, **more: Any) -> str:
        """Create one by its example; returns its id."""
        body = {**BODIES.get(operation, {}), **more}
        status, answer = self.server.ask(path, "POST", body, token=self.server.token)
        assert status in (200, 201), (operation, status, answer)
        id = str(answer.get("data", answer)["id"])
        self.made[operation] = id
        return id

    def furnish(self) -> Furnished:
        """Make one of everything."""
        name = {"name": HOSTILE}
        group = self.make("monitor_groups.create", "/api/v2/monitor-groups", **name)
        policy = self.make("policies.create", "/api/v3/policies", **name)
        monitor = self.make(
            "monitors.create", "/api/v2/monitors", pronounceable_name=HOSTILE, monitor_group_id=int(group),
            url="http://127.0.0.1:9/", monitor_type="status", policy_id=policy, paused=True,
        )  # fmt: skip
        self.make("heartbeat_groups.create", "/api/v2/heartbeat-groups", **name)
        self.make("heartbeats.create", "/api/v2/heartbeats", **name)
        self.make("policy_groups.create", "/api/v2/policy-groups", **name)
        self.make("urgencies.create", "/api/v2/urgencies", **name)
        self.make("on_calls.create", "/api/v2/on-calls", **name)
        self._incidents()
        self._status_page(monitor)
        self._integrations()
        self._agents()
        metadata = {"owner_type": "Monitor", "owner_id": monitor, "key": HOSTILE[:20], "values": [HOSTILE]}
        assert self.server.ask("/api/v3/metadata", "POST", metadata, token=self.server.token)[0] in (200, 201, 204)
        self.make("team_members.create", "/api/v2/team-members")
        gone = self.make(
            "monitors.create", "/api/v2/monitors", pronounceable_name=HOSTILE, url="http://127.0.0.1:9/gone"
        )
        assert self.server.ask(f"/api/v2/monitors/{gone}", "DELETE", token=self.server.token)[0] == 204
        self.made["monitors.create"] = monitor
        return self

    def _incidents(self) -> None:
        words = {"name": HOSTILE, "summary": HOSTILE, "description": HOSTILE}
        over = self.make("incidents.create", "/api/v3/incidents", **words)
        assert self.server.ask(f"/api/v3/incidents/{over}/resolve", "POST", {}, token=self.server.token)[0] == 200
        incident = self.make("incidents.create", "/api/v3/incidents", **words)
        self.make("incident_comments.create", f"/api/v2/incidents/{incident}/comments", content=f"**Bold** {HOSTILE}")

    def _status_page(self, monitor: str) -> None:
        page = self.make("status_pages.create", "/api/v2/status-pages", company_name=HOSTILE, announcement=HOSTILE)
        here = f"/api/v2/status-pages/{page}"
        section = self.make("status_page_sections.create", f"{here}/sections", name=HOSTILE)
        self.make(
            "status_page_resources.create", f"{here}/resources", public_name=HOSTILE, resource_type="Monitor",
            resource_id=int(monitor), status_page_section_id=int(section),
        )  # fmt: skip
        report = self.make("status_reports.create", f"{here}/status-reports", title=HOSTILE, message=HOSTILE)
        self.make("status_updates.create", f"{here}/status-reports/{report}/status-updates", message=HOSTILE)
        self.make("status_page_subscribers.create", f"{here}/subscribers")
        self.make("status_page_groups.create", "/api/v2/status-page-groups", name=HOSTILE)

    def _integrations(self) -> None:
        name = {"name": HOSTILE}
        self.make("outgoing_webhooks.create", "/api/v2/outgoing-webhooks", **name)
        self.make("incoming_webhooks.create", "/api/v2/incoming-webhooks", **name)
        self.make("email_integrations.create", "/api/v2/email-integrations", **name)
        self.make("prometheus_integrations.create", "/api/v2/prometheus-integrations", **name)
        self.make("notification_targets.create", "/api/v2/notification-targets", **name)
        self.make("catalog_relations.create", "/api/v2/catalog/relations", **name)

    def _agents(self) -> None:
        agent = self.make(
            "agents.create", "/api/v2/agents", name=HOSTILE, purpose=HOSTILE, owner_email=ADMIN,
            levels={"monitors": "full", "incidents": "read"}, switches={"delete": "ask"},
        )  # fmt: skip
        status, token = self.server.ask(
            f"/api/v2/agents/{agent}/tokens", "POST", {"name": HOSTILE}, token=self.server.token
        )
        assert status == 201, token
        secret = token.get("token") or token["data"]["attributes"]["token"]
        assert self.server.ask(f"/api/v2/monitors/{self.made['monitors.create']}", "DELETE", token=secret)[0] == 202
