"""Which monitors of a list are meant, and in which order they stand."""

from __future__ import annotations

import msgspec
import pytest

from tocsin.monitors.model import Line, MonitorStatus
from tocsin.monitors.rules.searching import SORTS, STATUSES, Wanted, matching, ordered, standing, words_of


def line(id: int, name: str, **values: object) -> Line:
    plain = Line(
        id=id, team_id=1, name=name, url=f"https://{id}.example.com", monitor_type="status", check_frequency=60,
        group_id=None, status=MonitorStatus.UP, created_ms=id, paused_ms=None, checked_ms=None, response_us=None,
        incident_id=None, degraded_since_ms=None, degraded_reason=None,
    )  # fmt: skip
    return msgspec.structs.replace(plain, **values)


SHOP = line(1, "Shop Übersicht", group_id=7, response_us=300_000)
API = line(2, "API", status=MonitorStatus.DOWN, monitor_type="json")
SLOW = line(3, "slow shop", degraded_since_ms=5, response_us=900_000)
IDLE = line(4, "Old shop", status=MonitorStatus.PAUSED, url="https://old.example.org")
ALL = [SHOP, API, SLOW, IDLE]


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Wanted(), [1, 2, 3, 4]),
        (Wanted(words=words_of("  SHOP ")), [1, 3, 4]),
        (Wanted(words=words_of("übersicht")), [1]),
        (Wanted(words=words_of("shop example.org")), [4]),
        (Wanted(words=words_of("nowhere")), []),
        (Wanted(statuses=frozenset({"up"})), [1, 3]),
        (Wanted(statuses=frozenset({"degraded", "down"})), [2, 3]),
        (Wanted(types=frozenset({"json"})), [2]),
        (Wanted(group_id=7), [1]),
        (Wanted(group_id=0), [2, 3, 4]),
    ],
)
def test_what_is_asked_for_is_found(wanted: Wanted, ids: list[int]) -> None:
    assert [found.id for found in matching(ALL, wanted)[0]] == ids


def test_counts_tell_of_every_status_whichever_was_asked_for() -> None:
    found, counts = matching(ALL, Wanted(words=("shop",), statuses=frozenset({"paused"})))
    assert [each.id for each in found] == [4]
    assert counts == dict.fromkeys(STATUSES, 0) | {"up": 1, "degraded": 1, "paused": 1}


@pytest.mark.parametrize(
    ("sort", "ids"),
    [("name", [2, 4, 1, 3]), ("-name", [3, 1, 4, 2]), ("status", [2, 3, 1, 4]), ("response_time", [1, 3, 2, 4]),
     ("-response_time", [3, 1, 2, 4]), ("-created_at", [4, 3, 2, 1])],
)  # fmt: skip
def test_lists_are_sorted_and_what_is_not_known_comes_last(sort: str, ids: list[int]) -> None:
    assert [each.id for each in ordered(ALL, sort)] == ids


@pytest.mark.parametrize("status", list(MonitorStatus))
def test_every_status_has_its_place(status: MonitorStatus) -> None:
    one = line(1, "One", status=status)
    assert standing(one) in STATUSES
    assert isinstance(SORTS["status"](one), int)
