"""The services that incidents are passed on to, each on loopback: they take what the real ones take and refuse what
the real ones refuse, with their statuses and in their words."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote

import msgspec

from tests.notify.channels.web_server import Answer, Headers, WebServer

PAGERDUTY_KEY = "R" * 32
SPLUNK_PATH = "/integrations/generic/20131114/alert/key/database"
JIRA_LOGIN = "Basic " + base64.b64encode(b"bot@example.com:jira-token").decode()
LINEAR_KEY = "lin_api_0123456789"
LINEAR_TEAM = "9cfb482a-81e3-4154-b5b9-2c805e70a02d"
NTFY_TOKEN = "tk_0123456789"
PUSHOVER_APP = "a" * 30
PUSHOVER_USER = "u" * 30


class Hook(WebServer):
    """Takes any JSON at any address, as a catch hook of Zapier's or a server of somebody's own."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[str, Headers, bytes]] = []

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        assert method == "POST"
        self.taken.append((path, headers, body))
        return 200, {"status": "success"}, {}

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, _, body in self.taken]


class PagerDuty(WebServer):
    """The Events API v2: alerts by their deduplication keys."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []
        self.alerts: dict[str, str] = {}
        """How each stands."""

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        if (method, path) != ("POST", "/v2/enqueue"):
            return 404, b"", {}
        event = json.loads(body)
        wrong = self._wrong(event)
        if wrong:
            answer = {"status": "invalid event", "message": "Event object is invalid", "errors": wrong}
            return 400, answer, {}
        self.events.append(event)
        key, action = event["dedup_key"], event["event_action"]
        if action == "trigger":
            if self.alerts.get(key) in (None, "resolved"):
                self.alerts[key] = "triggered"
        elif key in self.alerts:
            self.alerts[key] = {"acknowledge": "acknowledged", "resolve": "resolved"}[action]
        return 202, {"status": "success", "message": "Event processed", "dedup_key": key}, {}

    @staticmethod
    def _wrong(event: dict[str, Any]) -> list[str]:
        if event.get("routing_key") != PAGERDUTY_KEY:
            return ["Length of 'routing_key' is incorrect (should be 32 characters)"]
        if event.get("event_action") not in ("trigger", "acknowledge", "resolve"):
            return ["'event_action' is invalid"]
        if not 0 < len(event.get("dedup_key", "")) <= 255:
            return ["'dedup_key' is missing or too long"]
        payload = event.get("payload", {})
        if event["event_action"] == "trigger":
            missing = [name for name in ("summary", "source", "severity") if not payload.get(name)]
            if missing or len(payload["summary"]) > 1024:
                return [f"'payload.{name}' is missing or blank" for name in missing] or ["summary is too long"]
            if payload["severity"] not in ("critical", "error", "warning", "info"):
                return ["'payload.severity' is invalid"]
        return []


class Splunk(WebServer):
    """The REST endpoint: incidents by their entity."""

    def __init__(self) -> None:
        super().__init__()
        self.alerts: list[dict[str, Any]] = []
        self.refuses = False

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        if (method, path) != ("POST", SPLUNK_PATH):
            return 404, {"result": "failure", "message": "unknown integration"}, {}
        alert = json.loads(body)
        if self.refuses or alert.get("message_type") not in (
            "CRITICAL", "WARNING", "INFO", "ACKNOWLEDGEMENT", "RECOVERY",
        ):  # fmt: skip
            return 200, {"result": "failure", "message": "message_type is unknown"}, {}
        self.alerts.append(alert)
        return 200, {"result": "success", "entity_id": alert["entity_id"]}, {}


class Jira(WebServer):
    """Issues of one project, Jira's text version 2."""

    def __init__(self, *, cloud: bool = True) -> None:
        super().__init__()
        self.cloud = cloud
        self.issues: dict[str, dict[str, Any]] = {}
        self.comments: list[tuple[str, str]] = []
        self.moved: list[tuple[str, str]] = []

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        if headers.get("authorization") not in (JIRA_LOGIN, "Bearer a-token-of-ones-own"):
            return 401, b"<html>Unauthorized</html>", {}
        parts = path.removeprefix("/rest/api/2/").split("/")
        match method, parts:
            case "POST", ["issue"]:
                return self._create(json.loads(body)["fields"])
            case "GET", ["search", "jql"] if self.cloud:
                return self._search(query)
            case "GET", ["search"]:
                return self._search(query) if not self.cloud else (410, {"errorMessages": ["removed"]}, {})
            case "POST", ["issue", key, "comment"] if key in self.issues:
                self.comments.append((key, json.loads(body)["body"]))
                return 201, {"id": "1"}, {}
            case "GET", ["issue", key, "transitions"] if key in self.issues:
                return 200, {"transitions": [{"id": "31", "name": "Done"}]}, {}
            case "POST", ["issue", key, "transitions"] if key in self.issues:
                self.moved.append((key, json.loads(body)["transition"]["id"]))
                return 204, b"", {}
        return 404, {"errorMessages": ["Issue does not exist or you do not have permission to see it."]}, {}

    def _create(self, fields: dict[str, Any]) -> Answer:
        if fields["project"] != {"key": "OPS"}:
            return 400, {"errorMessages": [], "errors": {"project": "valid project is required"}}, {}
        assert len(fields["summary"]) <= 255
        assert "\n" not in fields["summary"]
        key = f"OPS-{len(self.issues) + 1}"
        self.issues[key] = fields
        return 201, {"id": "10000", "key": key, "self": f"{self.url}/rest/api/2/issue/10000"}, {}

    def _search(self, query: str) -> Answer:
        asked = re.fullmatch(r'labels = "(.*)"', parse_qs(query)["jql"][0])
        assert asked
        found = [{"id": "10000", "key": key} for key, each in self.issues.items() if asked[1] in each["labels"]]
        return 200, {"issues": found}, {}


class Linear(WebServer):
    """The GraphQL API, as far as issues and comments go; ids may be given and must be new."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[str, dict[str, Any]] = {}
        self.comments: dict[str, dict[str, Any]] = {}
        self.limited = 0
        """How many of the next requests are over the rate limit."""

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        assert (method, path) == ("POST", "/graphql")
        if headers.get("authorization") != LINEAR_KEY:
            return 401, _error("Authentication required, not authenticated", "AUTHENTICATION_ERROR"), {}
        if self.limited:
            self.limited -= 1
            return 400, _error("Rate limit exceeded", "RATELIMITED"), {}
        asked = json.loads(body)
        found = re.search(r"\{ (\w+)\(", asked["query"])
        assert found
        return self._do(found[1], asked["variables"])

    def _do(self, deed: str, variables: dict[str, Any]) -> Answer:
        given = variables.get("input", {})
        match deed:
            case "issueCreate":
                if given["teamId"] != LINEAR_TEAM:
                    return 200, _error("Entity not found: Team", "INPUT_ERROR"), {}
                return self._add(self.issues, given, "issueCreate", "issue")
            case "commentCreate":
                if given["issueId"] not in self.issues:
                    return 200, _error("Entity not found: Issue", "INPUT_ERROR"), {}
                return self._add(self.comments, given, "commentCreate", "comment")
            case "issueUpdate":
                self.issues[variables["id"]] |= given
                return 200, {"data": {"issueUpdate": {"success": True}}}, {}
        shelf = {"issue": self.issues, "comment": self.comments}[deed]
        if variables["id"] in shelf:
            return 200, {"data": {deed: {"id": variables["id"], "identifier": "OPS-1"}}}, {}
        return 200, _error(f"Entity not found: {deed.title()}", "INPUT_ERROR") | {"data": None}, {}

    @staticmethod
    def _add(shelf: dict[str, dict[str, Any]], given: dict[str, Any], deed: str, noun: str) -> Answer:
        assert uuid.UUID(given["id"]).version == 4
        if given["id"] in shelf:
            return 200, _error("Duplicate entity", "INVALID_INPUT"), {}
        shelf[given["id"]] = given
        identifier = f"OPS-{len(shelf)}"
        return 200, {"data": {deed: {"success": True, noun: {"id": given["id"], "identifier": identifier}}}}, {}


def _error(message: str, code: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code, "type": code.lower()}}]}


class Ntfy(WebServer):
    """Takes messages as JSON at its root; the topic `closed` wants a token."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        message = json.loads(body)
        if (method, path) != ("POST", "/") or not re.fullmatch(r"[-_A-Za-z0-9]{1,64}", message["topic"]):
            return 400, {"code": 40009, "http": 400, "error": "invalid request: topic invalid"}, {}
        if message["topic"] == "closed" and headers.get("authorization") != f"Bearer {NTFY_TOKEN}":
            return 403, {"code": 40301, "http": 403, "error": "forbidden"}, {}
        assert 1 <= message["priority"] <= 5
        assert len(message["message"].encode()) <= 4096
        assert len(message.get("actions", [])) <= 3
        self.messages.append(message)
        return 200, {"id": f"ntfy{len(self.messages)}", "event": "message", "topic": message["topic"]}, {}


class Emergency(msgspec.Struct):
    """A message that is repeated until somebody has seen it."""

    token: str
    """Of the application that sent it: nobody else can call it off."""
    tags: list[str]
    repeats: bool = True


class Pushover(WebServer):
    """The message API, and of the receipts API what ends a repetition: by receipt or by tag."""

    def __init__(self) -> None:
        super().__init__()
        self.apps = {PUSHOVER_APP}
        self.messages: list[dict[str, str]] = []
        self.emergencies: dict[str, Emergency] = {}
        """By receipt."""
        self.called_off: list[str] = []
        """The receipts whose repetition it was asked to end, unknown ones too."""
        self.before_taking: Callable[[], Awaitable[object]] | None = None
        """What happens once while an emergency is on its way."""

    @property
    def ringing(self) -> set[str]:
        """Tags of emergencies that nobody has seen or called off."""
        return {tag for each in self.emergencies.values() if each.repeats for tag in each.tags}

    def seen(self, receipt: str) -> None:
        """Somebody acknowledges it in the app, or its time is over."""
        self.emergencies[receipt].repeats = False

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        form = dict(parse_qsl(body.decode()))
        if form.get("token") not in self.apps:
            return self._refused(400, "token", "invalid", "application token is invalid")
        asked = re.fullmatch(r"/1/receipts/(?:cancel_by_tag/(?P<tag>[^/]+)|(?P<receipt>[^/]+)/cancel)\.json", path)
        if asked and method == "POST":
            return self._by_tag(form, unquote(asked["tag"])) if asked["tag"] else self._cancel(form, asked["receipt"])
        assert (method, path) == ("POST", "/1/messages.json")
        if form["priority"] == "2" and self.before_taking is not None:
            happens, self.before_taking = self.before_taking, None
            await happens()
        return self._take(form)

    def _take(self, form: dict[str, str]) -> Answer:
        if form.get("user") != PUSHOVER_USER:
            words = "user identifier is not a valid user, group, or subscribed user key"
            return self._refused(400, "user", "invalid", words)
        assert len(form["title"]) <= 250
        assert len(form["message"]) <= 1024
        self.messages.append(form)
        if form["priority"] != "2":
            return 200, {"status": 1, "request": str(uuid.uuid4())}, {}
        assert int(form["retry"]) >= 30
        assert int(form["expire"]) <= 10_800
        receipt = f"r{len(self.emergencies) + 1:029d}"
        self.emergencies[receipt] = Emergency(form["token"], form["tags"].split(","))
        return 200, {"status": 1, "request": str(uuid.uuid4()), "receipt": receipt}, {}

    def _cancel(self, form: dict[str, str], receipt: str) -> Answer:
        self.called_off.append(receipt)
        found = self.emergencies.get(receipt)
        if found is None or found.token != form["token"]:
            return self._refused(404, "receipt", "not found", "receipt not found; may be invalid or expired")
        found.repeats = False
        return 200, {"status": 1, "request": str(uuid.uuid4())}, {}

    def _by_tag(self, form: dict[str, str], tag: str) -> Answer:
        mine = [each for each in self.emergencies.values() if each.token == form["token"] and tag in each.tags]
        ended = [each for each in mine if each.repeats]
        for each in ended:
            each.repeats = False
        return 200, {"status": 1, "canceled": len(ended), "request": str(uuid.uuid4())}, {}

    @staticmethod
    def _refused(status: int, what: str, how: str, words: str) -> Answer:
        return status, {what: how, "errors": [words], "status": 0, "request": str(uuid.uuid4())}, {}
