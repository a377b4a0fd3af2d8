"""Browser checks in a real Chromium: what a scenario may do, what it finds, and all that it must not get at."""

from __future__ import annotations

import asyncio
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.conftest import REQUIRE_ALL
from tests.time import FakeClock
from tocsin.kernel.net import Answer, Failure, Net, RealNet
from tocsin.monitors.checks import Outcome, checks, playwright
from tocsin.monitors.checks.playwright import confine
from tocsin.monitors.checks.playwright.browser import Missing, parts
from tocsin.monitors.model import Verdict

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGE = b"""<!doctype html><title>Shop</title><h1 class="big title">Welcome</h1><p hidden>secret</p>
<label>Name <input id="name" value=""></label><input type="checkbox" checked aria-label="Terms">
<button disabled>No</button>
<ul><li>one</li><li>two</li></ul>
<script>const one = (name) => document.querySelector(name);
const greet = () => { one('h1').textContent = 'Hello ' + one('#name').value }
</script><button onclick="setTimeout(greet, 300)">Greet</button>"""


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/gone" else 200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    if not any(map(shutil.which, playwright.browser.CHROMIUM_NAMES)):
        if REQUIRE_ALL:
            pytest.fail("Chromium is not installed, and this run must not skip anything")
        pytest.skip("Chromium is not installed")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()


class NoNet:
    """A scenario brings its own network; ours is asked only who is to blame for its failures."""

    def __init__(self, failure: Failure = Failure.DNS_NOT_FOUND) -> None:
        self._failure = failure

    async def resolve(self, name: str, ip_version: str | None = None) -> Answer:
        return Answer(failure=self._failure)


async def run(body: str, *, timeout: float = 30, variables: dict[str, str] | None = None) -> Outcome:
    """Run the body of one test named `visit`; its first line is the third of the script."""
    head = "const { test, expect } = require('@playwright/test');\ntest('visit', async ({ page, request }) => {\n"
    return await whole(head + body + "\n});", timeout=timeout, variables=variables)


async def whole(
    script: str, *, timeout: float = 30, variables: dict[str, str] | None = None, net: NoNet | None = None
) -> Outcome:
    settings = playwright.Settings(
        url="Visit", playwright_script=script, environment_variables=variables or {}, request_timeout=timeout
    )
    return await playwright.check(settings, net or NoNet())  # type: ignore[arg-type]


async def test_a_scenario_that_passes_is_up(shop: str) -> None:
    found = await run(f"""
        const answer = await page.goto('{shop}');
        await expect(answer).toBeOK();
        await expect(page).toHaveTitle('Shop');
        await expect(page).toHaveURL(/127.0.0.1/);
        await expect(page.locator('h1')).toHaveText('Welcome');
        await expect(page.locator('h1')).toHaveClass(/title/);
        await expect(page.locator('li')).toHaveCount(2);
        await expect(page.locator('li')).toHaveText(['one', /tw/]);
        await expect(page.locator('p')).toBeHidden();
        await expect(page.locator('h1')).not.toHaveText('Oops');
        await expect(page.getByText('No')).toBeDisabled();
        await expect(page.getByLabel('Terms')).toBeChecked();
        await page.getByLabel('Name').fill('Bob');
        await expect(page.locator('#name')).toHaveValue('Bob');
        await page.getByRole('button', {{ name: 'Greet' }}).click();
        await expect(page.locator('h1')).toContainText('Hello Bob');
        expect(1 + 1).toBe(2);
        expect({{ a: [1, 2] }}).toEqual({{ a: [1, 2], b: undefined }});
        expect([1, 2]).toContain(2);
        expect('abc').not.toMatch(/d/);
        await expect.poll(async () => 5).toBeGreaterThan(4);
        expect((await request.get('{shop}gone')).status()).toBe(404);
    """)
    assert (found.verdict, found.cause, found.evidence) == (Verdict.UP, None, None)
    assert found.response_time > 0


async def test_the_form_of_newer_scenarios_is_understood_too(shop: str) -> None:
    found = await whole("""
import { test, expect, type Page } from '@playwright/test';
test.describe('the shop', () => {
  let visits: number = 0;
  test.beforeEach(async ({ page }: { page: Page }) => { visits += 1; await page.goto(process.env.SHOP!); });
  test('is open', async ({ page }) => { await expect(page.locator('h1')).toBeVisible(); });
  test.skip('is not written yet', async () => { throw new Error('no'); });
  test('is visited', async () => { expect(visits).toBe(2); });
});
""", variables={"SHOP": shop})  # fmt: skip
    assert (found.verdict, found.cause) == (Verdict.UP, None)


async def test_a_failing_line_is_the_cause_with_a_picture_and_without_the_secrets(shop: str) -> None:
    found = await run(
        """await page.goto(process.env.SHOP);
        console.log('signing in as', process.env.PASSWORD);
        await page.fill('#name', process.env.PASSWORD);
        await expect(page.locator('#name')).toHaveValue('nobody', { timeout: 300 });""",
        variables={"SHOP": shop, "PASSWORD": "correct horse"},
    )
    assert found.verdict is Verdict.DOWN
    assert found.cause == "visit: expect(locator('#name')).toHaveValue('nobody') failed, found ••• (line 6)"
    assert found.evidence is not None
    assert found.evidence.screenshot is not None
    assert found.evidence.screenshot.startswith(b"\x89PNG")
    assert b"signing in as" in found.evidence.body
    assert b"correct horse" not in msgspec.json.encode(found)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("const broken = ;", "The script cannot be run: "),
        ("const nothing = 1;", "The script declares no test"),
        ("require('@playwright/test').test('x', async () => { throw 'no' })", "x: thrown: 'no' "),
        ("require('@playwright/test').test('x', async () => { require('@playwright/test').expect(1).toSmell() })",
         "x: expect(…).toSmell is not available here."),
        ("require('@playwright/test').test('x', async ({ page }) => page.goto('http://localhost:9'))",
         "x: page.goto: net::ERR_UNSAFE_PORT at http://localhost:9/ (line 1)"),
    ],
)  # fmt: skip
async def test_what_a_scenario_gets_wrong_is_said_in_its_cause(shop: str, script: str, words: str) -> None:
    found = await whole(script)
    assert found.verdict is Verdict.DOWN
    assert (found.cause or "").startswith(words.strip())


@pytest.mark.parametrize(
    ("failure", "verdict"), [(Failure.DNS_NOT_FOUND, Verdict.DOWN), (Failure.LOCAL, Verdict.UNKNOWN)]
)
async def test_a_name_that_only_our_own_network_cannot_find_is_nobodys_outage(
    shop: str, failure: Failure, verdict: Verdict
) -> None:
    script = "require('@playwright/test').test('x', async ({ page }) => page.goto('http://shop.invalid/'))"
    found = await whole(script, net=NoNet(failure))
    assert found.verdict is verdict
    assert "ERR_NAME_NOT_RESOLVED" in (found.cause or "")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("await page.waitForTimeout(60_000);", "visit: timed out after 2 seconds"),
        ("while (true) {}", "The scenario did not end within 2 seconds and was killed"),
    ],
)
async def test_a_scenario_that_does_not_end_is_ended(shop: str, body: str, words: str) -> None:
    found = await run(body, timeout=2)
    assert (found.verdict, found.cause) == (Verdict.DOWN, words)


async def test_a_script_sees_neither_our_files_nor_our_environment(
    shop: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOCSIN_SECRET_KEY", "k" * 40)
    key = tmp_path / "secret.key"
    key.write_text("sesame")
    tmp_path.chmod(0o755)
    ours = os.getpid()
    found = await run(f"""
        const fs = require('node:fs');
        const tried = {{ environment: JSON.stringify(process.env).includes('TOCSIN_SECRET') }};
        for (const path of ['{key}', '/proc/{ours}/environ', '/root', '{Path(__file__)}', '/etc/shadow']) {{
          try {{ fs.readFileSync(path); tried[path] = 'read'; }} catch (error) {{ tried[path] = error.code; }}
        }}
        try {{ process.kill({ours}, 0); tried.signal = 'sent'; }} catch (error) {{ tried.signal = error.code; }}
        for (const url of ['file://{key}', 'file:///etc/passwd', 'http://169.254.169.254/']) {{
          try {{ await page.goto(url); tried[url] = 'opened'; }} catch (error) {{ tried[url] = 'refused'; }}
        }}
        const fine = ['EACCES', 'EPERM', 'ENOENT', 'refused', false];
        expect(Object.entries(tried).filter(([, result]) => !fine.includes(result))).toEqual([]);
    """)
    assert (found.verdict, found.cause) == (Verdict.UP, None)


async def test_nothing_of_a_check_is_left_behind(shop: str) -> None:
    marker = "tocsin-left-behind"
    found = await run(f"""
        const {{ spawn }} = require('node:child_process');
        spawn('sleep', ['300.{os.getpid()}'], {{ detached: true, stdio: 'ignore' }}).unref();
        await page.goto('{shop}');
        throw new Error('{marker}');
    """)
    assert marker in (found.cause or "")
    listed = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True).stdout
    running = [line for line in listed.splitlines() if not line.startswith("Z")]
    assert not [line for line in running if f"300.{os.getpid()}" in line]
    homes = {str(path) for path in Path(os.environ.get("TMPDIR", "/tmp")).glob("tocsin-browser-*")}
    assert not [line for line in running if any(home in line for home in homes)]


@pytest.fixture
def configured() -> Iterator[Callable[[playwright.Host], None]]:
    """Set browser checks up for one test."""
    yield playwright.configure
    playwright.configure(playwright.Host())


Configure = Callable[[playwright.Host], None]


async def test_too_much_memory_ends_the_check_as_a_fault_of_ours(shop: str, configured: Configure) -> None:
    configured(playwright.Host(memory_bytes=64 << 20))
    found = await run(f"await page.goto('{shop}'); await page.waitForTimeout(20_000);")
    assert found.verdict is Verdict.UNKNOWN
    assert "memory" in (found.cause or "")


async def test_without_a_chromium_nobody_is_blamed(configured: Configure) -> None:
    configured(playwright.Host(chromium="/nowhere/chromium"))
    found = await run("")
    assert found.verdict is Verdict.UNKNOWN
    assert found.cause == (
        "/nowhere/chromium is not a program: install it (Debian: apt-get install chromium) or say where it is with "
        "--chromium PATH."
    )


async def test_a_program_that_is_no_chromium_is_nobodys_outage(shop: str, configured: Configure) -> None:
    configured(playwright.Host(chromium=shutil.which("true") or ""))
    found = await run("")
    assert found.verdict is Verdict.UNKNOWN
    assert found.cause


def test_where_private_addresses_are_out_of_bounds_so_are_scripts() -> None:
    with pytest.raises(Missing, match="private targets"):
        parts(playwright.Host(allowed=False))


def test_what_a_killed_tocsin_left_behind_is_removed_at_the_next_start(tmp_path: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, running = (Path(tempfile.gettempdir(), f"tocsin-browser-{pid}-test") for pid in (ended.pid, os.getpid()))
    for home in (left, running):
        home.mkdir()
    playwright.configure(playwright.Host())
    assert (left.exists(), running.exists()) == (False, True)
    running.rmdir()


async def test_more_checks_than_browsers_wait_for_one_another(shop: str) -> None:
    found = await asyncio.gather(*(run(f"await page.goto('{shop}');") for _ in range(3)))
    assert [each.verdict for each in found] == [Verdict.UP] * 3
    assert not playwright._here.busy


def test_it_runs_on_the_networks_own_thread(shop: str) -> None:
    net: Any = RealNet(FakeClock())
    net.start()
    done: Future[Any] = Future()
    module: Any = checks()["playwright"]
    script = f"require('@playwright/test').test('x', async ({{ page }}) => {{ await page.goto('{shop}'); }})"
    settings = module.Settings(url="Visit", playwright_script=script, request_timeout=30)

    def begin(network: Net) -> None:
        network.spawn(module.check(settings, network), done.set_result)

    try:
        net.post(begin, net)
        found = done.result(60)
    finally:
        net.stop()
    assert isinstance(found, Outcome), found
    assert (found.verdict, found.cause) == (Verdict.UP, None)


def test_what_is_not_allowed_is_closed_even_to_root(tmp_path: Path) -> None:
    if confine.landlock_version() == 0:
        if REQUIRE_ALL:
            pytest.fail("this kernel has no Landlock, and this run must not skip anything")
        pytest.skip("this kernel has no Landlock")
    (tmp_path / "open").mkdir()
    for name in ("secret.key", "open/page"):
        (tmp_path / name).write_text(name)
    wanted = {
        "uid": None,
        "read": ["/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache"],
        "write": [str(tmp_path / "open")],
        "limits": {"RLIMIT_CORE": 0},
    }
    confined = [sys.executable, "-I", "-S", confine.__file__, msgspec.json.encode(wanted).decode()]
    script = "cat open/page; cat secret.key; touch new; touch open/new; ls .; true"
    ended = subprocess.run([*confined, "/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, timeout=20)
    assert (ended.returncode, ended.stdout) == (0, b"open/page")
    assert (tmp_path / "open" / "new").exists()
    assert not (tmp_path / "new").exists()
