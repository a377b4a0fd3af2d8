"""Every other command, run for real, beside a running server where that is promised."""

from __future__ import annotations

import json
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from tests.cli.program import Server, tocsin
from tests.postgres import PostgresServer

pytestmark = pytest.mark.slow


@pytest.mark.slow
def test_migrate_makes_the_tables_and_says_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    first = tocsin("migrate", "--data", "data", cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("Applied 0001")
    assert "Nothing to do" in tocsin("migrate", "--data", "data", cwd=tmp_path).stdout


@pytest.mark.slow
def test_a_token_is_printed_alone_and_works_at_once_on_a_running_server(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        made = tocsin("token", "create", "--team", "Ops", "--data", "data", cwd=tmp_path)
        assert made.returncode == 0, made.stderr
        token = made.stdout.removesuffix("\n")
        assert token.startswith("tocsin_")
        assert token.isascii()
        assert " " not in token
        assert "\n" not in token
        assert "Founded the team Ops" in made.stderr
        status, body = server.ask(
            "/api/v2/monitors", "POST", {"url": "http://127.0.0.1:1", "monitor_type": "status"}, token
        )
        assert status == 201, body
        assert body["data"]["attributes"]["team_name"] == "Ops"


@pytest.mark.slow
def test_a_global_token_sees_every_team(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        made = tocsin("token", "create", "--global", "--data", "data", cwd=tmp_path)
        body = {"url": "http://127.0.0.1:1", "monitor_type": "status", "team_name": "My team"}
        assert server.ask("/api/v2/monitors", "POST", body, made.stdout.strip())[0] == 201


@pytest.mark.slow
def test_a_token_without_a_team_is_refused(tmp_path: Path) -> None:
    refused = tocsin("token", "create", "--data", "data", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert "--team NAME" in refused.stderr


@pytest.mark.slow
def test_a_person_is_added_with_a_password_from_standard_input(tmp_path: Path) -> None:
    words = ("user", "create", "--team", "Ops", "--email", "bob@example.com", "--name", "Bob Ray", "--data", "data")
    missing = tocsin(*words, cwd=tmp_path)
    assert missing.returncode == 2
    assert "--password-stdin" in missing.stderr
    short = tocsin(*words, "--password-stdin", cwd=tmp_path, input="x\n")
    assert short.returncode == 1
    assert "password" in short.stderr
    made = tocsin(*words, "--password-stdin", cwd=tmp_path, input="a good long password\n")
    assert made.returncode == 0, made.stderr
    assert "bob@example.com is now in the team Ops" in made.stdout
    again = tocsin(*words, "--password-stdin", cwd=tmp_path, input="a good long password\n")
    assert again.returncode == 1
    assert "in the team Ops already" in again.stderr


@pytest.mark.slow
def test_the_doctor_says_what_is_wrong_and_how_to_mend_it(tmp_path: Path) -> None:
    tocsin("token", "create", "--team", "Empty", "--data", "data", cwd=tmp_path)
    (tmp_path / "data").chmod(0o755)
    sick = tocsin("doctor", "--data", "data", cwd=tmp_path, TOCSIN_SMTP_URL="smtp://127.0.0.1:1")
    assert sick.returncode == 1
    assert "others may look into" in sick.stdout
    assert "chmod 700" in sick.stdout
    assert "127.0.0.1, port 1 does not answer" in sick.stdout
    (tmp_path / "data").chmod(0o700)
    alone = tocsin("doctor", "--data", "data", cwd=tmp_path)
    assert "Team Empty: nobody is in it" in alone.stdout
    assert "--smtp-url" in alone.stdout
    assert "none is running" in alone.stdout


@pytest.mark.slow
def test_the_doctor_asks_the_running_server_and_finds_nothing_wrong(tmp_path: Path, mailbox: str) -> None:
    with Server(tmp_path / "data", "--smtp-url", mailbox, TOCSIN_ADMIN_EMAIL="ann@example.com") as server:
        well = tocsin("doctor", "--data", "data", cwd=tmp_path, TOCSIN_SMTP_URL=mailbox)
        assert well.returncode == 0, well.stdout
        assert f"process {server.pid} is ready" in well.stdout
        assert "0 wrong" in well.stdout
        assert "has no verified phone number" in well.stdout, "what would cost a page is named"


@pytest.mark.slow
def test_a_backup_taken_while_writes_go_on_is_one_moment_and_can_be_restored(tmp_path: Path) -> None:
    file = tmp_path / "tocsin.backup"
    with Server(tmp_path / "data") as server:
        token, stop = server.token, threading.Event()
        made: list[str] = []

        def write() -> None:
            while not stop.is_set() and len(made) < 300:
                body = {"url": f"http://127.0.0.1:1/{len(made)}", "monitor_type": "status", "paused": True}
                status, answer = server.ask("/api/v2/monitors", "POST", body, token)
                assert status == 201
                made.append(answer["data"]["id"])

        writer = threading.Thread(target=write)
        writer.start()
        while len(made) < 20:
            stop.wait(0.01)
        saved_at_least = len(made)
        taken = tocsin("backup", str(file), "--data", "data", cwd=tmp_path)
        stop.set()
        writer.join()
        assert taken.returncode == 0, taken.stderr
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        refused = tocsin("restore", str(file), "--force", "--data", "data", cwd=tmp_path)
        assert refused.returncode == 1
        assert "already running" in refused.stderr
    assert tocsin("restore", str(file), "--data", "other", cwd=tmp_path).returncode == 0
    assert (tmp_path / "other/secret.key").read_text() == (tmp_path / "data/secret.key").read_text()
    with Server(tmp_path / "other") as restored:
        status, answer = restored.ask("/api/v2/monitors?per_page=250", token=token)
        assert status == 200
        assert saved_at_least <= len(answer["data"]) <= len(made)
        audited = sqlite3.connect(tmp_path / "other/tocsin.db").execute(
            "select count(*) from audit_entries where operation = 'monitors.create'"
        )
        assert audited.fetchone()[0] == len(answer["data"])


@pytest.mark.slow
def test_restoring_over_records_needs_force(tmp_path: Path) -> None:
    tocsin("migrate", "--data", "data", cwd=tmp_path)
    assert tocsin("backup", "b", "--data", "data", cwd=tmp_path).returncode == 0
    refused = tocsin("restore", "b", "--data", "data", cwd=tmp_path)
    assert refused.returncode == 1
    assert "--force" in refused.stderr
    assert tocsin("restore", "b", "--force", "--data", "data", cwd=tmp_path).returncode == 0


@pytest.mark.slow
def test_a_backup_that_ends_too_early_is_refused_and_nothing_is_touched(tmp_path: Path) -> None:
    tocsin("migrate", "--data", "data", cwd=tmp_path)
    assert tocsin("backup", "b", "--data", "data", cwd=tmp_path).returncode == 0
    whole = (tmp_path / "b").read_bytes()
    (tmp_path / "b").write_bytes(whole[: len(whole) * 2 // 3])
    before = (tmp_path / "data/tocsin.db").read_bytes()
    refused = tocsin("restore", "b", "--force", "--data", "data", cwd=tmp_path)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert (tmp_path / "data/tocsin.db").read_bytes() == before


@pytest.mark.slow
def test_a_backup_needs_a_file_to_go_to(tmp_path: Path) -> None:
    tocsin("migrate", "--data", "data", cwd=tmp_path)
    refused = tocsin("backup", "data", "--data", "data", cwd=tmp_path)
    assert refused.returncode == 1
    assert "is a directory" in refused.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"not a backup at all",
        pytest.param(b"", marks=pytest.mark.slow),
        pytest.param(b"\x1f\x8b\x08\x00\x00\x00\x00\x00", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_is_no_backup_is_refused_and_nothing_is_touched(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "b").write_bytes(content)
    refused = tocsin("restore", "b", "--data", "data", cwd=tmp_path)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "data/tocsin.db").exists()


@pytest.mark.slow
def test_backup_and_restore_of_postgresql_carry_every_row_and_the_numbering(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    postgres.create("backup_from")
    postgres.create("backup_to")
    source, target = postgres.url("backup_from"), postgres.url("backup_to")
    try:
        with Server(tmp_path / "data", "--database-url", source) as server:
            token = server.token
            for number in range(3):
                body = {"url": f"http://127.0.0.1:1/{number}", "monitor_type": "status", "auth_password": "s3cret"}
                assert server.ask("/api/v2/monitors", "POST", body, token)[0] == 201
            status, _ = server.ask("/api/v2/monitors/3", "DELETE", token=token)
            assert status == 204
            taken = tocsin("backup", "b", "--data", "data", "--database-url", source, cwd=tmp_path)
            assert taken.returncode == 0, taken.stderr
        wrong_kind = tocsin("restore", "b", "--data", "other", cwd=tmp_path)
        assert wrong_kind.returncode == 1
        assert "--database-url" in wrong_kind.stderr
        restored = tocsin("restore", "b", "--data", "other", "--database-url", target, cwd=tmp_path)
        assert restored.returncode == 0, restored.stderr
        again = tocsin("restore", "b", "--data", "other", "--database-url", target, cwd=tmp_path)
        assert again.returncode == 1
        assert "--force" in again.stderr
        with Server(tmp_path / "other", "--database-url", target) as server:
            _, answer = server.ask("/api/v2/monitors", token=token)
            assert {item["attributes"]["auth_password"] for item in answer["data"]} == {"s3cret"}
            assert len(answer["data"]) == 2
            body = {"url": "http://127.0.0.1:1/new", "monitor_type": "status"}
            _, made = server.ask("/api/v2/monitors", "POST", body, token)
            assert made["data"]["id"] == "4"
    finally:
        postgres.drop("backup_from")
        postgres.drop("backup_to")


@pytest.mark.slow
def test_an_outage_is_played_through_beside_a_running_server(tmp_path: Path) -> None:
    with Server(tmp_path / "data") as server:
        token = tocsin("token", "create", "--team", "My team", "--data", "data", cwd=tmp_path).stdout.strip()
        body = {"url": "http://127.0.0.1:1", "monitor_type": "status", "pronounceable_name": "Shop", "paused": True}
        made = server.ask("/api/v2/monitors", "POST", body, token)[1]["data"]["id"]
        played = tocsin("simulate", "--monitor", made, "--data", "data", cwd=tmp_path)
        assert played.returncode == 0, played.stderr
        assert "could answer first: minute 0, by email" in played.stdout
        assert "Nobody is on call, so the whole team is alerted." in " ".join(played.stdout.split())
        nobody = tocsin("simulate", "--monitor", made, "--down", "email,push", "--json", "--data", "data", cwd=tmp_path)
        assert nobody.returncode == 1
        assert json.loads(nobody.stdout)["first_answer"] is None
    wrong = tocsin("simulate", "--monitor", "99", "--data", "data", cwd=tmp_path)
    assert wrong.returncode == 1
    assert "was not found" in wrong.stderr
