"""What checks of servers share: nobody reads our secrets in a complaint, and of several ports the first is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.monitors.checks.conftest import Check
from tests.monitors.checks.servers import free_port, scripted, silent
from tocsin.monitors.checks import HIDDEN, masked


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (b"-ERR unknown command 'AUTH', args: 'open sesame 7' ", b"-ERR unknown command 'AUTH', args: '[hidden]' "),
        (b"open sesame 7open sesame 7", b"[hidden][hidden]"),
        (b"cut off: open sesa", b"cut off: [hidden]"),
        (b"args: 'open sesa' (16 of 17)", b"args: '[hidden]' (16 of 17)"),
        (b"open the door", b"open the door"),
    ],
)
def test_a_secret_is_hidden_whole_or_cut_off(text: bytes, seen: bytes) -> None:
    assert masked(text, ("open sesame 7", None, "")) == seen


def test_what_is_too_short_for_a_secret_is_not_spelled_out_by_being_hidden() -> None:
    assert masked(b"connection refused", ("on",)) == b"connection refused"


def test_blanks_are_hidden_as_sent_and_as_a_cause_has_them() -> None:
    assert masked(b"'two  blanks' 'two blanks'", ("two  blanks",)) == b"'[hidden]' '[hidden]'"


@pytest.mark.slow
@given(st.text("abc ", min_size=4, max_size=20), st.binary(max_size=30), st.binary(max_size=30))
def test_no_secret_survives_between_any_bytes(secret: str, before: bytes, after: bytes) -> None:
    text = masked(before + secret.encode() + after, (secret,))
    assert secret.encode() not in text.replace(HIDDEN, b"\xff")


def test_of_several_ports_that_are_down_the_first_is_told(check: Check) -> None:
    closed = free_port()
    with scripted(silent) as slow:
        outcome = check("smtp", port=f"{closed},{slow}", request_timeout=500)
        turned = check("smtp", port=f"{slow},{closed}", request_timeout=500)
    assert outcome.cause == f"Port {closed}: Connection refused"
    assert (turned.cause or "").startswith(f"Port {slow}: Timed out")
