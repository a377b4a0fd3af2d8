"""What checks that talk with a server have in common: what its words, its silence and our own trouble mean."""

from __future__ import annotations

import pytest

from tests.net import FakeNet
from tocsin.kernel.net import Certificate, Stream
from tocsin.monitors.checks import Outcome, conversation, each_port, ports_of, timeout_of
from tocsin.monitors.model import Verdict


async def greeted(stream: Stream) -> str | None:
    line = await stream.read_line()
    return None if line == b"220 hello\r\n" else f"It says {line.decode()}"


@pytest.fixture
def net() -> FakeNet:
    net = FakeNet()
    net.site("mail.test").script(b"220 hello\r\n")
    return net


async def talked(net: FakeNet, **options: bool) -> Outcome:
    return await conversation(net, "mail.test", 25, greeted, timeout_seconds=1.0, **options)


async def test_a_good_conversation_is_up_with_its_times_and_certificate(net: FakeNet) -> None:
    net.site("mail.test").certificate = Certificate(not_before_ms=0, not_after_ms=99, subject="a", issuer="b")
    outcome = await talked(net, tls=True)
    assert (outcome.verdict, outcome.cause, outcome.evidence) == (Verdict.UP, None, None)
    assert (outcome.certificate_expires_ms, outcome.connection_time) == (99, 0.01)


async def test_a_complaint_and_a_broken_conversation_are_down_with_what_was_said(net: FakeNet) -> None:
    net.site("mail.test").script(b"554 go away\r\n")
    complaint = await talked(net)
    assert (complaint.verdict, complaint.cause) == (Verdict.DOWN, "It says 554 go away\r\n")
    assert complaint.evidence is not None
    assert (complaint.evidence.url, complaint.evidence.body) == ("mail.test:25", b"554 go away\r\n")
    net.site("mail.test").script()
    assert (await talked(net)).cause == "The server closed the connection without an answer"


async def test_an_answer_that_we_cannot_read_is_the_servers_failure(net: FakeNet) -> None:
    net.site("mail.test").script(b"\xff\xfe\n")
    outcome = await talked(net)
    assert (outcome.verdict, outcome.cause) == (Verdict.DOWN, "The answer could not be read")


async def test_our_own_trouble_is_unknown(net: FakeNet) -> None:
    net.site("mail.test").unreachable_through_our_fault()
    assert (await talked(net)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("verdicts", "verdict", "cause"),
    [
        ({25: "up", 465: "up"}, Verdict.UP, None),
        ({25: "unknown", 465: "down"}, Verdict.DOWN, "Port 465: broken"),
        ({25: "up", 465: "unknown"}, Verdict.UNKNOWN, "broken"),
        ({25: "down"}, Verdict.DOWN, "broken"),
    ],
)
async def test_every_port_must_be_well(verdicts: dict[int, str], verdict: Verdict, cause: str | None) -> None:
    async def check(port: int) -> Outcome:
        found = Verdict(verdicts[port])
        return Outcome(verdict=found, cause=None if found is Verdict.UP else "broken", certificate_expires_ms=port)

    outcome = await each_port(tuple(verdicts), check)
    assert (outcome.verdict, outcome.cause) == (verdict, cause)


async def test_of_several_certificates_the_first_to_end_counts() -> None:
    async def check(port: int) -> Outcome:
        return Outcome(verdict=Verdict.UP, certificate_expires_ms=port, response_time=port)

    outcome = await each_port((465, 993), check)
    assert (outcome.certificate_expires_ms, outcome.response_time) == (465, 993)


def test_ports_and_timeouts_are_read_as_the_wire_has_them() -> None:
    assert ports_of("25, 465", 25) == (25, 465)
    assert ports_of(None, 6379) == (6379,)
    assert (timeout_of(500), timeout_of(None)) == (0.5, 5.0)
