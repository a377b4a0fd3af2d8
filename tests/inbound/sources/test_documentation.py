"""The page of each source is there, and what it gives to paste is what the source reads."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.inbound.sources.monitoring import datadog, kibana, watcher
from tests.inbound.sources.samples import request
from tocsin.inbound.model import KINDS, SourceSettings
from tocsin.inbound.sources import sources

FOLDER = Path(__file__).parents[3] / "docs" / "inbound"


def page(kind: str) -> str:
    return (FOLDER / f"{kind}.md").read_text("utf-8")


def templates(kind: str) -> list[dict[str, Any]]:
    """The JSON that a page gives to paste."""
    return [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page(kind), re.DOTALL)]


@pytest.mark.parametrize("kind", sorted(sources()))
def test_every_source_has_a_page_that_says_how_to_set_it_up_and_what_it_cannot_do(kind: str) -> None:
    text = page(kind)
    for heading in ("## Set up", "## What happens"):
        assert heading in text
    assert "## What it cannot tell" in text or "## What differs" in text
    assert "**Alert id:**" in text
    assert "**Metadata:**" in text


@pytest.mark.parametrize("kind", sorted(sources()))
def test_the_overview_leads_to_every_page_and_names_where_it_is_made(kind: str) -> None:
    overview = (FOLDER / "README.md").read_text("utf-8")
    assert f"`POST /api/v2/{KINDS[kind].path}`" in overview
    assert f"({kind}.md)" in overview


def test_datadogs_payload_has_the_fields_of_our_sample() -> None:
    [template] = templates("datadog")
    assert set(template) == set(datadog())


def test_kibanas_and_watchers_bodies_have_the_fields_of_our_samples() -> None:
    for_kibana, for_watcher = templates("elastic")
    assert set(for_kibana) == set(kibana())
    assert set(for_watcher) == set(watcher())


def test_watchers_body_is_read_as_it_stands() -> None:
    _, body = templates("elastic")
    [alert] = sources()["elastic"].read(request(body), SourceSettings())
    assert (alert.action, alert.title) == ("started", "Errors in the log")


def test_new_relics_template_is_read_once_new_relic_has_filled_it() -> None:
    [template] = re.findall(r"```handlebars\n(.*?)```", page("new_relic"), re.DOTALL)
    conditions = re.sub(r"\{\{#if [^}]+\}\}(.*?)\{\{else\}\}.*?\{\{/if\}\}", r"\1", template)
    filled = re.sub(r"\{\{ json (\S+) \}\}", lambda found: json.dumps(VALUES.get(found[1], "x")), conditions)
    [alert] = sources()["new_relic"].read(request(json.loads(filled)), SourceSettings())
    assert (alert.action, alert.alert_id, alert.cause) == ("started", "an issue", "x")


VALUES = {"issueId": "an issue", "state": "ACTIVATED", "priority": "CRITICAL", "triggerEvent": "STATE_CHANGE"}
