"""Through apprise a hundred services are reached, and nothing else."""

from __future__ import annotations

import pytest

from tests.notify.channels.messages import page
from tests.notify.channels.services import Hook
from tests.notify.channels.web_server import running
from tocsin.notify.channels import apprise
from tocsin.notify.model import Answer, GiveUp, Message, Retry, Sent


def to(url: str) -> Message:
    return page(channel="apprise", address="Somewhere", target={"url": url})


async def tell(url: str, *, allow_private: bool = True) -> Answer:
    return await apprise.send(to(url), apprise.Settings(allow_private=allow_private))


@pytest.mark.slow
async def test_a_message_goes_out_by_one_address() -> None:
    async with running(Hook()) as hook:
        answer = await tell(f"json://127.0.0.1:{hook.port}/in")
    assert answer == Sent("accepted by json (apprise)")
    (body,) = hook.bodies
    assert body["title"] == "shop.example.com is down"
    assert body["message"].startswith("Status 503\nResponse code: 503\nhttps://tocsin.example.com/answer/7-")
    assert body["type"] == "failure"


@pytest.mark.slow
async def test_what_a_service_says_decides_whether_asking_again_can_help() -> None:
    async with running(Hook()) as hook:
        url = f"gotify://127.0.0.1:{hook.port}/a-secret-token"
        hook.answers = [(503, b"", {}), (401, b"", {})]
        later = await tell(url)
        refused = await tell(url)
    assert isinstance(later, Retry)
    assert isinstance(refused, GiveUp)
    assert "error=401" in refused.why
    assert "a-secret-token" not in later.why + refused.why
    assert await tell("gotify://") == GiveUp("apprise does not understand this address")


@pytest.mark.slow
async def test_an_address_does_not_lead_where_we_may_not_go() -> None:
    async with running(Hook()) as hook:
        inside = await tell(f"json://127.0.0.1:{hook.port}/in", allow_private=False)
        metadata = await tell("json://169.254.169.254/latest/meta-data")
    assert hook.taken == []
    assert isinstance(inside, Retry)
    assert "watching private addresses is switched off" in inside.why
    assert isinstance(metadata, Retry)
    assert "metadata" in metadata.why


@pytest.mark.parametrize(
    "url",
    [
        "syslog://", "dbus://", "windows://", "macosx://", "file:///etc/passwd", "mailto://a:b@example.com", "vapid://a",
        "rsyslog://host", "tgram://1/2?template=/etc/passwd", "gotify://h/t?template=/etc/passwd", "exec://ls",
        "json://h?Attach=/etc/passwd", "", "gotify", "gotify://h/a b", "gotify://[::1",
    ],
)  # fmt: skip
async def test_an_address_that_needs_this_machine_is_not_even_tried(url: str) -> None:
    assert apprise.Target(url=url).complaints()
    answer = await tell(url)
    assert isinstance(answer, GiveUp)
    assert answer.why.startswith("the address ")
