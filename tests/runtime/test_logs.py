"""No secret ever stands in a log line."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.runtime.logs import hide_secrets, rendering


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "s3cret"),
        ("auth_password", "s3cret"),
        ("smtp_url", "smtp://ann:s3cret@mail"),
        ("error", "cannot reach smtp://ann:s3cret@mail.example.com:587"),
        ("error", "postgresql://tocsin:s3cret@db/x refused"),
        ("event", "Authorization: Bearer s3cret"),
        ("exception", "Traceback … postgresql+psycopg://u:s3cret@h/d"),
    ],
)
def test_a_secret_is_blanked_by_its_name_or_by_its_form(name: str, value: str) -> None:
    assert "s3cret" not in str(hide_secrets(None, "info", {name: value}))


def test_everything_else_stays_as_it_is() -> None:
    event = {"event": "delivery", "url": "https://shop.example.com/a:b@c", "count": 3}
    assert hide_secrets(None, "info", dict(event)) == event


@pytest.mark.parametrize("machine", [True, False])
def test_a_traceback_tells_where_it_happened_and_no_secret(machine: bool) -> None:
    kept_in_a_variable = "s3cret"

    def fails() -> None:
        raise RuntimeError(f"postgresql://tocsin:{kept_in_a_variable}@db/x refused")

    line: Any = {"event": "it failed", "exc_info": True, "level": "error"}
    try:
        fails()
    except RuntimeError:
        for step in rendering(machine):
            line = step(None, "error", line)
    assert "in fails" in line
    assert "refused" in line
    assert "s3cret" not in line
