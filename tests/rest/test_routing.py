"""Addresses find their deed."""

from __future__ import annotations

import pytest

from tocsin.rest.routing import Router


@pytest.fixture
def router() -> Router[str]:
    router: Router[str] = Router()
    router.add("GET", "/api/v2/monitors", "list")
    router.add("POST", "/api/v2/monitors", "create")
    router.add("GET", "/api/v2/monitors/{id}", "get")
    router.add("GET", "/api/v2/monitors/{id}/sla", "sla")
    router.add("GET", "/api/v2/monitors/mine", "mine")
    router.add("DELETE", "/api/v2/incidents/{id}/comments/{comment_id}", "forget")
    return router


@pytest.mark.parametrize("path", ["/api/v2/monitors", "/api/v2/monitors/", "//api//v2/monitors", "api/v2/monitors"])
def test_slashes_at_the_end_or_doubled_do_not_matter(router: Router[str], path: str) -> None:
    assert router.find("GET", path) == ("list", {})


def test_path_parameters_are_named_by_the_route(router: Router[str]) -> None:
    assert router.find("GET", "/api/v2/monitors/41/sla") == ("sla", {"id": "41"})
    assert router.find("DELETE", "/api/v2/incidents/7/comments/9") == ("forget", {"id": "7", "comment_id": "9"})


def test_a_literal_segment_wins_over_a_parameter_but_does_not_hide_what_is_below_it(router: Router[str]) -> None:
    assert router.find("GET", "/api/v2/monitors/mine") == ("mine", {})
    assert router.find("GET", "/api/v2/monitors/mine/sla") == ("sla", {"id": "mine"})


def test_head_finds_what_get_finds(router: Router[str]) -> None:
    assert router.find("HEAD", "/api/v2/monitors/41") == ("get", {"id": "41"})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/v2/monitors"),
        ("OPTIONS", "/api/v2/monitors"),
        ("GET", "/api/v2"),
        ("GET", "/api/v2/monitors/41/nope"),
        ("GET", "/" + "a/" * 10_000),
    ],
)
def test_what_does_not_exist_is_not_found(router: Router[str], method: str, path: str) -> None:
    assert router.find(method, path) is None


def test_two_deeds_at_one_address_are_refused(router: Router[str]) -> None:
    with pytest.raises(ValueError, match="two places"):
        router.add("GET", "/api/v2/monitors/{monitor_id}", "other")
