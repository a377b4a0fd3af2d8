"""What the channels to places share."""

from __future__ import annotations

from typing import Any

import pytest

from tests.notify.channels.messages import page
from tests.notify.channels.web_server import Answer, Headers, WebServer, running
from tocsin.kernel.net import RealNet
from tocsin.notify import model as notify
from tocsin.notify.channels import discover, linear, pagerduty, places, pushover


@pytest.mark.parametrize("url", ["", "x", "ftp://x", "https://", "https://a b", "http://x:0", "http://[::1", "//x/y"])
def test_what_is_no_web_address_is_refused_in_words(url: str) -> None:
    assert places.web_address_complaint(url)
    assert places.web_address_complaint("https://hooks.example.com:8443/a?b=c") is None


def test_a_message_in_plain_words_is_cut_where_the_provider_would_refuse_it() -> None:
    message = page(channel="x", address="y", notice={"cause": "c" * 50, "facts": [("A", "1"), ("B", ""), ("A", "2")]})
    assert places.plain(message, 1_000) == "c" * 50 + "\nA: 1\nA: 2"
    assert places.plain(message, 20) == "c" * 19 + "…"
    assert places.details(message) == {"A": "1"}


class Refusing(WebServer):
    """Answers everything in the same way."""

    async def respond(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        return self.always

    always: Answer = (200, {}, {})


KEY = "k" * 30
PLACES: dict[str, dict[str, Any]] = {
    "pagerduty": {"key": KEY, "severity": "info"},
    "splunk_on_call": {"url": "URL/alert"},
    "jira": {"site_url": "URL", "api_token": KEY, "jira_project_key": "OPS", "jira_issue_type_id": "1"},
    "linear": {"api_key": KEY, "team_id": "1"},
    "zapier": {"url": "URL/hook"},
    "webhook": {"url": "URL/in"},
    "ntfy": {"server": "URL", "topic": "ops"},
    "pushover": {"user_key": KEY, "app_token": KEY},
}
SETTINGS: dict[str, Any] = {
    "pagerduty": lambda url: pagerduty.Settings(us_url=url),
    "linear": lambda url: linear.Settings(base_url=url),
    "pushover": lambda url: pushover.Settings(base_url=url),
}


async def tell(kind: str, url: str, net: RealNet) -> notify.Answer:
    channel = discover()[kind]
    settings = SETTINGS[kind](url) if kind in SETTINGS else channel.Settings()
    target = {name: value.replace("URL", url) for name, value in PLACES[kind].items()}
    return await channel.send(page(channel=kind, address="x", target=target, target_name="X"), settings, net)


@pytest.mark.parametrize("kind", PLACES)
async def test_every_place_is_tried_again_when_that_can_help_and_only_then(kind: str, net: RealNet) -> None:
    async with running(Refusing()) as server:
        for answer, expected in (
            ((429, {"error": "too many"}, {"Retry-After": "30"}), notify.Retry),
            ((503, b"<html>down</html>", {}), notify.Retry),
            ((400, {"message": "no such thing"}, {}), notify.GiveUp),
            ((403, b"", {}), notify.GiveUp),
            ((302, b"", {"Location": "http://127.0.0.1:9/"}), notify.GiveUp),
        ):
            server.always = answer
            got = await tell(kind, server.url, net)
            assert isinstance(got, expected), (answer, got)
            if answer[0] == 429:
                assert isinstance(got, notify.Retry)
                assert got.after_seconds == 30
            if answer[0] == 400 and isinstance(got, notify.GiveUp):
                assert "no such thing" in got.why
        for junk in (b"\xff\xfe", b"[1, 2]", b"null", b'{"errors": 3, "data": 4, "issues": 5}'):
            server.always = (200, junk, {})
            got = await tell(kind, server.url, net)
            anything_goes = kind in ("zapier", "webhook")
            assert isinstance(got, notify.Sent if anything_goes else notify.Retry), (junk, got)
    assert isinstance(await tell(kind, server.url, net), notify.Retry), "nobody listens any more"
