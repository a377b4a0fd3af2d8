"""Mail as it was received, for stories that are told in a world."""

from __future__ import annotations

import re
from email.message import EmailMessage


class Mail:
    """One received mail."""

    def __init__(self, message: EmailMessage) -> None:
        self.message = message
        self.to: str = message["To"].addresses[0].addr_spec
        self.subject: str = message["Subject"]
        plain = message.get_body(("plain",))
        html = message.get_body(("html",))
        assert plain is not None
        assert html is not None
        self.text: str = plain.get_content()
        self.html: str = html.get_content()

    @property
    def answer_url(self) -> str:
        """The path of the secret link."""
        found = re.search(r"http://[^/\s]+(/answer/\S+)", self.text)
        assert found, self.text
        return found[1]

    def __repr__(self) -> str:
        return f"<{self.to}: {self.subject}>"
