"""The page behind the link in an agent's question: a person reads what it wants to do, and says yes or no."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request as WebRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tocsin.gateway import Door
from tocsin.gateway.questions import OpenedQuestion, open_question
from tocsin.gateway.request import Reply, about_one
from tocsin.kernel.errors import Conflict, NotFound, Refused, TooMany, Unauthenticated, Unavailable
from tocsin.storage import Database

MAX_FORM_BYTES = 1_024
"""Which button was pressed."""
_DEEDS = {"approve": "approvals.approve", "deny": "approvals.deny"}

Draw = Callable[..., Response]
"""(template, status_code=…, values …)."""


def approving_routes(database: Database, door: Door, base_url: str, draw: Draw) -> list[Route]:
    """The pages at `/approve/…`: looking changes nothing, as mail scanners open every link; a press answers."""
    pages = _Approving(database, door, base_url, draw)
    return [
        Route("/approve/{token}", pages.show, methods=["GET"]),
        Route("/approve/{token}", pages.answer, methods=["POST"]),
    ]


class _Approving:
    def __init__(self, database: Database, door: Door, base_url: str, draw: Draw) -> None:
        self._database = database
        self._door = door
        self._base_url = base_url
        self._draw = draw

    async def show(self, request: WebRequest) -> Response:
        """What the agent wants, whom it would wake, and the two buttons."""
        try:
            question = await self._open(request)
            if question is None:
                return self._over()
            reply = await self._call(question, "approvals.get")
        except (NotFound, Unauthenticated, Refused):
            return self._over()
        except (Unavailable, TooMany):
            return self._draw("approve_later.html", status_code=503)
        assert reply.operation.resource is not None
        approval = reply.operation.resource.render(reply.value)
        return self._draw(
            "approve.html", question=question, approval=approval, late=request.query_params.get("late", ""),
            arguments=_shown(approval),
        )  # fmt: skip

    async def answer(self, request: WebRequest) -> Response:
        """Say yes or no, then show the question again (a reload must not answer twice)."""
        deed = _DEEDS.get(await _pressed(request))
        late = ""
        try:
            question = await self._open(request)
            if question is None:
                return self._over()
            if deed is not None:
                late = await self._decide(question, deed)
        except (NotFound, Unauthenticated, Refused):
            return self._over()
        except (Unavailable, TooMany):
            return self._draw("approve_later.html", status_code=503)
        headers = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        return RedirectResponse(request.url.path + late, status_code=303, headers=headers)

    async def _decide(self, question: OpenedQuestion, deed: str) -> str:
        """Returns what the page says of an answer that came to nothing."""
        try:
            await self._call(question, deed)
        except Conflict:
            return "?late=1"
        except Refused:
            return "?late=role"
        return ""

    async def _open(self, request: WebRequest) -> OpenedQuestion | None:
        address = request.client.host if request.client else None
        return await open_question(self._database, request.path_params["token"], address)

    async def _call(self, question: OpenedQuestion, name: str) -> Reply:
        operation = self._door.catalogue[name]
        return await self._door.call(
            about_one(operation, question.approval_id, question.credential, surface="link", base_url=self._base_url)
        )

    def _over(self) -> Response:
        return self._draw("approve_over.html", status_code=404)


def _shown(approval: Any) -> list[tuple[str, str]]:
    """(name, value) of every argument, as people read it."""
    return [
        (name, _plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
        for name, value in approval.arguments.items()
    ]


def _plain(text: str) -> str:
    """Without characters that are not seen, such as those that turn the direction of writing."""
    return "".join(each for each in text if each.isprintable() or each == "\n")


async def _pressed(request: WebRequest) -> str:
    """Which button; "" when the form is too large or is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return ""
    try:
        return parse_qs(body.decode("ascii")).get("answer", [""])[-1]
    except (UnicodeDecodeError, ValueError):
        return ""
