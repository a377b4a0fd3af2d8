"""Whether a program's request for authorization is in order, before any person is asked (RFC 6749, 4.1.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tocsin.agents.model.oauth import Client, ClientKind, Problem, Wish
from tocsin.agents.rules import scopes
from tocsin.agents.rules.proof_keys import challenge_problem
from tocsin.agents.rules.redirects import allowed

MAX_STATE_CHARACTERS = 4_000
"""What a client wants back; some put a whole address into it."""

Parameters = Mapping[str, Sequence[str]]
"""Each with all of its values, as they came."""


def one(parameters: Parameters, name: str) -> str | None:
    """The value of a parameter; one that is empty counts as left out (RFC 6749, 3.1)."""
    values = parameters.get(name, ())
    return values[0] or None if values else None


def repeated(parameters: Parameters) -> str | None:
    """A parameter that came twice, which none but `resource` may (RFC 6749, 3.1; RFC 8707, 2)."""
    return next((name for name, values in parameters.items() if len(values) > 1 and name != "resource"), None)


def redirect_of(parameters: Parameters, client: Client) -> str | None:
    """Where the person may be sent back; None = nowhere: they are told here, and never sent to an unknown place."""
    values = parameters.get("redirect_uri", ())
    if len(values) > 1:
        return None
    given = one(parameters, "redirect_uri")
    if given is None:
        return client.redirect_uris[0] if len(client.redirect_uris) == 1 else None
    return given if allowed(client.redirect_uris, given) else None


def wish_of(parameters: Parameters, client: Client, redirect_uri: str, ours: str) -> Wish | Problem:
    """What is asked for, or why it cannot be. `ours`: the resource for which tokens are given here."""
    twice = repeated(parameters)
    if twice is not None:
        return _invalid(f"{twice[:40]} was sent more than once.")
    if client.kind is ClientKind.SERVICE:
        return Problem(code="unauthorized_client", description="This client works by itself, with client_credentials.")
    response_type = one(parameters, "response_type")
    if response_type is None:
        return _invalid("response_type is missing: it must be code.")
    if response_type != "code":
        return Problem(code="unsupported_response_type", description="response_type must be code.")
    if one(parameters, "response_mode") not in (None, "query"):
        return _invalid("response_mode must be query.")
    challenge = one(parameters, "code_challenge")
    problem = challenge_problem(challenge, one(parameters, "code_challenge_method"))
    if problem is not None or challenge is None:
        return _invalid(problem or "")
    wrong = resource_problem(parameters.get("resource", ()), ours)
    if wrong is not None:
        return wrong
    state = one(parameters, "state")
    if state is not None and len(state) > MAX_STATE_CHARACTERS:
        return _invalid(f"state is too long (maximum is {MAX_STATE_CHARACTERS} characters).")
    asked = one(parameters, "scope")
    scope = scopes.known(asked)
    if asked is not None and (not scope or len(asked) > scopes.MAX_CHARACTERS):
        return Problem(code="invalid_scope", description="None of these scopes is known here.")
    return Wish(
        client=client,
        redirect_uri=redirect_uri,
        redirect_uri_sent=one(parameters, "redirect_uri") is not None,
        state=state,
        scope=scope,
        challenge=challenge,
        resource=ours,
    )


def resource_problem(resources: Sequence[str], ours: str) -> Problem | None:
    """Whether tokens are asked for that would be good elsewhere (RFC 8707): we give none. A slash at the end, which
    some clients add, is the same place."""
    if all(not each or each.removesuffix("/") == ours for each in resources):
        return None
    return Problem(code="invalid_target", description=f"The only resource here is {ours}.")


def _invalid(description: str) -> Problem:
    return Problem(code="invalid_request", description=description)
