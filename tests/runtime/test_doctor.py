"""What the doctor says about pings, each in a network of its own, and about telephones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.cli.program import tocsin
from tests.kernel.namespaces import Namespace, namespace  # noqa: F401 - a fixture
from tests.notify.channels.twilio import ACCOUNT_SID, AUTH_TOKEN, NUMBER, twilio_server
from tests.notify.mailserver import unused_port
from tocsin.runtime import doctor
from tocsin.runtime.settings import load


def pings(namespace: Namespace, folder: Path) -> str:  # noqa: F811
    """The doctor's lines about them."""
    lines = namespace.run(tocsin, "doctor", "--data", "data", cwd=folder).stdout.splitlines()
    first = next(index for index, line in enumerate(lines) if "Pings" in line)
    return " ".join(" ".join(lines[first : first + 4]).split())


@pytest.mark.slow
def test_it_says_by_which_right_we_ping_and_how_to_get_one(namespace: Namespace, tmp_path: Path) -> None:  # noqa: F811
    assert "allowed by CAP_NET_RAW" in pings(namespace, tmp_path)
    namespace.without_raw_sockets()
    denied = pings(namespace, tmp_path)
    assert "monitors of the type ping stay unknown" in denied
    assert "net.ipv4.ping_group_range='0 2147483647'" in denied
    namespace.set("net.ipv4.ping_group_range", "0 2147483647")
    assert "allowed by net.ipv4.ping_group_range" in pings(namespace, tmp_path)


async def test_it_says_what_keeps_telephones_from_ringing() -> None:
    async def said(**given: str) -> list[tuple[str, str]]:
        token = {"TOCSIN_TWILIO_AUTH_TOKEN": given.pop("token", "")}
        settings = load(given, token, Path("/nonexistent"))
        found = await asyncio.to_thread(lambda: list(doctor._phones(settings)))
        return [(finding.state, f"{finding.words} {finding.mend}") for finding in found]

    async with twilio_server() as twilio:
        url = f"http://127.0.0.1:{twilio.port}"
        whole = {"twilio_account_sid": ACCOUNT_SID, "twilio_from": NUMBER, "twilio_base_url": url}
        assert [state for state, _ in await said()] == ["ok"]
        assert await said(**whole, token=AUTH_TOKEN) == [("ok", f"{url} knows the account {ACCOUNT_SID} ")]
        ((state, words),) = await said(**whole, token="not the right one")
        assert (state, "answers 401" in words) == ("wrong", True)
        ((state, words),) = await said(**whole)
        assert (state, words.endswith("Set TOCSIN_TWILIO_AUTH_TOKEN too.")) == ("wrong", True)
    ((state, words),) = await said(
        **{**whole, "twilio_base_url": f"http://127.0.0.1:{unused_port()}"}, token=AUTH_TOKEN
    )
    assert (state, "does not answer" in words) == ("wrong", True)
