"""A notification can be read by one browser alone, proves that it is ours, and a dead subscription is known as dead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from tests.kernel.servers import HttpServer
from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tests.notify.channels.pushing import Browser, decoded, push_service
from tests.time import START
from tocsin.kernel.clock import SystemClock, to_milliseconds
from tocsin.kernel.net import RealNet
from tocsin.kernel.vault import Vault
from tocsin.notify.channels import push
from tocsin.notify.model import Answer, GiveUp, Retry, Sent

VAULT = Vault("a key for tests alone, of enough characters")
SETTINGS = push.settings(VAULT, BASE_URL)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def net(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealNet]:
    path: Path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    net = RealNet(SystemClock(), ca_file=str(path))
    net.start()
    yield net
    net.stop()


@pytest.fixture
def service(authority: trustme.CA) -> Iterator[HttpServer]:
    with push_service(authority) as server:
        yield server


async def sent(service: HttpServer, net: RealNet, browser: Browser, **more: Any) -> Answer:
    message = page(channel="push", address="Pixel (push)", endpoint=browser.subscription, **more)
    return await push.send(message, SETTINGS, net)


async def test_the_browser_that_it_was_sealed_for_reads_it(service: HttpServer, net: RealNet) -> None:
    browser = Browser(service.url("/push/bob"))
    assert await sent(service, net, browser) == Sent("accepted by 127.0.0.1 (201)", "https://push.example/message/1")
    ((line, headers, body),) = service.requests
    assert line.startswith("POST /push/bob ")
    assert browser.open(body) == {
        "kind": "page", "title": "shop.example.com is down", "body": "Status 503", "tag": "incident-25-ab",
        "url": f"{BASE_URL}/answer/7-{SIGNATURE}", "answer": f"7-{SIGNATURE}", "state": f"7-{SIGNATURE[::-1]}",
    }  # fmt: skip
    assert (headers["content-encoding"], headers["ttl"], headers["urgency"]) == ("aes128gcm", "3600", "high")
    assert len(headers["topic"]) == 32
    with pytest.raises(InvalidTag):
        Browser(browser.endpoint).open(body)


async def test_it_proves_to_the_push_service_that_it_is_ours(service: HttpServer, net: RealNet) -> None:
    browser = Browser(service.url("/push/bob"))
    await sent(service, net, browser)
    proof = dict(
        part.split("=", 1) for part in service.requests[0][1]["authorization"].removeprefix("vapid ").split(", ")
    )
    assert proof["k"] == SETTINGS.public_key == push.settings(VAULT, BASE_URL).public_key, "what browsers subscribed to"
    signed, _, signature = proof["t"].rpartition(".")
    claims = json.loads(decoded(signed.partition(".")[2]))
    origin = service.url("")
    assert claims == {"aud": origin, "sub": BASE_URL, "exp": to_milliseconds(START) // 1000 + 12 * 3600}
    raw = decoded(signature)
    both = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(proof["k"]))
    public.verify(both, signed.encode(), ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        public.verify(both, signed.encode() + b"x", ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (410, GiveUp("this browser has withdrawn its subscription", endpoint_gone=True)),
        (404, GiveUp("this browser has withdrawn its subscription", endpoint_gone=True)),
        (403, GiveUp("127.0.0.1 answered 403: no")),
        (413, GiveUp("127.0.0.1 answered 413: no")),
        (503, Retry("127.0.0.1 answered 503: no", 5.0)),
    ],
)
async def test_what_a_push_service_may_answer(
    service: HttpServer, net: RealNet, status: int, expected: Answer
) -> None:  # fmt: skip
    service.answer("/push/bob", status, b"no")
    assert await sent(service, net, Browser(service.url("/push/bob"))) == expected


@pytest.mark.parametrize(
    "subscription",
    ["", "{}", '{"endpoint":"http://push.example/1","keys":{"p256dh":"","auth":""}}',
     '{"endpoint":"https://push.example/1","keys":{"p256dh":"AAAA","auth":"AAAA"}}',
     '{"endpoint":"https://push.example:x/1","keys":{"p256dh":"ä","auth":"!"}}'],
)  # fmt: skip
async def test_a_subscription_that_cannot_be_used_is_dead(subscription: str, net: RealNet) -> None:
    answer = await push.send(page(channel="push", address="x", endpoint=subscription), SETTINGS, net)
    assert isinstance(answer, GiveUp)
    assert answer.endpoint_gone


async def test_where_browsers_do_not_subscribe_it_is_not_configured(net: RealNet) -> None:
    unset = push.settings(VAULT, "http://tocsin.example.com")
    assert unset == push.Settings()
    assert push.settings(VAULT, "http://localhost:8080").private_key
    assert isinstance(await push.send(page(channel="push", address="x"), unset, net), GiveUp)
    assert str(SETTINGS.private_key) not in repr(SETTINGS)


def test_whatever_is_to_be_said_fits() -> None:
    long = page(channel="push", address="x", notice={"headline": "\U0001f525" * 900, "cause": "\u4e16" * 5_000})
    said = push.payload(long)
    assert len(said) <= push.MAX_PAYLOAD_BYTES
    assert msgspec.json.decode(said)["answer"]
    told = json.loads(push.payload(news("resolved", "It is over", channel="push", address="x")))
    assert (told["answer"], told["url"]) == (None, f"{BASE_URL}/answer/7-{SIGNATURE}")
