"""Alerts that other systems send us, by web request or by e-mail, and what we keep of them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

Action = Literal["started", "acknowledged", "resolved"]
"""What an alert says about the trouble it names."""


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One web request to a receiving address, as it came; bounded in size before it gets here."""

    method: str
    """In upper case."""
    path: str = ""
    """What follows the integration's own address, without the slash between, e.g. `v2/alerts/disk-7/close`."""
    query: tuple[tuple[str, str], ...] = ()
    """Decoded, in order; a name may come more than once."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case."""
    body: bytes = b""
    content_type: str = ""
    """The media type alone, in lower case, e.g. `application/json`; empty when none was sent."""
    at: datetime

    def header(self, name: str) -> str:
        """The first header of that name (in lower case), or the empty text."""
        return next((value for known, value in self.headers if known == name), "")

    def parameter(self, name: str) -> str:
        """The last query parameter of that name, or the empty text."""
        return next((value for known, value in reversed(self.query) if known == name), "")


class ReceivedMail(msgspec.Struct, frozen=True, kw_only=True):
    """One e-mail to a receiving address, taken apart; texts are bounded and free of broken characters."""

    sender: str
    """The address in `From`, in lower case; the envelope's sender when there is none."""
    recipient: str
    """The whole address that it was sent to, as in the envelope."""
    subject: str
    text: str
    """The readable body: the plain part, or the HTML one without its markup."""
    html: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, values decoded."""
    at: datetime
    message_id: str = ""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What one message says about one trouble."""

    action: Action
    alert_id: str | None
    """The sender's own name for this trouble, the same in the message that ends it. None: it gave none."""
    title: str
    cause: str
    severity: str | None = None
    """The sender's word, e.g. `critical`."""
    url: str | None = None
    """Where a person sees it in the sending system."""
    facts: dict[str, str] = {}
    """What else is worth knowing, by name: becomes metadata of the incident."""
    group_key: str | None = None
    """Alerts with the same one have one cause, says the sender (Alertmanager's `groupKey`)."""


class SourceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What an integration's owner has set that changes how its messages are read."""

    alerting_rule: Literal["alert", "alert_and_warn"] = "alert"
    """Whether warnings open incidents too (Datadog, New Relic)."""
