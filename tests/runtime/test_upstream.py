"""Settings of the house behind the door: what is set by half or lies open is said at once, with the fix."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.cli.program import Server, tocsin
from tests.proxy.stage import answer, odd
from tocsin.runtime.doctor_upstream import upstreams
from tocsin.runtime.settings import Settings, SettingsError, load
from tocsin.runtime.upstream import Behind, UpstreamError, places


def settings(tmp_path: Path, **given: str) -> Settings:
    return load(given, {}, tmp_path)


def token_file(tmp_path: Path, content: str = "a-token", mode: int = 0o600) -> str:
    path = tmp_path / "token"
    path.write_text(content)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("uptime.betterstack.com", "not a web address"),
        ("https://me:secret@uptime.betterstack.com", "the token belongs into a file"),
        ("https://uptime.betterstack.com/?a=b", "no user, \\? or #"),
        ("http://uptime.betterstack.com", "unencrypted"),
    ],
)
def test_an_address_that_would_give_the_token_away_is_refused(tmp_path: Path, url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as refused:
        settings(tmp_path, upstream=url)
    assert "secret" not in str(refused.value)


def test_half_of_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="without --upstream-token-file"):
        places(settings(tmp_path, upstream="https://uptime.betterstack.com"))
    with pytest.raises(SettingsError, match="without --upstream:"):
        places(settings(tmp_path, upstream_token_file=token_file(tmp_path)))


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("a-token", 0o644, "chmod 600"),
        ("a-token", 0o660, "chmod 600"),
        ("", 0o600, "no token"),
        ("a b", 0o600, "no token"),
    ],
)
def test_a_token_file_that_others_may_read_or_that_holds_none_stops_the_start(
    tmp_path: Path, content: str, mode: int, words: str
) -> None:
    path = token_file(tmp_path, content, mode)
    with pytest.raises(UpstreamError, match=words) as refused:
        Behind(settings(tmp_path, upstream="https://uptime.betterstack.com", upstream_token_file=path))
    assert "a-token" not in str(refused.value)


def test_teams_may_each_have_their_own_in_the_file(tmp_path: Path) -> None:
    token = token_file(tmp_path)
    (tmp_path / "tocsin.toml").write_text(
        f'[upstreams.Core]\nurl = "https://uptime.betterstack.com/"\ntoken_file = "{token}"\n'
    )
    everybody, teams = places(settings(tmp_path))
    assert everybody is None
    assert teams["Core"].url == "https://uptime.betterstack.com"
    (tmp_path / "tocsin.toml").write_text('[upstreams.Core]\nurl = "https://uptime.betterstack.com/"\n')
    with pytest.raises(SettingsError, match="needs url and token_file"):
        settings(tmp_path)


async def test_the_doctor_tries_the_token_and_says_what_is_wrong(tmp_path: Path) -> None:
    path = token_file(tmp_path)

    async def said(url: str) -> tuple[str, str]:
        chosen = settings(tmp_path, upstream=url, upstream_token_file=path)
        (finding,) = await asyncio.to_thread(lambda: list(upstreams(chosen)))
        assert "a-token" not in finding.words + finding.mend
        return finding.state, finding.words

    async with odd(answer(200, b'{"data":[]}')) as (url, had):
        assert (await said(url))[0] == "ok"
        assert b"Authorization: Bearer a-token" in had[0]
    state, words = await said(url)
    assert (state, "does not answer" in words) == ("wrong", True)
    async with odd(answer(401, b'{"errors":"Invalid"}')) as (url, _):
        state, words = await said(url)
        assert (state, "does not accept the token" in words) == ("wrong", True)
    (tmp_path / "token").chmod(0o644)
    assert (await said(url))[0] == "wrong"


@pytest.mark.slow
def test_two_real_servers_one_in_front_of_the_other(tmp_path: Path) -> None:
    """The whole way as its operator goes it: `tocsin agent create`, a call by its token, kill, start again."""
    with Server(tmp_path / "behind") as behind:
        path = token_file(tmp_path, behind.token)
        words = "--upstream", f"http://127.0.0.1:{behind.port}", "--upstream-token-file", path
        with Server(tmp_path / "front", *words) as front:
            made = tocsin(
                "agent", "create", "--team", "My team", "--name", "Bot", "--grant", "monitors=write", "--data",
                str(tmp_path / "front"), cwd=tmp_path,
            )  # fmt: skip
            bot = made.stdout.strip()
            assert bot.startswith("agt_"), made.stderr
            status, _ = front.ask("/api/v2/monitors", "POST", {"url": "https://shop.example.com"}, bot)
            assert status == 201
            assert len(front.ask("/api/v2/monitors", token=bot)[1]["data"]) == 1
            assert front.ask("/api/v2/monitors", token=front.token)[1]["data"] == []
            assert len(behind.ask("/api/v2/monitors", token=behind.token)[1]["data"]) == 1
            assert front.ask("/api/v2/monitors/1", "DELETE", token=bot)[0] == 403
            behind.stop(signal.SIGKILL)
            status, body = front.ask("/api/v2/monitors", token=bot)
            assert (status, "refuses the connection" in body["errors"]) == (502, True)
            status, body = front.ask("/readyz")
            assert "refuses the connection" in body["checks"]["upstream"]["why"]
            front.stop(signal.SIGTERM)
        assert behind.token not in front.log + front.output
        assert bot not in front.log
