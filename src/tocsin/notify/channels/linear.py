"""Opens an issue in Linear for an incident, and writes into it how the incident went on.

Linear's GraphQL API. The ids of what we create are ours: made from the incident and from the message, so that what is
sent twice after a crash is one issue and one comment. Linear says most of what is wrong in `errors`, whatever the HTTP
status (a full rate limit is a 400).
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import msgspec

from tocsin.notify.channels import answered
from tocsin.notify.channels.places import (
    Fetches,
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
)
from tocsin.notify.model import Answer, GiveUp, Kind, Message, Retry, Sent

KIND = "linear"
CONNECTIONS = 4
SHOWN = frozenset({"team_id", "project_id", "label_ids", "priority", "resolve_state_id"})
"""All but the key."""
MAX_TITLE_CHARACTERS = 255
MAX_TEXT_CHARACTERS = 30_000
"""Nobody reads more, and Linear takes it."""
PERSONAL_KEY = "lin_api_"
"""A personal key goes into the header as it is, an OAuth token after the word Bearer."""
_LATER = frozenset({"RATELIMITED", "INTERNAL_SERVER_ERROR", "INTERNAL ERROR", "NETWORK ERROR"})
"""Codes and types of errors that pass."""

_CREATE = "mutation($input: IssueCreateInput!) { issueCreate(input: $input) { success issue { id identifier } } }"
_FIND = "query($id: String!) { issue(id: $id) { id identifier } }"
_COMMENT = "mutation($input: CommentCreateInput!) { commentCreate(input: $input) { success comment { id } } }"
_FIND_COMMENT = "query($id: String!) { comment(id: $id) { id } }"
_MOVE = "mutation($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) { success } }"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where Linear's API is."""

    base_url: str = "https://api.linear.app"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """One team in one Linear workspace."""

    api_key: str
    team_id: str
    """The team's UUID."""
    project_id: str = ""
    label_ids: tuple[str, ...] = ()
    priority: int = 0
    """0 none, 1 urgent, 2 high, 3 normal, 4 low; a critical incident is urgent in any case."""
    resolve_state_id: str = ""
    """The state (UUID) that a resolved incident's issue goes into; empty: it only gets a comment."""

    def complaints(self) -> dict[str, str]:
        """What cannot be right, by field."""
        wrong = key_complaints(api_key=self.api_key) | blank_complaints(api_key=self.api_key, team_id=self.team_id)
        return wrong if 0 <= self.priority <= 4 else wrong | {"priority": "must be between 0 and 4"}


async def send(message: Message, settings: Settings, net: Fetches) -> Answer:
    """Create the incident's issue, or write into the one that is there."""
    target = settings_of(message, Target)
    if isinstance(target, GiveUp):
        return target
    linear = _Linear(target, settings, net, message)
    if message.parent is not None:
        return await linear.follow(message.parent)
    if is_about_an_incident(message) and message.notice.kind != Kind.PAGE:
        return GiveUp("there is no issue of this incident to write into")
    return await linear.open()


class _Linear:
    """One message's conversation with Linear."""

    def __init__(self, target: Target, settings: Settings, net: Fetches, message: Message) -> None:
        self._target = target
        self._url = settings.base_url.rstrip("/") + "/graphql"
        self._net = net
        self._message = message

    async def open(self) -> Answer:
        target, notice, link = self._target, self._message.notice, link_of(self._message)
        id = _uuid(f"issue:{self._message.thread}:{target.team_id}")
        text = plain(self._message, MAX_TEXT_CHARACTERS)
        input: dict[str, Any] = {
            "id": id,
            "teamId": target.team_id,
            "title": cut(" ".join(notice.headline.split()), MAX_TITLE_CHARACTERS),
            "description": text + (f"\n\n[The incident in Tocsin]({link})" if link else ""),
            "priority": 1 if notice.critical else target.priority,
        }
        if target.project_id:
            input["projectId"] = target.project_id
        if target.label_ids:
            input["labelIds"] = list(target.label_ids)
        answer = await self._ask(_CREATE, {"input": input}, id)
        if isinstance(answer, GiveUp) and await self._exists(_FIND, id):
            return Sent("accepted by Linear before", provider_id=id)
        return answer

    async def follow(self, issue_id: str) -> Answer:
        notice = self._message.notice
        id = _uuid(f"comment:{self._message.key}")
        text = f"**{notice.headline}**\n\n{plain(self._message, MAX_TEXT_CHARACTERS)}"
        input = {"id": id, "issueId": issue_id, "body": text}
        answer = await self._ask(_COMMENT, {"input": input}, issue_id)
        if isinstance(answer, GiveUp) and await self._exists(_FIND_COMMENT, id):
            answer = Sent("accepted by Linear before", provider_id=issue_id)
        if isinstance(answer, Sent) and notice.kind == Kind.RESOLVED and self._target.resolve_state_id:
            moved = await self._ask(
                _MOVE, {"id": issue_id, "input": {"stateId": self._target.resolve_state_id}}, issue_id
            )
            return moved if isinstance(moved, Sent | Retry) else Sent(f"{answer.detail}; {moved.why}", issue_id)
        return answer

    async def _exists(self, query: str, id: str) -> bool:
        """Whether an attempt that was cut off had got through after all."""
        return isinstance(await self._ask(query, {"id": id}, id), Sent)

    async def _ask(self, query: str, variables: dict[str, Any], provider_id: str) -> Answer:
        key = self._target.api_key.strip()
        headers = (("Authorization", key if key.startswith(PERSONAL_KEY) else f"Bearer {key}"),)
        response = await ask(
            self._net, "POST", self._url, {"query": query, "variables": variables}, headers=headers
        )  # fmt: skip
        said = decoded(response)
        errors = objects(said.get("errors"))
        if errors:
            extensions = next(iter(objects([errors[0].get("extensions")])), {})
            words = str(extensions.get("userPresentableMessage") or errors[0].get("message") or "an error")
            marks = {str(extensions.get(name)).upper() for name in ("code", "type")}
            if marks & _LATER:
                return Retry(f"Linear put it off: {words[:300]}")
            if response.status_code == 200:
                return GiveUp(f"Linear refused it: {words[:300]}")
            return answered(response, "Linear", at=self._message.at, words=words)
        answer = answered(response, "Linear", at=self._message.at)
        if not isinstance(answer, Sent):
            return answer
        data = said.get("data") or {}
        done = next(iter(data.values()), None) if isinstance(data, dict) else None
        if not isinstance(done, dict):
            return strange(response, "Linear")
        if done.get("success") is False:
            return GiveUp("Linear says that it was not done, and not why")
        name = (done.get("issue") or {}).get("identifier") if isinstance(done.get("issue"), dict) else None
        return Sent(answer.detail + (f": issue {name}" if name else ""), provider_id=provider_id)


def _uuid(text: str) -> str:
    """A UUID (version 4 in form, RFC 9562, 5.4) that is always the same for the same text."""
    return str(uuid.UUID(bytes=hashlib.sha256(text.encode()).digest()[:16], version=4))
