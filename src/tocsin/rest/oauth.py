"""The addresses at which programs find out how to be let in, introduce themselves, and fetch and end their tokens."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec
import structlog

from tocsin.gateway.oauth import (
    ACCESS_TOKEN_LIFETIME,
    BROAD,
    SCOPES,
    Issued,
    Parameters,
    Problem,
    Registered,
    Shown,
    TokenDesk,
    Whence,
)
from tocsin.kernel.errors import TooMany, Unavailable
from tocsin.rest.body import Gone, Malformed, read_body

log = structlog.get_logger()

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

OPERATION_KEY = "tocsin.operation"
"""Where in the ASGI scope the kind of request is left, for whoever counts requests."""
MAX_BODY_BYTES = 32 * 1024
"""A registration with twenty long redirect URIs."""
MAX_FIELDS = 50
SERVER_METADATA = "/.well-known/oauth-authorization-server"
RESOURCE_METADATA = ("/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp")
TOKEN, REGISTER, REVOKE = "/oauth/token", "/oauth/register", "/oauth/revoke"
_METHODS = {SERVER_METADATA: "GET", **dict.fromkeys(RESOURCE_METADATA, "GET")} | dict.fromkeys(
    (TOKEN, REGISTER, REVOKE), "POST"
)
_STATUSES = {"invalid_client": 401, "temporarily_unavailable": 503}
"""Every other error is a 400 (RFC 6749, 5.2)."""
_CORS: Headers = [(b"access-control-allow-origin", b"*"), (b"vary", b"Origin")]
"""Clients that run in a browser ask here too. No cookie is looked at, so any origin may: a secret proves who asks."""
_PREFLIGHT: Headers = [
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, MCP-Protocol-Version"),
    (b"access-control-max-age", b"3600"),
]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back."""

    status: int = 200
    body: Any = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    cache: bytes = b"no-store"


class OAuthEndpoints:
    """An ASGI application for whatever `takes` says is its own: all of OAuth but the page that asks the person."""

    def __init__(self, desk: TokenDesk) -> None:
        self._desk = desk
        self._server = server_metadata(desk.issuer, desk.resource)
        self._resource = resource_metadata(desk.issuer, desk.resource)

    def takes(self, path: str) -> bool:
        """Whether an address is one of ours."""
        return path in _METHODS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[OPERATION_KEY] = f"oauth.{scope['path'].rpartition('/')[2]}"
        try:
            answer = await self._answer(scope, receive)
        except Gone:
            return
        except Malformed as error:
            answer = _problem("invalid_request", error.message, status=error.status)
        except TooMany as error:
            answer = _later(429, error.message, error.retry_after_seconds)
        except Unavailable as error:
            answer = _later(503, error.message, error.retry_after_seconds)
        except Exception:
            log.exception("an OAuth request failed")
            answer = _problem("server_error", "This is a fault of Tocsin's own.", status=500)
        content = b"" if answer.body is None else msgspec.json.encode(answer.body)
        headers: Headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
            (b"cache-control", answer.cache),
            (b"x-content-type-options", b"nosniff"),
            *_CORS,
            *answer.headers,
        ]
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path, method = scope["path"], scope["method"]
        if method == "OPTIONS":
            return Answer(status=204, headers=tuple(_PREFLIGHT))
        if method != _METHODS[path] and not (method == "HEAD" and _METHODS[path] == "GET"):
            allow = (b"allow", f"{_METHODS[path]}, OPTIONS".encode())
            return _problem("invalid_request", f"Use {_METHODS[path]} here.", status=405, headers=(allow,))
        if path == SERVER_METADATA:
            return Answer(body=self._server, cache=b"public, max-age=300")
        if path in RESOURCE_METADATA:
            return Answer(body=self._resource, cache=b"public, max-age=300")
        headers = {name.lower(): value for name, value in scope["headers"]}
        body = await read_body(receive, headers.get(b"content-length"), MAX_BODY_BYTES)
        client = scope.get("client")
        whence = Whence(client_address=client[0] if client else None)
        if path == REGISTER:
            return await self._register(body, whence)
        sent = _form(headers.get(b"content-type", b""), body)
        shown = _shown(headers.get(b"authorization"))
        for wrong in (sent, shown):
            if isinstance(wrong, Problem):
                return _refused(wrong)
        assert not isinstance(sent, Problem)
        assert not isinstance(shown, Problem)
        if path == TOKEN:
            return _issued(await self._desk.token(sent, shown, whence))
        ended = await self._desk.revoke(sent, shown, whence)
        return _refused(ended) if ended is not None else Answer()

    async def _register(self, body: bytes, whence: Whence) -> Answer:
        try:
            sent = msgspec.json.decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return _problem("invalid_client_metadata", "The body must be a JSON object of client metadata.")
        made = await self._desk.register(sent, whence)
        return _refused(made) if isinstance(made, Problem) else Answer(status=201, body=_registration(made))


def server_metadata(issuer: str, resource: str) -> dict[str, Any]:
    """What the authorization server can do (RFC 8414)."""
    methods = ["none", "client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}{TOKEN}",
        "registration_endpoint": f"{issuer}{REGISTER}",
        "revocation_endpoint": f"{issuer}{REVOKE}",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "protected_resources": [resource],
        "service_documentation": f"{issuer}/docs/api",
    }


def resource_metadata(issuer: str, resource: str) -> dict[str, Any]:
    """Where tokens for the MCP server are had (RFC 9728). Only the broad scopes stand here: clients ask for all that
    stands here, and a consent page that proposes everything protects nobody."""
    return {
        "resource": resource,
        "authorization_servers": [issuer],
        "scopes_supported": list(BROAD),
        "bearer_methods_supported": ["header"],
        "resource_name": "Tocsin",
        "resource_documentation": f"{issuer}/docs/api",
    }


def _form(content_type: bytes, body: bytes) -> Parameters | Problem:
    if content_type.partition(b";")[0].strip().lower() != b"application/x-www-form-urlencoded":
        return Problem(code="invalid_request", description="Send the parameters as application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        return Problem(code="invalid_request", description="The body is not application/x-www-form-urlencoded.")
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            return Problem(code="invalid_request", description="The body holds null characters.")
        found.setdefault(name, []).append(value)
    return found


def _shown(header: bytes | None) -> Shown | Problem | None:
    """Client id and secret by HTTP Basic, each percent-encoded within (RFC 6749, 2.3.1)."""
    if header is None:
        return None
    scheme, _, given = header.partition(b" ")
    try:
        text = base64.b64decode(given.strip(), validate=True).decode("ascii") if scheme.lower() == b"basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    client_id, colon, secret = text.partition(":")
    if not colon or "\x00" in text:
        return Problem(code="invalid_client", description="The Authorization header is not HTTP Basic.")
    return Shown(client_id=unquote_plus(client_id), secret=unquote_plus(secret))


def _issued(answer: Issued | Problem) -> Answer:
    if isinstance(answer, Problem):
        return _refused(answer)
    body: dict[str, Any] = {
        "access_token": answer.access_token,
        "token_type": "Bearer",
        "expires_in": int(ACCESS_TOKEN_LIFETIME.total_seconds()),
    }
    if answer.refresh_token is not None:
        body["refresh_token"] = answer.refresh_token
    if answer.scope:
        body["scope"] = answer.scope
    return Answer(body=body, headers=((b"pragma", b"no-cache"),))


def _registration(made: Registered) -> Mapping[str, Any]:
    registration = made.registration
    body: dict[str, Any] = {
        "client_id": made.client_id,
        "client_id_issued_at": made.issued_at,
        "client_name": registration.name,
        "redirect_uris": registration.redirect_uris,
        "token_endpoint_auth_method": registration.auth_method,
        "grant_types": registration.grant_types,
        "response_types": ["code"],
        "application_type": registration.application_type,
    }
    if made.secret is not None:
        body |= {"client_secret": made.secret, "client_secret_expires_at": 0}
    return body


def _refused(problem: Problem) -> Answer:
    status = _STATUSES.get(problem.code, 400)
    challenge = ((b"www-authenticate", b'Basic realm="Tocsin"'),) if status == 401 else ()
    return _problem(problem.code, problem.description, status=status, headers=challenge)


def _later(status: int, message: str, seconds: int) -> Answer:
    return _problem(
        "temporarily_unavailable", message, status=status, headers=((b"retry-after", str(seconds).encode()),)
    )


def _problem(
    code: str, description: str, *, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Answer:
    return Answer(status=status, body={"error": code, "error_description": description}, headers=headers)
