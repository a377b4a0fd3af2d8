"""What is in order when a program asks to be let in: addresses, proofs, scopes, and what it says of itself."""

from __future__ import annotations

import base64
import hashlib
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.agents.model import AREAS, SWITCHES, Level, Setting
from tocsin.agents.model.oauth import AuthMethod, Choice, Client, ClientKind, Problem
from tocsin.agents.rules import proof_keys, redirects, scopes
from tocsin.agents.rules.client_documents import (
    Registration,
    checked_registration,
    described_client,
    document_address_problem,
    shown_name,
)

LEVELS = st.dictionaries(st.sampled_from(AREAS), st.sampled_from(Level))
SETTINGS = st.dictionaries(st.sampled_from(SWITCHES), st.sampled_from(Setting))


@pytest.mark.parametrize(
    "uri",
    [
        "https://claude.ai/api/mcp/auth_callback",
        "https://example.com:8443/cb?tenant=7",
        "http://127.0.0.1:33418/callback",
        "http://localhost/callback",
        "http://[::1]:8080/",
        "cursor://anysphere.cursor-retrieval/oauth/callback",
        "com.example.app:/oauth",
    ],
)
def test_where_people_may_be_sent_back(uri: str) -> None:
    assert redirects.redirect_problem(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "//evil.example/cb",
        "http://example.com/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost.evil.example/cb",
        "https:///cb",
        "https://example.com/cb#fragment",
        "https://example.com/cb#",
        "https://user:secret@example.com/cb",
        "https://claude.ai@evil.example/cb",
        "https://example.com\\@evil.example/cb",
        "https://example.com/c b",
        "https://example.com/cb\r\nSet-Cookie: a=b",
        "https://exämple.com/cb",
        "https://example.com:99999/cb",
        "https://[::1/cb",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "view-source:https://example.com",
        "https://example.com/" + "a" * 2_000,
    ],
)
def test_where_nobody_is_sent(uri: str) -> None:
    assert redirects.redirect_problem(uri) is not None


@pytest.mark.parametrize(
    ("registered", "sent", "fits"),
    [
        ("https://example.com/cb", "https://example.com/cb", True),
        ("https://example.com/cb", "https://example.com/cb/", False),
        ("https://example.com/cb", "https://example.com/cb?next=evil", False),
        ("https://example.com/cb", "https://example.com:444/cb", False),
        ("https://example.com/cb", "https://EXAMPLE.com/cb", False),
        ("https://example.com/cb", "https://example.com/cb/../evil", False),
        ("https://example.com/cb", "https://example.com.evil.example/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", True),
        ("http://127.0.0.1:3000/cb", "http://127.0.0.1:51004/cb", True),
        ("http://localhost:3000/cb", "http://localhost:4000/cb", True),
        ("http://localhost:3000/cb", "http://127.0.0.1:3000/cb", False),
        ("http://localhost:3000/cb", "http://localhost:4000/other", False),
        ("http://localhost:3000/cb", "http://localhost:4000/cb#x", False),
        ("http://localhost:3000/cb", "http://x@localhost:4000/cb", False),
        ("http://localhost:3000/cb", "https://localhost:3000/cb", False),
        ("cursor://a/cb", "cursor://b/cb", False),
    ],
)
def test_an_address_must_be_one_of_those_named_before_but_for_a_loopback_port(
    registered: str, sent: str, fits: bool
) -> None:
    assert redirects.allowed([registered], sent) is fits


def test_the_answer_is_added_to_what_the_address_holds_already() -> None:
    given = redirects.with_parameters(
        "https://example.com/cb?a=b%20c", {"code": "x&y", "state": None, "iss": "https://t"}
    )
    assert given == "https://example.com/cb?a=b%20c&code=x%26y&iss=https%3A%2F%2Ft"


def test_pkce_takes_s256_alone() -> None:
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert proof_keys.challenge_problem(challenge, "S256") is None
    assert proof_keys.proves(verifier, challenge)
    for method in (None, "plain", "s256", ""):
        assert proof_keys.challenge_problem(challenge, method)
    for bad in (None, "", verifier, challenge + "=", challenge[:-1]):
        assert proof_keys.challenge_problem(bad, "S256")
    for bad in (None, "", challenge, verifier + "x", verifier[:42], "ä" * 50, "a" * 129):
        assert not proof_keys.proves(bad, challenge)


def test_broad_scopes_propose_reading_and_acts_are_asked_about() -> None:
    levels, switches = scopes.proposed(["read", "write"])
    assert set(levels.values()) == {Level.READ}
    assert switches == dict.fromkeys([act for act in SWITCHES if act != "delete"], Setting.ASK)


def test_fine_scopes_propose_what_they_say_and_never_more_than_changing() -> None:
    assert scopes.proposed(["incidents:write", "monitors:full", "delete"]) == (
        {"incidents": Level.WRITE, "monitors": Level.WRITE},
        {"delete": Setting.ASK},
    )


@given(st.lists(st.sampled_from(scopes.SCOPES)))
def test_nothing_is_ever_proposed_that_deletes_or_acts_by_itself(asked: list[str]) -> None:
    levels, switches = scopes.proposed(asked)
    assert Level.FULL not in levels.values()
    assert Setting.ON not in switches.values()


@given(LEVELS, SETTINGS, LEVELS, st.sets(st.sampled_from(SWITCHES)))
def test_nobody_gives_away_more_than_is_theirs(
    levels: dict[str, Level], switches: dict[str, Setting], mine: dict[str, Level], acts: set[str]
) -> None:
    given = scopes.capped(Choice(team_id=1, levels=levels, switches=switches), mine, acts)
    for area, level in given.levels.items():
        assert mine.get(area, Level.OFF).reaches(level)
        assert levels[area].reaches(level)
    assert set(given.switches) <= acts


@given(st.lists(st.sampled_from(scopes.SCOPES), min_size=1), LEVELS, SETTINGS)
def test_a_client_is_told_no_scope_that_it_did_not_ask_for(
    asked: list[str], levels: dict[str, Level], switches: dict[str, Setting]
) -> None:
    told = scopes.granted(asked, Choice(team_id=1, levels=levels, switches=switches)).split()
    assert set(told) <= set(asked)


def test_no_scope_lets_an_agent_change_the_team() -> None:
    assert "team:read" in scopes.SCOPES
    assert "team:write" not in scopes.SCOPES
    assert scopes.known("team:write openid read read") == ("read",)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com",
        "https://example.com/",
        "http://example.com/client.json",
        "https://user@example.com/client.json",
        "https://example.com/client.json#x",
        "https://example.com/a/../client.json",
        "https://example.com/./client.json",
        "https://example.com/" + "a" * 500,
    ],
)
def test_which_addresses_are_no_client_ids(address: str) -> None:
    assert document_address_problem(address)


ADDRESS = "https://app.example/oauth/client.json"
DOCUMENT = {"client_id": ADDRESS, "client_name": "App", "redirect_uris": ["http://127.0.0.1/cb"]}


def test_a_document_about_a_client_is_believed() -> None:
    assert document_address_problem(ADDRESS) is None
    assert described_client(ADDRESS, DOCUMENT) == Client(
        client_id=ADDRESS, kind=ClientKind.DOCUMENT, name="App", redirect_uris=("http://127.0.0.1/cb",)
    )


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        "text",
        {**DOCUMENT, "client_id": ADDRESS + "/"},
        {**DOCUMENT, "client_id": None},
        {**DOCUMENT, "redirect_uris": []},
        {**DOCUMENT, "redirect_uris": "https://app.example/cb"},
        {**DOCUMENT, "redirect_uris": [7]},
        {**DOCUMENT, "redirect_uris": ["javascript:alert(1)"]},
        {**DOCUMENT, "redirect_uris": [f"https://app.example/{number}" for number in range(21)]},
        {**DOCUMENT, "token_endpoint_auth_method": "client_secret_basic"},
        {**DOCUMENT, "token_endpoint_auth_method": "private_key_jwt"},
        {**DOCUMENT, "client_secret": "everybody reads this"},
    ],
)
def test_a_document_that_is_not_believed(document: object) -> None:
    assert isinstance(described_client(ADDRESS, document), str)


def test_a_registration_in_order() -> None:
    sent = {
        "redirect_uris": ["http://localhost:3000/cb", "http://localhost:3000/cb"],
        "client_name": "  Claude\n Code ",
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "application_type": "native",
        "software_id": "ignored",
    }
    assert checked_registration(sent) == Registration(
        name="Claude Code",
        redirect_uris=("http://localhost:3000/cb",),
        auth_method=AuthMethod.NONE,
        application_type="native",
        grant_types=("authorization_code", "refresh_token"),
    )


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://evil.example/"]}, "invalid_redirect_uri"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": ["none"]}, "invalid_client_metadata"),
        ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": ["authorization_code", "client_credentials"]}, "invalid_client_metadata"),
        ({"grant_types": ["authorization_code", "password"]}, "invalid_client_metadata"),
        ({"grant_types": [["authorization_code"], "authorization_code"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"application_type": "other"}, "invalid_client_metadata"),
    ],
)
def test_a_registration_out_of_order(change: dict[str, object], code: str) -> None:
    problem = checked_registration({"redirect_uris": ["https://app.example/cb"], **change})
    assert isinstance(problem, Problem)
    assert problem.code == code


def test_a_name_is_one_line_that_can_be_seen() -> None:
    assert shown_name("Cla‮ude\x00 \n\t Code") == "Cla ude Code"
    assert shown_name("x" * 500) == "x" * 80
    assert shown_name(["list"]) == shown_name("\n") == "An unnamed program"
