"""A real network for the tests here: servers on loopback, our own name server, our own certificate authority."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
import trustme

from tests.kernel.namespaces import far_side, namespace  # noqa: F401 - fixtures
from tests.kernel.servers import HttpServer, LoopThread, NameServer, loop_thread
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    with loop_thread() as thread:
        yield thread


@pytest.fixture
def server(loop: LoopThread) -> Iterator[HttpServer]:
    server = HttpServer(loop)
    yield server
    server.close()


@pytest.fixture
def names(loop: LoopThread) -> Iterator[NameServer]:
    server = NameServer(loop)
    yield server
    server.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def net(names: NameServer, authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNet]:
    ca_file = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    net = RealNet(SystemClock(), nameservers=[names.address], ca_file=str(ca_file))
    net.start()
    yield net
    net.stop()


def tls_context(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
