"""Fetches what a program says about itself at its own address: from the public internet alone, small and soon."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

import msgspec

from tocsin.agents.model.oauth import Client
from tocsin.agents.rules.client_documents import described_client, document_address_problem
from tocsin.kernel.clock import Clock
from tocsin.kernel.net import HttpRequest, Net

MAX_BYTES = 16 * 1024
"""Of a document: they are some hundreds."""
TIMEOUT_SECONDS = 5.0
"""Somebody is waiting before an empty page."""
AT_ONCE = 4
"""Documents that are fetched at a time, for whomever."""
KEPT_SECONDS = 3_600.0
"""How long a document is believed before it is fetched again: so late a redirect URI that was taken back is noticed."""
FAILURE_KEPT_SECONDS = 30.0
MAX_KEPT = 500
_HEADERS = (("Accept", "application/json"),)


class Documents:
    """A bounded memory of documents about clients, and the way to get them."""

    def __init__(self, net: Net, clock: Clock, *, public_only: bool = True) -> None:
        """`public_only`: whether documents at private addresses are refused; a test has none elsewhere."""
        self._net = net
        self._clock = clock
        self._public_only = public_only
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[str, tuple[float, Client | str]] = OrderedDict()

    def remembered(self, client_id: str) -> Client | str | None:
        """What was fetched lately: the client, or what was wrong; None = it must be fetched."""
        found = self._kept.get(client_id)
        if found is None or found[0] <= self._clock.monotonic():
            return None
        return found[1]

    async def client(self, client_id: str) -> Client | str:
        """The client whose id is this address; a sentence when there is none to be believed."""
        problem = document_address_problem(client_id)
        if problem is not None:
            return problem
        async with self._turns:
            found = self.remembered(client_id)
            if found is None:
                found = await self._fetch(client_id)
                lasts = FAILURE_KEPT_SECONDS if isinstance(found, str) else KEPT_SECONDS
                self._kept[client_id] = (self._clock.monotonic() + lasts, found)
                self._kept.move_to_end(client_id)
                while len(self._kept) > MAX_KEPT:
                    self._kept.popitem(last=False)
        return found

    async def _fetch(self, address: str) -> Client | str:
        answer = await self._net.fetch(
            HttpRequest(
                url=address,
                headers=_HEADERS,
                follow_redirects=False,
                timeout_seconds=TIMEOUT_SECONDS,
                keep_body_bytes=MAX_BYTES,
                public_only=self._public_only,
            )
        )
        if answer.failure is not None:
            # In our words: how exactly a name or an address fails would let strangers feel their way through a network.
            return "The document about this client could not be fetched."
        if answer.status_code != 200:
            return f"The document about this client could not be fetched: its address answers {answer.status_code}."
        if answer.truncated:
            return f"The document about this client is larger than {MAX_BYTES} bytes."
        kinds = [value for name, value in answer.headers if name.lower() == "content-type"]
        kind = kinds[-1].partition(";")[0].strip().lower() if kinds else ""
        if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
            return "The document about this client is not JSON by its Content-Type."
        try:
            return described_client(address, msgspec.json.decode(answer.body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return "The document about this client is not JSON."
