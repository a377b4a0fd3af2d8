"""Whatever the system: what it says of one trouble carries one id from the beginning to the end."""

from __future__ import annotations

import msgspec
import pytest

from tests.inbound.sources.samples import STORIES, Story
from tocsin.inbound.model import Received
from tocsin.inbound.sources import Unreadable, sources

named = pytest.mark.parametrize("story", STORIES, ids=lambda story: f"{story.kind}-{story.name}")


def ids(story: Story, received: Received) -> list[str | None]:
    return [alert.alert_id for alert in sources()[story.kind].read(received, story.settings)]


def actions(story: Story, received: Received) -> set[str]:
    return {alert.action for alert in sources()[story.kind].read(received, story.settings)}


def test_every_source_has_a_story() -> None:
    assert {story.kind for story in STORIES} == set(sources())
    assert all(source.NAME for source in sources().values())


@named
def test_a_trouble_has_an_id_title_and_cause(story: Story) -> None:
    alerts = sources()[story.kind].read(story.started, story.settings)
    assert len(alerts) == story.alerts
    for alert in alerts:
        assert alert.action == "started"
        assert alert.alert_id
        assert alert.title
        assert alert.cause
        assert len(alert.title) <= 255
        assert all(alert.facts.values())


@named
def test_the_ids_of_different_troubles_differ(story: Story) -> None:
    assert len(set(ids(story, story.started))) == story.alerts


@named
def test_its_end_carries_the_id_of_its_beginning(story: Story) -> None:
    if story.resolved is None:
        return  # said in the documentation of that source
    assert actions(story, story.resolved) == {"resolved"}
    assert ids(story, story.resolved) == ids(story, story.started)


@named
def test_taking_it_on_carries_the_id_of_its_beginning(story: Story) -> None:
    if story.acknowledged is None:
        return
    assert actions(story, story.acknowledged) == {"acknowledged"}
    assert ids(story, story.acknowledged) == ids(story, story.started)


@named
def test_reading_twice_gives_the_same(story: Story) -> None:
    source = sources()[story.kind]
    assert source.read(story.started, story.settings) == source.read(story.started, story.settings)


@named
@pytest.mark.parametrize(
    "body", [b"", b"   ", b"ready", b"[]", b'"text"', b"7", b"null", b"{}", b'{"a":', b"\xff\xfe{}"]
)
def test_what_the_system_never_sends_is_refused_in_words(story: Story, body: bytes) -> None:
    received = msgspec.structs.replace(story.started, body=body)
    with pytest.raises(Unreadable, match="Expected "):
        sources()[story.kind].read(received, story.settings)


@named
def test_a_body_nested_a_hundred_thousand_deep_is_refused(story: Story) -> None:
    deep = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
    with pytest.raises(Unreadable, match="too deeply"):
        sources()[story.kind].read(msgspec.structs.replace(story.started, body=deep), story.settings)


@named
def test_a_byte_order_mark_does_no_harm(story: Story) -> None:
    marked = msgspec.structs.replace(story.started, body=b"\xef\xbb\xbf" + story.started.body)
    assert actions(story, marked) == {"started"}
