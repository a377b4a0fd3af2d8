"""PostgreSQL: a real server with every kind of login, with and without TLS, and servers that are none."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import REQUIRE_ALL
from tests.kernel.servers import NameServer
from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, says, scripted, silent
from tests.postgres import PostgresServer
from tocsin.monitors.checks import postgres as module
from tocsin.monitors.model import Verdict


class Locked(NamedTuple):
    """A server of whose users each logs in in another way."""

    port: int


@pytest.fixture(scope="module")
def locked(authority: trustme.CA) -> Iterator[Locked]:
    server = PostgresServer.start()
    if server is None:
        if REQUIRE_ALL:
            pytest.fail("PostgreSQL is not installed, and this run must not skip anything")
        pytest.skip("PostgreSQL is not installed")
    try:
        certificate = authority.issue_cert("db.example")
        data = Path(server.data)
        (data / "server.crt").write_bytes(certificate.cert_chain_pems[0].bytes())
        (data / "server.key").write_bytes(certificate.private_key_pem.bytes())
        (data / "server.key").chmod(0o600)
        if os.geteuid() == 0:
            subprocess.run(["chown", "postgres:", data / "server.key", data / "server.crt"], check=True)
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("set password_encryption = 'scram-sha-256'")
            connection.execute("create role scram login password 'pass wörd'")
            connection.execute("create role clear login password 'sesame'")
            connection.execute("set password_encryption = 'md5'")
            connection.execute("create role digest login password 'sesame'")
            connection.execute("alter system set ssl = on")
        lines = [
            f"host all {user} 127.0.0.1/32 {way}"
            for user, way in (("scram", "scram-sha-256"), ("digest", "md5"), ("clear", "password"), ("tocsin", "trust"))
        ]
        (data / "pg_hba.conf").write_text("\n".join(lines) + "\n")
        with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
            connection.execute("select pg_reload_conf()")
        yield Locked(server.port)
    finally:
        server.stop()


@pytest.mark.slow
@pytest.mark.parametrize(("user", "password"), [("scram", "pass wörd"), ("digest", "sesame"), ("clear", "sesame")])
def test_every_kind_of_login_runs_a_query(check: Check, locked: Locked, user: str, password: str) -> None:
    login = {"port": str(locked.port), "auth_username": user, "database": "postgres"}
    right = check("postgres", **login, auth_password=password)
    wrong = check("postgres", **login, auth_password="wrong")
    assert (right.verdict, right.cause) == (Verdict.UP, None)
    assert right.tls_handshake_time is not None
    assert wrong.verdict is Verdict.DOWN
    assert wrong.cause == f'The server refuses: password authentication failed for user "{user}" (28P01)'


def test_a_password_in_clear_is_never_sent_unencrypted(check: Check, locked: Locked) -> None:
    outcome = check(
        "postgres", port=str(locked.port), auth_username="clear", auth_password="sesame", database="postgres", tls=False
    )
    assert outcome.verdict is Verdict.DOWN
    assert "it was not sent" in (outcome.cause or "")


def test_without_a_login_an_answer_is_enough(check: Check, locked: Locked) -> None:
    outcome = check("postgres", port=str(locked.port))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)


def test_a_database_that_is_not_there_is_down(check: Check, locked: Locked) -> None:
    outcome = check("postgres", port=str(locked.port), auth_username="digest", auth_password="sesame", database="shop")
    assert (outcome.verdict, outcome.cause) == (
        Verdict.DOWN,
        'The server refuses: database "shop" does not exist (3D000)',
    )


def test_the_certificate_is_verified_when_encryption_is_asked_for(
    check: Check, names: NameServer, locked: Locked
) -> None:
    names.zone["db.example"] = names.zone["other.example"] = ["127.0.0.1"]
    right = check("postgres", url="db.example", port=str(locked.port), tls=True)
    wrong = check("postgres", url="other.example", port=str(locked.port), tls=True)
    assert (right.verdict, right.cause) == (Verdict.UP, None)
    assert right.certificate_expires_ms is not None
    assert wrong.verdict is Verdict.DOWN
    assert check("postgres", url="other.example", port=str(locked.port)).verdict is Verdict.UP


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((b"", b"HTTP/1.1 400 Bad Request\r\n"), "Not a PostgreSQL server: it says 'HTTP/1.1 400 Bad Request'"),
        (
            (b"", b"N", b"E" + (42).to_bytes(4, "big") + b"SFATAL\0C57P03\0Mthe database starts up\0\0\0"),
            "The server refuses: the database starts up (57P03)",
        ),
        ((b"", b"N", b"R\xff\xff\xff\xff"), "Not a PostgreSQL server: it speaks another protocol"),
    ],
)
def test_a_server_that_is_not_well_is_down(check: Check, lines: tuple[bytes, ...], cause: str) -> None:
    with scripted(says(*lines)) as port:
        outcome = check("postgres", port=str(port), request_timeout=1_000)
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, cause)


def test_a_notice_before_the_login_is_no_complaint(check: Check) -> None:
    notice = b"N" + (18).to_bytes(4, "big") + b"SNOTICE\0Mhello\0\0"[:14]
    welcome = b"R" + (8).to_bytes(4, "big") + bytes(4)
    with scripted(says(b"", b"N", notice + welcome)) as port:
        outcome = check("postgres", port=str(port))
    assert (outcome.verdict, outcome.cause) == (Verdict.UP, None)


def test_a_server_cannot_make_us_hash_for_hours(check: Check) -> None:
    sasl = b"R" + (23).to_bytes(4, "big") + (10).to_bytes(4, "big") + b"SCRAM-SHA-256\0\0"
    first = b"r=x,s=QSXCR+Q6sek8bf92,i=999999999"
    greedy = b"R" + (8 + len(first)).to_bytes(4, "big") + (11).to_bytes(4, "big") + first
    with scripted(says(b"", b"N", sasl, greedy)) as port:
        outcome = check("postgres", port=str(port), auth_username="scram", auth_password="x", request_timeout=2_000)
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, "The server's part of the login makes no sense")


def test_a_kind_of_login_that_we_do_not_speak_says_nothing_about_the_server(check: Check) -> None:
    kerberos = b"R" + (8).to_bytes(4, "big") + (7).to_bytes(4, "big")
    with scripted(says(b"", b"N", kerberos)) as port:
        outcome = check("postgres", port=str(port), auth_username="x", auth_password="x")
    assert outcome.verdict is Verdict.UNKNOWN


def test_nobody_listening_and_nobody_answering_are_down(check: Check) -> None:
    assert check("postgres", port=str(free_port())).cause == "Connection refused"
    with scripted(silent) as port:
        assert "Timed out after 0.5 s" in (check("postgres", port=str(port), request_timeout=500).cause or "")


@given(st.binary(max_size=200))
def test_no_error_is_too_odd_to_be_read(body: bytes) -> None:
    assert all(len(letter) == 1 for letter in module.error_fields(body))
