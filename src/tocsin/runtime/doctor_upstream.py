"""What the doctor says of the houses behind the door: whether their tokens are in order, and whether they answer."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlsplit

from tocsin.proxy import Place, TokenFile, TokenFileError
from tocsin.runtime.finding import Finding
from tocsin.runtime.settings import Settings, SettingsError
from tocsin.runtime.upstream import places

SUBJECT = "Upstream"
NETWORK_TIMEOUT_SECONDS = 5.0
PATH = "/api/v2/monitors?per_page=1"
"""What costs nothing and every token may read."""


def upstreams(settings: Settings) -> Iterator[Finding]:
    """One line for each house, or that there is none."""
    try:
        everybody, teams = places(settings)
    except SettingsError as error:
        yield Finding("wrong", SUBJECT, "is set by half", str(error))
        return
    if everybody is None and not teams:
        yield Finding("ok", SUBJECT, "none: agents work here", "To put the real Better Stack behind: docs/proxy.md")
        return
    for team, place in [*([("all teams", everybody)] if everybody else []), *teams.items()]:
        yield _of(team, place)


def _of(team: str, place: Place) -> Finding:
    try:
        token = TokenFile(place.token_file).read()
    except TokenFileError as error:
        return Finding("wrong", SUBJECT, f"for {team}: {error}", "See docs/proxy.md.")
    parts = urlsplit(place.url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=NETWORK_TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"{parts.path}{PATH}", headers={"Authorization": f"Bearer {token}"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        words = f"for {team}: {parts.netloc} does not answer ({error.__class__.__name__})"
        return Finding("wrong", SUBJECT, words, "Check --upstream, and that a firewall lets us out.")
    finally:
        connection.close()
    if status == 401:
        words = f"for {team}: {parts.netloc} does not accept the token in {place.token_file}"
        return Finding("wrong", SUBJECT, words, "Put a valid API token there; it is read again by itself.")
    if status != 200:
        words = f"for {team}: {parts.netloc} answers {status}"
        return Finding("warning", SUBJECT, words, "Check that --upstream is the API's address.")
    return Finding("ok", SUBJECT, f"for {team}: {parts.netloc} answers")
