"""Whether browser checks can be made on this machine, and where."""

from __future__ import annotations

from tocsin.monitors.checks.playwright import Host, Missing, parts
from tocsin.runtime.settings import Settings


def browsers(settings: Settings) -> Host:
    """Where browser checks run, as the settings say."""
    return Host(chromium=settings.chromium, at_once=settings.browsers, allowed=settings.allow_private_targets)


def state_of_browsers(settings: Settings) -> tuple[bool, str]:
    """Whether browser checks can be made, and with what, or why not and how to mend it."""
    try:
        found = parts(browsers(settings))
    except Missing as error:
        return False, str(error)
    walls = "a user of their own" if found.own_user else "Landlock"
    return True, f"{found.chromium}, {settings.browsers} at once, kept apart by {walls}"
