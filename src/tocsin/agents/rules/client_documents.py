"""What a program says about itself, and when it is believed: a document at its own address, or its registration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tocsin.agents.model.oauth import AuthMethod, Client, ClientKind, Problem
from tocsin.agents.rules.redirects import redirect_problem

MAX_CLIENT_ID_CHARACTERS = 500
MAX_NAME_CHARACTERS = 80
MAX_REDIRECT_URIS = 20
GRANT_TYPES = frozenset({"authorization_code", "refresh_token"})
"""What a client may register for by itself; a service (client_credentials) is made by a person."""
UNNAMED = "An unnamed program"


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """What a client registered of itself, and what we made of it."""

    name: str
    redirect_uris: tuple[str, ...]
    auth_method: AuthMethod
    application_type: str
    grant_types: tuple[str, ...]


def is_document_address(client_id: str) -> bool:
    """Whether a client id claims to be the address of a document about the client."""
    return client_id.startswith("https://")


def document_address_problem(client_id: str) -> str | None:
    """Why an address cannot be a client id, as a sentence; None = it can."""
    if len(client_id) > MAX_CLIENT_ID_CHARACTERS:
        return f"A client id has at most {MAX_CLIENT_ID_CHARACTERS} characters."
    problem = redirect_problem(client_id)
    if problem is not None:
        return problem.replace("redirect URI", "client id")
    parts = urlsplit(client_id)
    if parts.path in ("", "/"):
        return "A client id that is an address must have a path."
    if any(part in (".", "..") for part in parts.path.split("/")):
        return "The path of a client id must not have single or double dots in it."
    return None


def described_client(client_id: str, document: Any) -> Client | str:
    """The client that a document tells of; a sentence when the document is not to be believed."""
    if not isinstance(document, Mapping):
        return "The document about this client is not a JSON object."
    if document.get("client_id") != client_id:
        return "The document about this client names another client_id than its own address."
    method = document.get("token_endpoint_auth_method", "none")
    if method != "none":
        return "The document about this client asks for a way to sign in that is not supported here: use none."
    if "client_secret" in document:
        return "The document about this client holds a secret, and everybody can read it."
    uris = _redirect_uris(document.get("redirect_uris"))
    if isinstance(uris, str):
        return uris
    return Client(
        client_id=client_id,
        kind=ClientKind.DOCUMENT,
        name=shown_name(document.get("client_name")),
        redirect_uris=uris,
    )


def checked_registration(sent: Any) -> Registration | Problem:
    """What a client may be registered as (RFC 7591, 2), from what it sent."""
    if not isinstance(sent, Mapping):
        return _refused("The body must be a JSON object of client metadata.")
    uris = _redirect_uris(sent.get("redirect_uris"))
    if isinstance(uris, str):
        return Problem(code="invalid_redirect_uri", description=uris)
    method = sent.get("token_endpoint_auth_method", AuthMethod.BASIC.value)
    if method not in list(AuthMethod):
        return _refused(f"token_endpoint_auth_method must be one of: {', '.join(AuthMethod)}.")
    grant_types = sent.get("grant_types", ["authorization_code"])
    if not isinstance(grant_types, list) or "authorization_code" not in grant_types:
        return _refused("grant_types must be a list with authorization_code in it.")
    unknown = [kind for kind in grant_types if not isinstance(kind, str) or kind not in GRANT_TYPES]
    if unknown:
        return _refused(f"grant_types can be {' and '.join(sorted(GRANT_TYPES))}; a service is registered by a person.")
    response_types = sent.get("response_types", ["code"])
    if response_types != ["code"]:
        return _refused("response_types must be code alone.")
    application_type = sent.get("application_type", "web")
    if application_type not in ("web", "native"):
        return _refused("application_type must be web or native.")
    return Registration(
        name=shown_name(sent.get("client_name")),
        redirect_uris=uris,
        auth_method=AuthMethod(method),
        application_type=application_type,
        grant_types=tuple(dict.fromkeys(grant_types)),
    )


def shown_name(name: Any) -> str:
    """A name that a program gave itself, as one short line that can be seen."""
    if not isinstance(name, str):
        return UNNAMED
    seen = "".join(character if character.isprintable() else " " for character in name[: MAX_NAME_CHARACTERS * 4])
    return " ".join(seen.split())[:MAX_NAME_CHARACTERS].strip() or UNNAMED


def _redirect_uris(sent: Any) -> tuple[str, ...] | str:
    if not isinstance(sent, list) or not sent or not all(isinstance(uri, str) for uri in sent):
        return "redirect_uris must be a list with at least one address in it."
    if len(sent) > MAX_REDIRECT_URIS:
        return f"redirect_uris has too many entries (maximum is {MAX_REDIRECT_URIS})."
    for uri in sent:
        problem = redirect_problem(uri)
        if problem is not None:
            return problem
    return tuple(dict.fromkeys(sent))


def _refused(description: str) -> Problem:
    return Problem(code="invalid_client_metadata", description=description)
