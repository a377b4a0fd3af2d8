"""The recording of a failed browser check: what the script did is in it, what must not be seen is not."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import zipfile
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.monitors.checks.test_playwright import run, shop
from tocsin.monitors.checks.playwright import Host, cleaning, parts, trace
from tocsin.monitors.model import Verdict

__all__ = ["shop"]

SECRET = 'correct "horse"/é+'
BEGIN = b'{"version":8,"type":"context-options","origin":"library"}\n'


def packed(entries: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return made.getvalue()


def opened(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def events(content: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in content.splitlines()]


@pytest.mark.browser
@pytest.mark.slow
async def test_the_trace_of_a_failed_scenario_holds_its_actions_and_no_secret(shop: str, tmp_path: Path) -> None:
    found = await run(
        """await page.goto(process.env.SHOP + '?key=' + encodeURIComponent(process.env.PASSWORD));
        await page.request.get(process.env.SHOP, { headers: {
          Authorization: 'Basic ' + Buffer.from('probe:' + process.env.PASSWORD).toString('base64') } });
        await page.fill('#name', process.env.PASSWORD);
        await page.evaluate((said) => { document.body.title = said; }, process.env.PASSWORD);
        await page.click('#missing', { timeout: 300 });""",
        variables={"SHOP": shop, "PASSWORD": SECRET},
    )
    assert found.verdict is Verdict.DOWN
    assert found.evidence is not None
    assert found.evidence.trace is not None, found.evidence.body
    entries = opened(found.evidence.trace)
    told = events(entries["trace.trace"])
    assert told[0]["type"] == "context-options"
    done = [event["method"] for event in told if event["type"] == "before"]
    assert [each for each in done if each in ("goto", "fill", "click")] == ["goto", "fill", "click"]
    assert any(event["type"] == "frame-snapshot" for event in told)
    assert {event["type"] for event in events(entries["trace.network"])} == {"resource-snapshot"}
    everything = b"\n".join([*entries.values(), *(name.encode() for name in entries)])
    code = base64.b64encode(f"probe:{SECRET}".encode()).decode().rstrip("=")
    for form in (
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        quote(SECRET),
        code[10:],
    ):
        assert form.encode() not in everything
    assert "•••".encode() in everything
    (tmp_path / "trace.zip").write_bytes(found.evidence.trace)
    shown = _by_playwright(tmp_path, "open", "trace.zip") + _by_playwright(tmp_path, "actions")
    assert 'Fill "•••"' in shown
    assert "locator('#missing')" in shown


def _by_playwright(folder: Path, *arguments: str) -> str:
    """What Playwright's own reader of traces, the one behind `show-trace`, makes of it."""
    found = parts(Host())
    command = [found.node, f"{found.driver}/cli.js", "trace", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "traced"),
    [
        ("setTimeout(() => { throw new Error('late') }, 0); await page.waitForTimeout(5_000);", True),
        ("await page.waitForTimeout(60_000);", True),
        ("await page.context().close(); throw new Error('x');", False),
        ("await page.context().tracing.start(); throw new Error('x');", False),
    ],
)
async def test_however_a_scenario_ends_there_is_a_trace_or_the_log_says_why_not(
    shop: str, body: str, traced: bool
) -> None:
    found = await run(f"await page.goto('{shop}');{body}", timeout=4)
    assert found.verdict is Verdict.DOWN
    assert found.evidence is not None
    assert (found.evidence.trace is not None) is traced, found.evidence.body
    assert (b"no trace: " in found.evidence.body) is not traced


@pytest.mark.browser
@pytest.mark.slow
async def test_a_script_that_puts_another_file_in_the_place_of_its_trace_shows_none_of_ours(shop: str) -> None:
    found = await run(f"""await page.goto('{shop}');
        const fs = require('node:fs');
        for (const file of ['/etc/shadow', '{__file__}'])
          try {{ fs.symlinkSync(file, process.env.TMPDIR + '/trace.zip'); break; }} catch (error) {{}}
        const write = fs.writeSync;
        fs.writeSync = (to, what, ...rest) => write(to, Buffer.isBuffer(what) ? fs.readFileSync('/etc/hosts') : what);
        fs.fstatSync; throw new Error('x');""")
    assert found.evidence is not None
    assert found.evidence.trace is None
    assert b"no trace: " in found.evidence.body


def test_every_usual_form_of_a_secret_is_hidden() -> None:
    forms = [
        SECRET, quote(SECRET, safe=""), quote(SECRET, safe="").lower(), json.dumps(SECRET),
        json.dumps(json.dumps(SECRET)), SECRET.replace('"', "&quot;"), base64.b64encode(SECRET.encode()).decode(),
    ]  # fmt: skip
    line = json.dumps({"type": "log", "message": " ".join(forms), "pin": 98765}, ensure_ascii=False).encode()
    made = opened(
        cleaning.cleaned(
            packed({"trace.trace": BEGIN + line, "resources/a.html": "\n".join(forms).encode()}),
            [SECRET, "98765"],
            1 << 20,
        )
    )
    _, event = events(made["trace.trace"])
    assert event["pin"] == 0
    for text in (str(event["message"]), made["resources/a.html"].decode()):
        assert text.count("•••") == len(forms)
        assert "horse" not in text
        assert "aG9yc2" not in text


def test_a_variable_that_is_a_word_of_the_format_leaves_the_trace_readable() -> None:
    line = b'{"type":"before","callId":"call@1","class":"Frame","method":"goto","params":{"url":"http://x/goto"}}'
    made = opened(
        cleaning.cleaned(packed({"trace.trace": BEGIN + line}), ["before", "goto", "type", "params"], 1 << 20)
    )
    event = events(made["trace.trace"])[1]
    assert (event["type"], event["method"], event["params"]) == ("before", "goto", {"url": "http://x/•••"})


def test_nothing_but_what_a_trace_is_made_of_is_kept() -> None:
    made = opened(cleaning.cleaned(packed({
        "trace.trace": BEGIN + b"no json\n[]\n" + b"[" * 100_000 + b"\n",
        "../../etc/passwd": b"x", "resources/../x": b"x", "/resources/x": b"x", "key.pem": b"x",
        "resources/a.bin": b"\x80\x00secret", "resources/b.png": b"\x89PNG\xff",
        "resources/c.png": b"\x89PNG\xffsecret",
    }), ["secret"], 1 << 20))  # fmt: skip
    assert made == {"trace.trace": BEGIN, "resources/b.png": b"\x89PNG\xff"}


def test_a_trace_that_is_too_large_is_kept_without_its_pages() -> None:
    rows = BEGIN + b'{"type":"frame-snapshot"}\n{"type":"before"}\n'
    picture = b"\x89PNG" + bytes(range(256)) * 40
    data = packed({"trace.trace": rows, "resources/a.png": picture})
    made = opened(cleaning.cleaned(data, [], 600))
    assert made == {"trace.trace": BEGIN + b'{"type":"before"}\n'}
    with pytest.raises(cleaning.Unusable, match="larger than 100 bytes"):
        cleaning.cleaned(data, [], 100)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it cannot be unpacked"),
        (b"root:x:0:0", "it cannot be unpacked"),
        (packed({"trace.trace": b"{}"}), "it is no trace of Playwright's"),
        (packed({"trace.trace": bytes(cleaning.MAX_UNPACKED_BYTES + 1)}), "it unpacks to more than 50331648 bytes"),
        (packed({f"resources/{n}": b"" for n in range(cleaning.MAX_ENTRIES + 1)}), "it has more than 5000 entries"),
    ],
)
async def test_what_is_no_trace_or_a_bomb_is_not_kept(data: bytes, why: str) -> None:
    assert await trace.clean(data, ["secret"]) == (None, why)


async def test_cleaning_ends_when_its_time_is_over() -> None:
    assert await trace.clean(packed({"trace.trace": BEGIN}), [], 0.0) == (None, "it could not be cleaned in time")
