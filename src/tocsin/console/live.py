"""Tells open pages that something has changed, as it happens, so that nobody has to reload them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request as WebRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.gateway.live import Live

COMFORT_SECONDS = 20.0
"""How often a silent line says that it still stands: proxies cut what is silent for a minute."""
LONGEST_SECONDS = 600.0
"""After which the browser opens a new one: a session that has ended hears nothing more."""


def live_routes(frame: Frame, live: Live) -> list[Route]:
    """The stream at `/live`: one event `changed` whenever something of the team changed, its data the kinds of it."""

    async def listen(request: WebRequest) -> Response:
        present = await frame.present(request)
        if present is None or present.place is None:
            return Response(status_code=401)
        if live.full(present.user_id):
            return Response(status_code=503, headers={"Retry-After": "30"})
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            _told(live, present.place.id, present.user_id), media_type="text/event-stream", headers=headers
        )

    return [Route("/live", listen, methods=["GET"])]


async def _told(live: Live, team_id: int, user_id: int) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    until = loop.time() + LONGEST_SECONDS
    with live.listening(team_id, user_id) as changes:
        yield b"retry: 3000\n\n"
        while loop.time() < until:
            try:
                async with asyncio.timeout(COMFORT_SECONDS):
                    kinds = await changes.get()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            while not changes.empty():
                kinds = kinds | changes.get_nowait()
            yield f"event: changed\ndata: {' '.join(sorted(kinds))}\n\n".encode()
