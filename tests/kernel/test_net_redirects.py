"""Where a redirect leads: what is followed, what is told to whom, and what is refused."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from tests.kernel.servers import HttpServer, LoopThread, NameServer
from tests.kernel.test_net_http import ask
from tocsin.kernel.net import Failure, HttpRequest, RealNet
from tocsin.kernel.net.target import parse
from tocsin.kernel.net.transfer import begin


async def test_a_redirect_is_followed_and_its_cookies_are_remembered(net: RealNet, server: HttpServer) -> None:
    server.answer("/", 302, b"", "Location: /next?x=1", "Set-Cookie: session=abc; Path=/")
    server.answer("/next?x=1", 200, b"there")
    response = await ask(net, server.url())
    assert (response.status_code, response.body, response.url) == (200, b"there", server.url("/next?x=1"))
    assert server.requests[1][1]["cookie"] == "session=abc"


async def test_cookies_are_forgotten_between_hops_when_they_are_not_wanted(net: RealNet, server: HttpServer) -> None:
    server.answer("/", 302, b"", "Location: /next", "Set-Cookie: session=abc; Path=/")
    server.answer("/next", 200)
    await ask(net, server.url())
    await ask(net, server.url(), remember_cookies=False)
    assert "cookie" in server.requests[1][1]
    assert "cookie" not in server.requests[3][1]


async def test_a_redirect_stays_an_answer_when_it_is_not_to_be_followed(net: RealNet, server: HttpServer) -> None:
    server.answer("/", 301, b"", "Location: /next")
    response = await ask(net, server.url(), follow_redirects=False)
    assert response.status_code == 301
    assert server.paths() == ["/"]


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(301, "POST", "GET"), (302, "POST", "GET"), (303, "PUT", "GET"), (303, "HEAD", "HEAD"), (307, "POST", "POST"),
     (308, "PATCH", "PATCH"), (302, "PUT", "PUT")],
)  # fmt: skip
async def test_the_next_hops_method_is_what_http_says(
    net: RealNet, server: HttpServer, status: int, method: str, then: str
) -> None:
    server.answer("/", status, b"", "Location: /next")
    server.answer("/next", 200)
    await ask(net, server.url(), method=method, body=b"" if method == "HEAD" else b"data")
    line, _, body = server.requests[1]
    assert line == f"{then} /next HTTP/1.1"
    assert body == (b"data" if then == method and method != "HEAD" else b"")


async def test_credentials_are_not_told_to_another_origin(
    net: RealNet, server: HttpServer, loop: LoopThread, names: NameServer
) -> None:
    other = HttpServer(loop)
    other.answer("/", 200)
    server.answer("/", 302, b"", f"Location: {other.url()}")
    headers = (("Authorization", "Bearer x"), ("Cookie", "a=b"), ("X-Api-Key", "k"), ("Accept-Language", "eo"))
    await ask(net, server.url(), username="joe", password="p")
    await ask(net, server.url(), headers=headers)
    for _, got, _ in other.requests:
        assert not {"authorization", "cookie", "x-api-key"} & set(got)
    assert other.requests[1][1]["accept-language"] == "eo"
    other.close()


@pytest.mark.parametrize("status", [307, 308])
async def test_the_body_is_not_told_to_another_origin(
    net: RealNet, server: HttpServer, loop: LoopThread, status: int
) -> None:
    other = HttpServer(loop)
    other.answer("/", 200)
    server.answer("/", status, b"", "Location: /again")
    server.answer("/again", status, b"", f"Location: {other.url()}")
    await ask(net, server.url(), method="POST", body=b"password=p")
    assert [body for _, _, body in server.requests] == [b"password=p", b"password=p"]
    assert [(line, body) for line, _, body in other.requests] == [("POST / HTTP/1.1", b"")]
    other.close()


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://shop.test/", True),
        ("https://shop.test:8443/", False),
        ("https://www.shop.test/", False),
        ("http://shop.test:81/", False),
    ],
)
def test_the_same_host_by_tls_is_still_told_who_we_are(location: str, told: bool) -> None:
    transfer = begin(HttpRequest(url="http://shop.test/"), print, False, 0.0, 0.0)
    transfer.target = parse("http://shop.test/")
    transfer.redirected(301, parse(location).origin)
    assert transfer.cross_origin is not told


async def test_a_redirect_loop_ends(net: RealNet, server: HttpServer) -> None:
    server.answer("/", 302, b"", "Location: /")
    response = await ask(net, server.url())
    assert response.failure is Failure.TOO_MANY_REDIRECTS
    assert response.status_code == 302
    assert len(server.requests) == 11


@pytest.mark.parametrize("there", ["http://169.254.169.254/latest", "http://[fd00:ec2::254]/", "http://2852039166/"])
async def test_a_redirect_to_a_metadata_address_is_refused(net: RealNet, server: HttpServer, there: str) -> None:
    server.answer("/", 302, b"", f"Location: {there}")
    response = await ask(net, server.url())
    assert response.failure is Failure.ADDRESS_REFUSED
    assert "metadata" in (response.cause or "")


async def test_a_redirect_to_a_name_of_a_metadata_address_is_refused(
    net: RealNet, server: HttpServer, names: NameServer
) -> None:
    names.zone["evil.test"] = ["169.254.169.254"]
    server.answer("/", 302, b"", "Location: http://evil.test/")
    assert (await ask(net, server.url())).failure is Failure.ADDRESS_REFUSED


async def test_a_location_in_no_encoding_is_an_answer_and_harms_nobody_else(net: RealNet, server: HttpServer) -> None:
    head = (
        b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nConnection: close\r\nLocation: http://caf\xe9.example/\xff\r\n\r\n"
    )
    server.script("/strange", head)
    server.answer("/", 200, b"fine")
    answers = await asyncio.wait_for(
        asyncio.gather(*(ask(net, server.url(path)) for path in ("/strange", "/", "/strange", "/"))), 10
    )
    assert [each.status_code for each in answers[1::2]] == [200, 200]
    assert all(each.failure in (Failure.BAD_URL, Failure.DNS_NOT_FOUND) for each in answers[::2])
    assert net.engine.in_flight == 0


async def test_a_certificate_with_a_name_in_no_encoding_is_read(net: RealNet, loop: LoopThread, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "caf\xe9", _ASN1Type.BMPString)])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + datetime.timedelta(days=3))
    certificate = made.sign(key, hashes.SHA256())
    pem = certificate.public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "odd.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "odd.pem")
    server = HttpServer(loop, tls=context)
    server.answer("/", 200, b"fine")
    response = await asyncio.wait_for(ask(net, server.url(), verify_tls=False, certificate=True), 10)
    server.close()
    assert (response.status_code, response.failure) == (200, None)
    assert response.certificate is not None
    assert response.certificate.subject == "caf\xe9"


async def test_a_redirect_to_a_file_is_refused(net: RealNet, server: HttpServer) -> None:
    server.answer("/", 302, b"", "Location: file:///etc/passwd")
    response = await ask(net, server.url())
    assert response.failure is Failure.BAD_URL
    assert response.body == b""
