"""Whatever stands in a message, what chats have in common keeps it short, visible and whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notify.channels.messages import BASE_URL, SIGNATURE, news, page
from tocsin.notify.channels import discord, mattermost, microsoft_teams, posting, slack, telegram
from tocsin.notify.channels.posting import cut, post_of, within

ESCAPES = [slack.escape, telegram.escape, discord.escape, microsoft_teams.escape, mattermost.escape]


@given(st.text(max_size=60), st.integers(min_value=1, max_value=40), st.sampled_from([None, *ESCAPES]))
def test_a_text_is_cut_to_its_limit_as_it_is_sent_and_never_amid_an_escape(
    text: str, limit: int, escape: posting.Escape | None
) -> None:
    written = cut(text, limit, escape)
    assert len(written) <= limit
    whole = text if escape is None else escape(text)
    if len(whole) <= limit:
        assert written == whole
    else:
        assert written.endswith("…")
        beginnings = [text[:end] if escape is None else escape(text[:end]) for end in range(len(text))]
        assert written[:-1] in beginnings


@pytest.mark.slow
@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=8), st.integers(0, 100))
def test_facts_are_left_out_from_the_end(facts: list[tuple[str, str]], room: int) -> None:
    kept = within(facts, room)
    assert kept == facts[: len(kept)]
    assert sum(len(label) + len(value) for label, value in kept) <= room


@pytest.mark.parametrize(
    ("escape", "hostile", "harmless"),
    [
        (slack.escape, "<!channel> & <@U1>", "&lt;!channel&gt; &amp; &lt;@U1&gt;"),
        (telegram.escape, '<a href="x">&', "&lt;a href=&quot;x&quot;&gt;&amp;"),
        (discord.escape, "@everyone [x](y)", "\\@everyone \\[x\\]\\(y\\)"),
        (mattermost.escape, "@channel :boom:", "@\u200bchannel :\u200bboom:"),
        (microsoft_teams.escape, "[x](y) *z*", "\\[x\\]\\(y\\) \\*z\\*"),
    ],
)
def test_a_name_mentions_nobody_and_links_nowhere(escape: posting.Escape, hostile: str, harmless: str) -> None:
    assert escape(hostile) == harmless


def test_a_name_cannot_hide_anything_or_turn_the_writing_round() -> None:
    post = post_of(page(channel="slack", address="#ops", notice={"headline": "shop\x1b[31m\u202emoc.evil\nnow"}))
    assert post.headline == "shop [31m moc.evil now"


def test_what_can_be_answered_depends_on_how_it_stands() -> None:
    where = {"channel": "slack", "address": "#ops"}
    deeds = {
        kind: [button.deed for button in post_of(news(kind, "So it is", **where)).buttons]
        for kind in ("acknowledged", "resolved", "notice")
    }
    assert deeds == {"acknowledged": ["resolve"], "resolved": [], "notice": []}
    asked = post_of(page(**where))
    assert [button.token for button in asked.buttons] == [f"7-{SIGNATURE}"] * 2
    test = post_of(page(notice={"actions": ()}, answer_url=None, answer_token=None, **where))
    assert (test.buttons, test.url) == ((), "")
    assert "/answer/7-" in posting.plain(asked)
    code = page(notice={"kind": "notice", "incident_id": 0, "url": BASE_URL}, answer_url=None, **where)
    assert post_of(code).invitation == "Open Tocsin"
