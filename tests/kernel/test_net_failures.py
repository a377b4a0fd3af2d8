"""libcurl's codes in our vocabulary: whose fault it is, and in which words."""

from __future__ import annotations

import errno
from typing import Any

import pycurl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.time import START
from tocsin.kernel.net import Failure
from tocsin.kernel.net.certificate import ago, covers
from tocsin.kernel.net.failures import Report, classify


def report(code: int, **more: Any) -> Report:
    facts = {"message": "", "os_errno": 0, "verify_result": 0, "connected": False, "secured": False, "answered": False,
             "timeout_seconds": 10.0, "host": "shop.example"}  # fmt: skip
    return Report(code=code, **{**facts, **more})


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (errno.ECONNREFUSED, Failure.CONNECT_REFUSED),
        (errno.ETIMEDOUT, Failure.CONNECT_TIMEOUT),
        (errno.EHOSTUNREACH, Failure.NO_ROUTE),
        (errno.ECONNRESET, Failure.RESET),
        (errno.ENETUNREACH, Failure.LOCAL),
        (errno.EMFILE, Failure.LOCAL),
        (errno.ENOMEM, Failure.LOCAL),
        (0, Failure.CONNECT_FAILED),
    ],
)
def test_what_the_system_says_of_a_connection_decides_whose_fault_it_is(number: int, failure: Failure) -> None:
    assert classify(report(pycurl.E_COULDNT_CONNECT, os_errno=number), None, START)[0] is failure


@given(st.integers(1, 120), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 80))
def test_every_code_has_a_failure_and_words(
    code: int, connected: bool, secured: bool, answered: bool, x509: int
) -> None:
    failure, words = classify(
        report(code, connected=connected, secured=secured, answered=answered, verify_result=x509), None, START
    )
    assert isinstance(failure, Failure)
    assert words


def test_an_unknown_code_is_the_targets_fault_so_that_no_page_is_lost() -> None:
    assert classify(report(9_999, message="strange"), None, START) == (Failure.PROTOCOL, "strange")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3 * 86_400 - 5, "3 days ago"), (-86_400, "1 day ago"), (-7_200, "2 hours ago"), (-1, "less than a minute ago"),
     (90 * 60, "in 1 hour")],
)  # fmt: skip
def test_how_long_ago_is_told_in_whole_units(seconds: int, words: str) -> None:
    assert ago(int(START.timestamp() * 1000) + seconds * 1000, START) == words


def test_a_wildcard_stands_for_one_whole_label() -> None:
    assert covers(["*.shop.example"], "www.shop.example")
    assert not covers(["*.shop.example"], "a.b.shop.example")
    assert not covers(["*.shop.example"], "shop.example")
