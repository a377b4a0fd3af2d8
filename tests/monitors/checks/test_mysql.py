"""MySQL: a real MariaDB, the login of MySQL 8 against the arithmetic of its own client, and servers that are none."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
import trustme
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from pymysql._auth import scramble_caching_sha2, scramble_native_password

from tests.kernel.conftest import tls_context
from tests.kernel.servers import NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, listens, program, running, says, scripted, silent
from tocsin.monitors.checks import mysql
from tocsin.monitors.model import Verdict


@pytest.fixture(scope="module")
def mariadb(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A MariaDB whose user `watch` has the password `sesame`, with TLS for `db.example`; its port."""
    executable, install = program("mariadbd"), program("mariadb-install-db")
    folder = tmp_path_factory.mktemp("mariadb")
    data, door, port = folder / "data", Path(f"/tmp/tocsin-{os.getpid()}.sock"), free_port()
    certificate = authority.issue_cert("db.example")
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "cert.pem"))
    root = ["--user=root"] if os.geteuid() == 0 else []
    plain = ["--no-defaults", f"--datadir={data}", *root]
    command = [install, *plain, "--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    options = [
        f"--socket={door}", f"--port={port}", "--bind-address=127.0.0.1", "--skip-log-bin",
        f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem", "--innodb-buffer-pool-size=8M",
    ]  # fmt: skip
    with running([executable, *plain, *options], lambda: listens(port), folder):
        with pymysql.connect(unix_socket=str(door), user="root") as connection, connection.cursor() as cursor:
            cursor.execute("create user watch@'127.0.0.1' identified by 'sesame'")
            cursor.execute("create user modern@'127.0.0.1' identified via unix_socket")
            cursor.execute("create database shop")
        yield port


@pytest.mark.slow
def test_a_login_runs_a_query(check: Check, mariadb: int) -> None:
    login = {"port": str(mariadb), "auth_username": "watch"}
    right = check("mysql", **login, auth_password="sesame")
    wrong = check("mysql", **login, auth_password="open")
    plain = check("mysql", **login, auth_password="sesame", tls=False)
    foreign = check("mysql", **login, auth_password="sesame", database="shop")
    assert (right.verdict, right.cause) == (Verdict.UP, None)
    assert right.tls_handshake_time is not None
    assert (plain.verdict, plain.tls_handshake_time) == (Verdict.UP, None)
    assert wrong.verdict is Verdict.DOWN
    assert (wrong.cause or "").startswith("The server refuses: Access denied for user 'watch'@")
    assert foreign.verdict is Verdict.DOWN
    assert "to database 'shop'" in (foreign.cause or "")


@pytest.mark.slow
def test_without_a_login_an_answer_is_enough_however_often_it_is_asked(check: Check, mariadb: int) -> None:
    # 100 broken greetings make a server block the host: this is more.
    for _ in range(110):
        outcome = check("mysql", port=str(mariadb))
        assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert check("mysql", port=str(mariadb), auth_username="watch", auth_password="sesame").verdict is Verdict.UP


def test_the_certificate_is_verified_when_encryption_is_asked_for(
    check: Check, names: NameServer, mariadb: int
) -> None:
    names.zone["db.example"] = names.zone["other.example"] = ["127.0.0.1"]
    right = check("mysql", url="db.example", port=str(mariadb), tls=True)
    wrong = check("mysql", url="other.example", port=str(mariadb), tls=True)
    assert (right.verdict, right.cause) == (Verdict.UP, None)
    assert right.certificate_expires_ms is not None
    assert wrong.verdict is Verdict.DOWN


def test_a_kind_of_login_that_we_do_not_speak_says_nothing_about_the_server(check: Check, mariadb: int) -> None:
    outcome = check("mysql", port=str(mariadb), auth_username="modern", auth_password="x")
    assert outcome.verdict is not Verdict.UP
    switch = b"\x2c\0\0\2\xfeauth_gssapi_client\0" + b"x" * 24
    assert len(switch) - 4 == 0x2C
    with scripted(says(GREETING, switch)) as port:
        outcome = check("mysql", port=str(port), auth_username="x", auth_password="x")
    assert outcome.verdict is Verdict.UNKNOWN
    assert "auth_gssapi_client" in (outcome.cause or "")


def packet(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number]) + body


NONCE = bytes(range(1, 21))
GREETING = packet(
    0,
    b"\x0a8.4.0\0" + bytes(4) + NONCE[:8] + b"\0" + (0xF7FF & ~0x800).to_bytes(2, "little") + bytes([45]) + bytes(2)
    + (0x8).to_bytes(2, "little") + bytes([21]) + bytes(10) + NONCE[8:] + b"\0" + b"caching_sha2_password\0",
)  # fmt: skip


def test_the_login_of_mysql_8_asks_for_the_servers_key_when_it_must(check: Check) -> None:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    ok = b"\0\0\0\2\0\0\0"
    answers = [GREETING, packet(2, b"\x01\x04"), packet(4, b"\x01" + pem), packet(6, ok), packet(1, b"\x01")]
    with scripted(says(*answers)) as port:
        outcome = check("mysql", port=str(port), auth_username="watch", auth_password="sesame")
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    sealed = mysql.seal(b"sesame", NONCE, pem)
    assert sealed is not None
    opened = key.decrypt(sealed, padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None))
    assert bytes(a ^ b for a, b in zip(opened, NONCE, strict=False)) == b"sesame\0"


def test_a_greeting_is_always_brought_to_its_end_so_that_the_server_does_not_block_us(check: Check) -> None:
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(GREETING)
        heard.append(connection.recv(65_536))
        connection.sendall(packet(2, b"\xfemysql_native_password\0" + NONCE + b"\0"))
        heard.append(connection.recv(65_536))
        connection.sendall(packet(4, b"\xff\x15\x04#28000Access denied for user 'tocsin'"))

    with scripted(serve) as port:
        outcome = check("mysql", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)
    assert heard[1] == packet(3, b"")


@pytest.mark.parametrize("tls", [None, True])
def test_a_password_in_clear_is_for_nobody_but_whom_it_is_meant_for(
    check: Check, names: NameServer, authority: trustme.CA, tls: bool | None
) -> None:
    names.zone["db.example"] = ["127.0.0.1"]
    context = tls_context(authority.issue_cert("db.example"))
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        connection.sendall(GREETING.replace(b"\xff\xf7", b"\xff\xff", 1))
        connection.recv(36)
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(65_536)
            secure.sendall(packet(3, b"\xfemysql_clear_password\0"))
            heard.append(secure.recv(65_536))
            secure.sendall(packet(5, b"\xff\x15\x04#28000no"))

    with scripted(serve) as port:
        login = {"auth_username": "watch", "auth_password": "sesame"}
        outcome = check("mysql", url="db.example", port=str(port), tls=tls, **login)
    assert (heard == [packet(4, b"sesame\0")]) is (tls is True)
    assert outcome.verdict is (Verdict.DOWN if tls else Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (
            (packet(0, b"\xff\x69\x04Host is blocked because of many connection errors"),),
            "The server refuses: Host is blocked because of many connection errors (1129)",
        ),
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), "Not a MySQL server: it speaks another protocol"),
        ((packet(0, b"\x09old"),), "Not a MySQL server: it speaks another protocol"),
        (
            (GREETING, packet(2, b"\xff\x10\x04#08004Too many connections")),
            "The server refuses: Too many connections (1040)",
        ),
    ],
)
def test_a_server_that_is_not_well_is_down(check: Check, lines: tuple[bytes, ...], cause: str) -> None:
    with scripted(says(*lines)) as port:
        outcome = check("mysql", port=str(port), request_timeout=1_000)
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, cause)


def test_nobody_listening_and_nobody_answering_are_down(check: Check) -> None:
    assert check("mysql", port=str(free_port())).cause == "Connection refused"
    with scripted(silent) as port:
        assert "Timed out after 0.5 s" in (check("mysql", port=str(port), request_timeout=500).cause or "")


@given(st.binary(max_size=60), st.binary(min_size=20, max_size=20))
def test_the_proofs_are_those_of_another_client(password: bytes, nonce: bytes) -> None:
    assert mysql.scramble("caching_sha2_password", password, nonce) == scramble_caching_sha2(password, nonce)
    assert mysql.scramble("mysql_native_password", password, nonce) == scramble_native_password(password, nonce)


@pytest.mark.slow
@given(st.binary(min_size=1, max_size=120))
def test_no_packet_is_too_odd_to_be_read(data: bytes) -> None:
    for odd in (data, b"\x0a" + data, b"\x0a5\0" + data):
        greeting = mysql.read_greeting(odd)
        assert greeting is None or isinstance(greeting.plugin, str)
    assert isinstance(mysql.error(data)[0], int)
    assert mysql.seal(data, data, data) is None
