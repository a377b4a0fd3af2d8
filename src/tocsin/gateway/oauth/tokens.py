"""Hands out tokens to programs that were let in, takes them back, and lets programs introduce themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.agents.actions import oauth
from tocsin.agents.model.oauth import AuthMethod, Client, Issued, Problem
from tocsin.agents.rules.authorizing import Parameters, one, repeated
from tocsin.agents.rules.client_documents import Registration, checked_registration
from tocsin.gateway.counting import Turnstile
from tocsin.gateway.oauth import trail
from tocsin.gateway.signing_in.trail import Whence
from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.storage import Database, Tx

ASKED_SECONDS = 60
ASKED_PER_ADDRESS = 120
ASKED_IN_ALL = 1_200
"""Requests for tokens within the minute. Each is a write and a line of the log: pages must not wait behind them."""
REGISTERED_SECONDS = 3_600
REGISTERED_PER_ADDRESS = 30
REGISTERED_IN_ALL = 1_000


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a client showed of itself in the Authorization header."""

    client_id: str
    secret: str


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """A client that has just introduced itself."""

    client_id: str
    secret: str | None
    issued_at: int
    """Seconds since 1970."""
    registration: Registration


class TokenDesk:
    """The token, revocation and registration endpoints, without HTTP."""

    def __init__(self, database: Database, clock: Clock, base_url: str) -> None:
        self._database = database
        self.issuer = base_url
        self.resource = f"{base_url}/mcp"
        self._asked = Turnstile(clock, window_seconds=ASKED_SECONDS, each=ASKED_PER_ADDRESS, in_all=ASKED_IN_ALL)
        self._registered = Turnstile(
            clock, window_seconds=REGISTERED_SECONDS, each=REGISTERED_PER_ADDRESS, in_all=REGISTERED_IN_ALL
        )

    async def token(self, sent: Parameters, shown: Shown | None, whence: Whence) -> Issued | Problem:
        """Tokens for a code, for a refresh token, or for a service. Raises TooMany."""
        self._asked.admit_from(whence.client_address)
        return await self._database.write(self._token, sent, shown, whence)

    async def revoke(self, sent: Parameters, shown: Shown | None, whence: Whence) -> Problem | None:
        """End a token; None also when there was none (RFC 7009, 2.2). Raises TooMany."""
        self._asked.admit_from(whence.client_address)
        return await self._database.write(self._revoke, sent, shown, whence)

    async def register(self, sent: Any, whence: Whence) -> Registered | Problem:
        """Let a client introduce itself. Raises TooMany."""
        checked = checked_registration(sent)
        if isinstance(checked, Problem):
            return checked
        self._registered.admit_from(whence.client_address)
        return await self._database.write(_register, checked, whence)

    def _token(self, tx: Tx, sent: Parameters, shown: Shown | None, whence: Whence) -> Issued | Problem:
        client = _authenticated(tx, sent, shown)
        answer = client if isinstance(client, Problem) else self._answer(tx, client, sent)
        operation = trail.REFRESH if one(sent, "grant_type") == "refresh_token" else trail.ISSUE
        refused = isinstance(answer, Problem)
        trail.by_client(
            tx,
            whence,
            operation,
            client=client if isinstance(client, Client) else None,
            agent_id=answer.agent_id,
            outcome="denied" if refused else "allowed",
            reason=answer.description if isinstance(answer, Problem) else _words(answer),
        )
        return answer

    def _answer(self, tx: Tx, client: Client, sent: Parameters) -> Issued | Problem:
        grant_type, resources = one(sent, "grant_type"), sent.get("resource", ())
        if grant_type == "authorization_code":
            code = one(sent, "code")
            if code is None:
                return _invalid("code is missing.")
            return oauth.exchange(
                tx,
                client,
                code=code,
                redirect_uri=one(sent, "redirect_uri"),
                verifier=one(sent, "code_verifier"),
                resources=resources,
            )
        if grant_type == "refresh_token":
            refresh_token = one(sent, "refresh_token")
            if refresh_token is None:
                return _invalid("refresh_token is missing.")
            return oauth.refresh(tx, client, refresh_token=refresh_token, scope=one(sent, "scope"), resources=resources)
        if grant_type == "client_credentials":
            return oauth.service_token(tx, client, scope=one(sent, "scope"), resources=resources, ours=self.resource)
        if grant_type is None:
            return _invalid("grant_type is missing.")
        return Problem(
            code="unsupported_grant_type",
            description="grant_type must be authorization_code, refresh_token or client_credentials.",
        )

    def _revoke(self, tx: Tx, sent: Parameters, shown: Shown | None, whence: Whence) -> Problem | None:
        client = _authenticated(tx, sent, shown)
        if isinstance(client, Problem):
            return client
        token = one(sent, "token")
        if token is None:
            return _invalid("token is missing.")
        found = oauth.revoke(tx, client, token)
        if found is None:
            return None
        refused = isinstance(found, Problem)
        trail.by_client(
            tx,
            whence,
            trail.REVOKE,
            client=client,
            agent_id=found.agent_id,
            outcome="denied" if refused else "allowed",
            reason=found.description if isinstance(found, Problem) else f"its own {found.kind} token",
        )
        return found if isinstance(found, Problem) else None


def _authenticated(tx: Tx, sent: Parameters, shown: Shown | None) -> Client | Problem:
    """Who is asking: by the header or by the body, and never by both (RFC 6749, 2.3)."""
    twice = repeated(sent)
    if twice is not None:
        return _invalid(f"{twice[:40]} was sent more than once.")
    client_id, secret = one(sent, "client_id"), one(sent, "client_secret")
    if shown is None:
        if client_id is None:
            return Problem(code="invalid_client", description="client_id is missing.")
        return oauth.authenticated(tx, client_id, secret, AuthMethod.NONE if secret is None else AuthMethod.POST)
    if secret is not None:
        return _invalid("The client's secret was sent in two ways at once.")
    if client_id is not None and client_id != shown.client_id:
        return _invalid("client_id is not the one in the Authorization header.")
    return oauth.authenticated(tx, shown.client_id, shown.secret, AuthMethod.BASIC)


def _register(tx: Tx, registration: Registration, whence: Whence) -> Registered | Problem:
    made = oauth.register(tx, registration)
    if isinstance(made, Problem):
        return made
    client, secret = made
    trail.by_client(
        tx,
        whence,
        trail.REGISTER,
        client=client,
        agent_id=None,
        outcome="allowed",
        reason="anybody may; nothing comes of it until a person lets it in",
    )
    return Registered(
        client_id=client.client_id,
        secret=secret,
        issued_at=to_milliseconds(tx.now) // 1_000,
        registration=registration,
    )


def _words(issued: Issued) -> str:
    return "by the consent of its owner" if issued.refresh_token else "with the secret of its own client"


def _invalid(description: str) -> Problem:
    return Problem(code="invalid_request", description=description)
