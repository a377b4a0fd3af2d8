"""Opens an issue in Jira for an incident, and writes into it how the incident went on.

Jira's REST API, version 2 (Cloud and Data Center alike: its texts are plain). Jira has no idempotency key: each issue
carries a label that no other incident has, and before anything is created a second time Jira is asked for it. A comment
may come twice after a crash, and so may an issue while Jira's index lags behind (some seconds).
"""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import urlencode

import msgspec

from tocsin.kernel.net import HttpResponse
from tocsin.notify.channels import answered
from tocsin.notify.channels.places import (
    Fetches,
    Headers,
    accepted,
    ask,
    blank_complaints,
    cut,
    decoded,
    is_about_an_incident,
    key_complaints,
    link_of,
    objects,
    plain,
    settings_of,
    strange,
    texts,
    web_address_complaint,
)
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Retry, Sent

KIND = "jira"
CONNECTIONS = 4
SHOWN = frozenset({
    "site_url", "email", "jira_project_key", "jira_issue_type_id", "jira_fields", "resolve_transition",
})  # fmt: skip
"""All but the token."""
MAX_SUMMARY_CHARACTERS = 255
MAX_TEXT_CHARACTERS = 30_000
"""Jira takes 255 characters in a summary and 32,767 in a text."""
MAX_FIELDS = 50
"""Of `jira_fields`: more than any screen of Jira's has."""
_MARKUP = re.compile(r"([{\[])")
"""What begins a macro, a link or a mention in Jira's text formatting."""
_GONE = frozenset({404, 410})
"""No such address in this kind of Jira."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to configure for an installation."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One project of one Jira."""

    site_url: str
    """E.g. `https://example.atlassian.net`."""
    api_token: str
    email: str = ""
    """Whose token it is (Cloud). Empty: a personal access token of a Data Center."""
    jira_project_key: str
    jira_issue_type_id: str
    jira_fields: dict[str, Any] = {}
    """Further fields of a new issue, as Jira's API takes them."""
    resolve_transition: str = ""
    """Name or id of the transition that a resolved incident's issue goes through; empty: it only gets a comment."""

    def complaints(self) -> dict[str, str]:
        """What cannot be right, by field."""
        wrong = key_complaints(api_token=self.api_token) | blank_complaints(
            api_token=self.api_token,
            jira_project_key=self.jira_project_key,
            jira_issue_type_id=self.jira_issue_type_id,
        )
        address = web_address_complaint(self.site_url)
        if address:
            wrong["site_url"] = address
        if len(self.jira_fields) > MAX_FIELDS:
            wrong["jira_fields"] = f"has too many fields (maximum is {MAX_FIELDS})"
        return wrong


async def send(message: Message, settings: Settings, net: Fetches) -> Answer:
    """Create the incident's issue, or write into the one that is there."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    jira = _Jira(target, net, message)
    if message.parent is not None:
        return await jira.follow(message.parent)
    if is_about_an_incident(message) and message.notice.kind != Kind.PAGE:
        return GiveUp("there is no issue of this incident to write into")
    return await jira.open()


class _Jira:
    """One message's conversation with a Jira."""

    def __init__(self, target: Target, net: Fetches, message: Message) -> None:
        self._target = target
        self._net = net
        self._message = message
        self._label = f"tocsin-{message.thread}"

    async def open(self) -> Answer:
        if self._message.attempt > 1:  # an attempt that was cut off may have got through
            found = await self._found()
            if found is not None:
                return found
        response = await self._ask("POST", "issue", {"fields": self._fields()})
        answer, key = self._answer(response), str(decoded(response).get("key") or "")
        if isinstance(answer, Sent) and not key:
            return strange(response, "Jira")
        return Sent(f"{answer.detail}: issue {key}", provider_id=key) if isinstance(answer, Sent) else answer

    async def follow(self, key: str) -> Answer:
        notice = self._message.notice
        text = f"{notice.headline}\n{plain(self._message, MAX_TEXT_CHARACTERS - 1_000)}"
        answer = self._answer(await self._ask("POST", f"issue/{key}/comment", {"body": _escaped(text)}))
        if not isinstance(answer, Sent):
            return answer
        detail = f"{answer.detail}: comment on {key}"
        if notice.kind == Kind.RESOLVED and self._target.resolve_transition:
            detail += await self._transition(key)
        return Sent(detail, provider_id=key)

    async def _found(self) -> Answer | None:
        """The issue that an earlier attempt has created; None when there is none."""
        query = urlencode({"jql": f'labels = "{self._label}"', "fields": "key", "maxResults": 1})
        response = await self._ask("GET", f"search/jql?{query}")
        if response.status_code in _GONE:  # a Data Center, which still has the old address
            response = await self._ask("GET", f"search?{query}")
        if not accepted(response):
            answer = self._answer(response)
            return Retry(answer.why) if isinstance(answer, GiveUp) else answer
        issues = objects(decoded(response).get("issues"))
        if not issues:
            return None
        key = str(issues[0].get("key") or "")
        return Sent(f"accepted by Jira before: issue {key}", provider_id=key)

    async def _transition(self, key: str) -> str:
        """Move the issue on; returns what is to be said about it. The comment stands, so this is not worth a retry."""
        wanted = self._target.resolve_transition.strip().lower()
        response = await self._ask("GET", f"issue/{key}/transitions")
        known = objects(decoded(response).get("transitions"))
        found = next((each for each in known if wanted in (str(each.get("id")), str(each.get("name")).lower())), None)
        if found is None:
            return f"; it has no transition “{self._target.resolve_transition}” now"
        moved = await self._ask("POST", f"issue/{key}/transitions", {"transition": {"id": str(found.get("id"))}})
        return f", {found.get('name')}" if accepted(moved) else f"; not moved: Jira answered {moved.status_code}"

    def _fields(self) -> dict[str, Any]:
        notice, given = self._message.notice, dict(self._target.jira_fields)
        labels = given.pop("labels", None)
        link = link_of(self._message)
        text = plain(self._message, MAX_TEXT_CHARACTERS - 1_000)
        return given | {
            "project": {"key": self._target.jira_project_key},
            "issuetype": {"id": self._target.jira_issue_type_id},
            "summary": cut(" ".join(notice.headline.split()), MAX_SUMMARY_CHARACTERS),
            "description": _escaped(text) + (f"\n\n{link}" if link else ""),
            "labels": [*(labels if isinstance(labels, list) else []), self._label],
        }

    async def _ask(self, method: str, path: str, body: Any = None) -> HttpResponse:
        url = f"{self._target.site_url.rstrip('/')}/rest/api/2/{path}"
        return await ask(self._net, method, url, body, headers=self._authorization())

    def _authorization(self) -> Headers:
        if not self._target.email:
            return (("Authorization", f"Bearer {self._target.api_token}"),)
        pair = f"{self._target.email}:{self._target.api_token}"
        return (("Authorization", "Basic " + base64.b64encode(pair.encode()).decode()),)

    def _answer(self, response: HttpResponse) -> Answer:
        said = decoded(response)
        words = texts(said.get("errorMessages"))
        errors = said.get("errors")
        words += [f"{field}: {text}" for field, text in errors.items()] if isinstance(errors, dict) else []
        return answered(response, "Jira", at=self._message.at, words="; ".join(words) or None)


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)
