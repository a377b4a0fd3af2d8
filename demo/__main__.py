"""`make demo`: a lively Tocsin to look at, with sites that break in turns, a mailbox and telephones that really ring.

Everything stays on this machine: Tocsin on port 8080, the sites on 8081, the phones on 8083, the mail server on 8025,
all data in ./demo-data (delete it to begin anew). Ctrl-C stops it all.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import mailbox
import os
import re
import signal
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import company
import status_page
from aiosmtpd.controller import Controller
from phones import ACCOUNT, NUMBER, TOKEN, Phones
from rich.console import Console
from rich.markup import escape
from sites import SITES, Street

PORT, SITES_PORT, PHONES_PORT, MAIL_PORT = 8080, 8081, 8083, mailbox.PORT
BASE_URL = f"http://127.0.0.1:{PORT}"
DATA = Path("demo-data")
START_SECONDS = 30
STOP_SECONDS = 6
PEOPLE = (("ann@demo.example", "Ann Lee", "+15005550101"), ("bob@demo.example", "Bob Ray", "+15005550102"))
PASSWORD = "demo-password"
LAZY = "Stock import"
SETTINGS = {
    "TOCSIN_ADMIN_EMAIL": "admin@demo.example",
    "TOCSIN_ADMIN_PASSWORD": PASSWORD,
    "TOCSIN_FIRST_TEAM": "Demo",
    "TOCSIN_LOG_LEVEL": "warning",
    "TOCSIN_TWILIO_ACCOUNT_SID": ACCOUNT,
    "TOCSIN_TWILIO_AUTH_TOKEN": TOKEN,
    "TOCSIN_TWILIO_FROM": NUMBER,
    "TOCSIN_TWILIO_BASE_URL": f"http://127.0.0.1:{PHONES_PORT}",
    "TOCSIN_BASE_URL": BASE_URL,
}
out = Console(highlight=False, soft_wrap=True)


def _mail(recipients: list[str], mail: EmailMessage, text: str) -> None:
    out.print(f"[bold cyan]mail[/]   to {', '.join(recipients)}: [bold]{escape(str(mail['subject']))}[/]")
    for deed, address in mailbox.links(text):
        out.print(f"       {deed}: {address}")


async def main() -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    post = Controller(mailbox.Mailbox(_mail, DATA / "mail"), hostname="127.0.0.1", port=MAIL_PORT)
    try:
        post.start()
    except OSError as error:
        out.print(f"[red]The demo needs port {MAIL_PORT} for its mailbox: {error}[/]")
        return 1
    street = asyncio.create_task(Street(lambda words: out.print(f"[bold yellow]street[/] {words}")).serve(SITES_PORT))
    phones = Phones(BASE_URL, lambda words: out.print(f"[bold magenta]phone[/]  {words}"))
    switchboard = asyncio.create_task(phones.serve(PHONES_PORT))
    server = await _start_server()
    jobs: asyncio.Future[list[None]] | None = None
    try:
        if not await _ready(server, stop):
            return 1
        token = (await _tocsin("token", "create", "--team", "Demo")).strip()
        agent = await _seed(token, phones)
        out.rule("[bold]Tocsin demo[/]")
        out.print(f"The console {BASE_URL}   (sign in as {SETTINGS['TOCSIN_ADMIN_EMAIL']} with {PASSWORD})")
        out.print(f"Reference   {BASE_URL}/docs/api")
        out.print(f"Status page {BASE_URL}/status/{status_page.SUBDOMAIN}")
        out.print(f"API token   {token}")
        out.print(f"The sites   http://127.0.0.1:{SITES_PORT}/shop …   one breaks every 45 s")
        out.print(f"All mails   {DATA / 'mail'}/*.eml, and their links here")
        out.print(f"The phones  http://127.0.0.1:{PHONES_PORT}/   everybody is called when nobody answers for 20 s")
        out.print(f'Try         curl -s {BASE_URL}/api/v3/incidents -H "Authorization: Bearer {token}"')
        out.rule("Ctrl-C stops everything")
        jobs = asyncio.gather(_jobs(token), *([company.at_work(BASE_URL, agent)] if agent else []))
        ended = asyncio.create_task(server.wait())
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, waiting, street}, return_when=asyncio.FIRST_COMPLETED)
        if street.done():
            out.print(f"[red]The sites ended: {street.exception()}[/]")
        return 0 if stop.is_set() else 1
    finally:
        street.cancel()
        switchboard.cancel()
        if jobs is not None:
            jobs.cancel()
        await _stop_server(server)
        post.stop()


async def _start_server() -> asyncio.subprocess.Process:
    words = ("serve", "--port", str(PORT), "--smtp-url", f"smtp://127.0.0.1:{MAIL_PORT}", "--min-check-frequency", "1")
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin", *words, "--data", str(DATA), env=os.environ | SETTINGS, start_new_session=True
    )


async def _ready(server: asyncio.subprocess.Process, stop: asyncio.Event) -> bool:
    for _ in range(START_SECONDS * 10):
        if server.returncode is not None or stop.is_set():
            return False
        with contextlib.suppress(OSError):
            await asyncio.to_thread(urllib.request.urlopen, f"{BASE_URL}/healthz", timeout=2)
            return True
        await asyncio.sleep(0.1)
    return False


async def _stop_server(server: asyncio.subprocess.Process) -> None:
    if server.returncode is None:
        server.terminate()
        try:
            await asyncio.wait_for(server.wait(), STOP_SECONDS)
        except TimeoutError:
            server.kill()


async def _tocsin(*words: str, input: str = "") -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tocsin", *words, "--data", str(DATA),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    answer, _ = await process.communicate(input.encode())
    return answer.decode()


async def _seed(token: str, phones: Phones) -> str:
    """People, monitors, a status page and the rest, once; returns the agent's token, "" when it was there before."""
    if (await _ask(token, "GET", "/api/v2/monitors"))["data"]:
        return ""
    for address, name, _ in PEOPLE:
        await _tocsin("user", "create", "--team", "Demo", "--email", address, "--name", name, "--password-stdin",
                      input=PASSWORD + "\n")  # fmt: skip
    policy_id = await _on_call(token, phones)
    heartbeats, monitors = {}, {}
    for name in ("Nightly backup", LAZY):
        made = await _ask(token, "POST", "/api/v2/heartbeats", {"name": name, "period": 30, "grace": 5})
        heartbeats[name] = int(made["data"]["id"])
    group = await _ask(token, "POST", "/api/v2/monitor-groups", {"name": "Demo street"})
    for site in SITES:
        body: dict[str, Any] = {
            "monitor_type": "status",
            "url": f"http://127.0.0.1:{SITES_PORT}{site.path}",
            "pronounceable_name": site.name,
            "check_frequency": 5,
            "request_timeout": 2,
            "recovery_period": 0,
            "monitor_group_id": group["data"]["id"],
            "policy_id": policy_id,
        }
        if site.breaks == "keyword":
            body |= {"monitor_type": "keyword", "required_keyword": site.words}
        made = await _ask(token, "POST", "/api/v2/monitors", body)
        monitors[site.name] = int(made["data"]["id"])
    await status_page.seed(partial(_ask, token), monitors, heartbeats)
    return await company.seed(partial(_ask, token), BASE_URL, monitors["Shop"])


async def _on_call(token: str, phones: Phones) -> str:
    """Ann and Bob take turns, a day each: whoever is on call gets a text and a mail, after 20 s both are called.

    Returns the policy's id.
    """
    for address, _, number in PEOPLE:
        path = f"/api/v2/users/{address}/contact-methods"
        method = await _ask(token, "POST", path, {"kind": "phone", "address": number})
        code = await _code(phones, number)
        await _ask(token, "POST", f"{path}/{method['data']['id']}/verify", {"code": code})
    now = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    await _ask(token, "POST", "/api/v2/on-calls/default/rotation", {
        "users": [address for address, _, _ in PEOPLE], "rotation_length": 1, "rotation_interval": "day",
        "start_rotations_at": (now - timedelta(days=35)).isoformat(),
        "end_rotations_at": (now + timedelta(days=120)).isoformat(),
    })  # fmt: skip
    text = await _ask(token, "POST", "/api/v2/urgencies", {"name": "Text and mail", "sms": True, "email": True})
    call = await _ask(token, "POST", "/api/v2/urgencies", {"name": "Call", "call": True})
    policy = await _ask(token, "POST", "/api/v3/policies", {"name": "Demo", "steps": [
        {"type": "escalation", "wait_before": 0, "urgency_id": int(text["data"]["id"]),
         "step_members": [{"type": "current_on_call"}]},
        {"type": "escalation", "wait_before": 20, "urgency_id": int(call["data"]["id"]),
         "step_members": [{"type": "entire_team"}]},
    ]})  # fmt: skip
    return str(policy["data"]["id"])


async def _code(phones: Phones, number: str) -> str:
    """The code that was sent to a phone."""
    for _ in range(START_SECONDS * 10):
        for _, to, body in reversed(phones.texts):
            if to == number and (found := re.search(r"\b\d{6}\b", body)):
                return found.group()
        await asyncio.sleep(0.1)
    raise SystemExit(f"No code arrived at {number}")


async def _jobs(token: str) -> None:
    """Two jobs that call every ten seconds; the second oversleeps every other minute."""
    while True:
        beats = (await _ask(token, "GET", "/api/v2/heartbeats"))["data"]
        for turn in range(12):
            for beat in beats:
                if turn < 6 or beat["attributes"]["name"] != LAZY:
                    with contextlib.suppress(OSError):
                        await asyncio.to_thread(urllib.request.urlopen, beat["attributes"]["url"], timeout=5)
            await asyncio.sleep(10)


async def _ask(token: str, method: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        BASE_URL + path,
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        answer = await asyncio.to_thread(urllib.request.urlopen, request, timeout=10)
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from error
    return json.loads(answer.read() or b"null")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
