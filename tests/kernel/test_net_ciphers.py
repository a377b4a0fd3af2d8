"""Whoever speaks any cipher of TLS 1.3 is spoken with, and who leaves us the choice gets the cheapest."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.conftest import REQUIRE_ALL
from tests.kernel.conftest import tls_context
from tests.kernel.servers import HttpServer, LoopThread
from tests.kernel.test_net_http import ask
from tocsin.kernel.net import HttpResponse, RealNet

SUITES = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
START_SECONDS = 10.0


@pytest.fixture
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("127.0.0.1")


@contextlib.contextmanager
def openssl_server(certificate: trustme.LeafCert, folder: Path, *options: str) -> Iterator[int]:
    """OpenSSL's own web server, whose page tells what was agreed on; its port."""
    program = shutil.which("openssl")
    if program is None:
        if REQUIRE_ALL:
            pytest.fail("the openssl program is not installed")
        pytest.skip("the openssl program is not installed")
    chain = folder / "server.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(chain))
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = int(found.getsockname()[1])
    command = [program, "s_server", "-quiet", "-www", "-accept", f"127.0.0.1:{port}", "-cert", str(chain), *options]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and server.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
    finally:
        server.kill()
        server.wait()


def agreed(response: HttpResponse) -> str:
    assert response.failure is None, response.cause
    return response.body.decode("utf-8", "replace")


@pytest.mark.parametrize("suite", SUITES)
async def test_a_server_that_knows_one_cipher_is_spoken_with(
    net: RealNet, certificate: trustme.LeafCert, tmp_path: Path, suite: str
) -> None:
    with openssl_server(certificate, tmp_path, "-tls1_3", "-ciphersuites", suite) as port:
        assert f"Cipher is {suite}" in agreed(await ask(net, f"https://127.0.0.1:{port}/"))


async def test_a_server_that_leaves_us_the_choice_gets_sha_256(
    net: RealNet, certificate: trustme.LeafCert, tmp_path: Path
) -> None:
    with openssl_server(certificate, tmp_path) as port:
        assert f"Cipher is {SUITES[0]}" in agreed(await ask(net, f"https://127.0.0.1:{port}/"))


async def test_a_server_that_insists_on_its_own_order_has_it(
    net: RealNet, certificate: trustme.LeafCert, tmp_path: Path
) -> None:
    wanted = ":".join(reversed(SUITES))
    with openssl_server(certificate, tmp_path, "-serverpref", "-ciphersuites", wanted) as port:
        assert f"Cipher is {SUITES[2]}" in agreed(await ask(net, f"https://127.0.0.1:{port}/"))


async def test_an_old_server_is_spoken_with_in_its_own_version(
    net: RealNet, loop: LoopThread, certificate: trustme.LeafCert
) -> None:
    context = tls_context(certificate)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    server = HttpServer(loop, context)
    server.answer("/", 200)
    response = await ask(net, server.url())
    server.close()
    assert (response.status_code, response.failure) == (200, None)
