"""A mail server for trying things out: takes every mail for everybody, shows it, and sends nothing on.

.venv/bin/python demo/mailbox.py [--port 8025]
"""

from __future__ import annotations

import argparse
import email
import email.policy
import re
import threading
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from rich.console import Console
from rich.markup import escape

PORT = 8025
_DEEDS = {
    "answer": "answer it",
    "subscribe/confirm": "confirm it",
    "unsubscribe": "leave or choose",
    "join": "join",
    "push": "let a browser ring",
}
"""What the links in our mails are for, by their paths."""

Show = Callable[[list[str], EmailMessage, str], None]
"""(recipients, mail, its readable text)."""


class Mailbox:
    """Takes every mail and shows it; `folder`: where each is kept as N.eml, None = nowhere."""

    def __init__(self, show: Show, folder: Path | None = None) -> None:
        self._show = show
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._count = 0 if folder is None else len(list(folder.glob("*.eml")))

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self._count += 1
        if self._folder is not None:
            (self._folder / f"{self._count:04}.eml").write_bytes(envelope.content)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        plain = mail.get_body(("plain",))
        self._show(envelope.rcpt_tos, mail, str(plain.get_content()) if plain else "")
        return "250 Kept"


def links(text: str) -> list[tuple[str, str]]:
    """(what it is for, address) of the links in a mail of ours."""
    found = []
    for address in dict.fromkeys(re.findall(r"https?://[^\s<>]+", text)):
        deed = next((words for path, words in _DEEDS.items() if f"/{path}/" in address), None)
        if deed is not None:
            found.append((deed, address))
    return found


def main() -> None:
    words = argparse.ArgumentParser(description="Takes every mail for everybody, shows it, and sends nothing on.")
    words.add_argument("--port", type=int, default=PORT)
    port = words.parse_args().port
    out = Console(highlight=False, soft_wrap=True)

    def show(recipients: list[str], mail: EmailMessage, text: str) -> None:
        out.rule(f"mail to {escape(', '.join(recipients))}", align="left")
        out.print(f"[bold]{escape(str(mail['subject']))}[/]   from {escape(str(mail['from']))}")
        out.print(text.strip(), markup=False)

    server = Controller(Mailbox(show), hostname="127.0.0.1", port=port)
    server.start()
    out.print(f"A mailbox for everybody at smtp://127.0.0.1:{port}. Ctrl-C stops it.")
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
