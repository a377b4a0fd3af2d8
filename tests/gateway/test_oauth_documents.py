"""A program whose id is the address of a document about it: fetched from a real server, and from no private one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import trustme

from tests.gateway.oauth_stage import Stage, returned
from tests.kernel.conftest import authority, loop, names, net, tls_context
from tests.kernel.servers import HttpServer, LoopThread, NameServer
from tests.time import FakeClock
from tocsin.agents.model.oauth import Client, ClientKind
from tocsin.gateway.oauth.authority import FETCHES_PER_ADDRESS
from tocsin.gateway.oauth.documents import KEPT_SECONDS, MAX_BYTES, Documents
from tocsin.kernel.net import RealNet
from tocsin.kernel.vault import Vault
from tocsin.storage import Database

__all__ = ["authority", "loop", "names", "net"]

pytestmark = pytest.mark.slow
HOST = "app.example"
JSON = "Content-Type: application/json"


@pytest.fixture
def site(loop: LoopThread, authority: trustme.CA, names: NameServer) -> Iterator[HttpServer]:
    """A real HTTPS server, with a certificate that is trusted, at a name that leads to loopback."""
    names.zone[HOST] = ["127.0.0.1"]
    server = HttpServer(loop, tls_context(authority.issue_cert(HOST)))
    yield server
    server.close()


@pytest.fixture
def documents(net: RealNet, clock: FakeClock) -> Documents:
    return Documents(net, clock, public_only=False)


def publish(site: HttpServer, path: str = "/oauth/client.json", **changes: Any) -> str:
    """Put a document there; returns its address, which is the id of the client."""
    address = site.url(path, HOST)
    document = {"client_id": address, "client_name": "App", "redirect_uris": ["http://127.0.0.1/callback"]} | changes
    site.answer(path, 200, msgspec.json.encode(document), JSON)
    return address


async def test_a_document_is_fetched_and_believed_for_an_hour(
    site: HttpServer, documents: Documents, clock: FakeClock
) -> None:
    address = publish(site)
    for _ in range(3):
        assert await documents.client(address) == Client(
            client_id=address, kind=ClientKind.DOCUMENT, name="App", redirect_uris=("http://127.0.0.1/callback",)
        )
    assert len(site.requests) == 1
    publish(site, client_name="Renamed")
    clock.wind(seconds=KEPT_SECONDS + 1)
    found = await documents.client(address)
    assert isinstance(found, Client)
    assert found.name == "Renamed"


@pytest.mark.parametrize(
    "address",
    [
        "https://127.0.0.1/client.json",
        "https://localhost/client.json",
        "https://[::1]/client.json",
        "https://[::ffff:127.0.0.1]/client.json",
        "https://10.0.0.7/client.json",
        "https://192.168.1.1/client.json",
        "https://169.254.169.254/latest/meta-data",
        "https://100.100.100.200/client.json",
        "https://0.0.0.0/client.json",
        "https://2130706433/client.json",
        "https://0x7f000001/client.json",
        "https://inside.example/client.json",
    ],
)
async def test_no_document_is_fetched_from_a_private_address(
    net: RealNet, clock: FakeClock, names: NameServer, site: HttpServer, address: str
) -> None:
    names.zone["inside.example"] = ["127.0.0.1", "10.0.0.7"]
    guarded = Documents(net, clock)
    head, _, path = address.removeprefix("https://").partition("/")
    found = await guarded.client(f"https://{head}:{site.port}/{path}")
    assert found == "The document about this client could not be fetched."
    assert site.requests == []


async def test_a_name_that_moves_inside_between_two_looks_is_found_out(
    net: RealNet, clock: FakeClock, names: NameServer, site: HttpServer
) -> None:
    """The address that was checked is the one that is connected to; and it is checked anew each time."""
    names.zone[HOST] = ["127.0.0.1"]
    assert isinstance(await Documents(net, clock).client(publish(site)), str)
    assert site.requests == []


async def test_a_redirect_is_not_followed(site: HttpServer, documents: Documents) -> None:
    publish(site, "/real.json")
    site.answer("/moved.json", 302, b"", f"Location: {site.url('/real.json', HOST)}")
    found = await documents.client(site.url("/moved.json", HOST))
    assert isinstance(found, str)
    assert "302" in found
    assert site.paths() == ["/moved.json"]


async def test_what_is_not_a_small_json_document_is_not_believed(site: HttpServer, documents: Documents) -> None:
    address = site.url("/bad.json", HOST)
    good = msgspec.json.encode({"client_id": address, "redirect_uris": ["http://127.0.0.1/cb"]})
    for number, (status, body, headers) in enumerate(
        [
            (404, good, [JSON]),
            (500, good, [JSON]),
            (200, good, ["Content-Type: text/html"]),
            (200, good, []),
            (200, b"{", [JSON]),
            (200, b"[]", [JSON]),
            (200, b"\xff\xfe", [JSON]),
            (200, b"[" * 10_000, [JSON]),
            (200, good + b" " * MAX_BYTES, [JSON]),
        ]
    ):
        site.answer(f"/bad{number}.json", status, body, *headers)
        assert isinstance(await documents.client(site.url(f"/bad{number}.json", HOST)), str), number


async def test_a_certificate_of_nobody_s_is_not_believed(
    loop: LoopThread, names: NameServer, documents: Documents
) -> None:
    names.zone[HOST] = ["127.0.0.1"]
    imposter = HttpServer(loop, tls_context(trustme.CA().issue_cert(HOST)))
    found = await documents.client(publish(imposter))
    imposter.close()
    assert found == "The document about this client could not be fetched."
    assert imposter.requests == []


async def test_a_person_lets_in_a_program_known_by_its_document(
    database: Database, clock: FakeClock, vault: Vault, net: RealNet, site: HttpServer, documents: Documents
) -> None:
    stage = Stage(database, clock, vault, net)
    stage.authority._documents = documents  # the guarded one would fetch nothing from this machine
    await stage.people()
    client = {"client_id": publish(site), "redirect_uris": ["http://127.0.0.1:4711/callback"]}
    page = await stage.ask(client)
    assert f"published at <b>{HOST}:{site.port}</b>" in page.text
    assert "anybody could" not in page.text
    code = returned(await stage.choose(await stage.sign_in(page)))["code"]
    body = (await stage.exchange(client, code)).json()
    assert await stage.lets_in(body["access_token"]) == "App of Alice"
    assert (await stage.ask(client, redirect_uri="https://evil.example/cb")).status_code == 400


async def test_nobody_has_us_fetch_without_end(
    database: Database, clock: FakeClock, vault: Vault, net: RealNet, names: NameServer
) -> None:
    stage = Stage(database, clock, vault, net)
    for number in range(FETCHES_PER_ADDRESS):
        page = await stage.browser.get(f"/oauth/authorize?client_id=https://nowhere.example/{number}.json")
        assert page.status_code == 400
    assert (await stage.browser.get("/oauth/authorize?client_id=https://nowhere.example/x.json")).status_code == 429
