"""Where the public finds a page: at its own domain, or below ours."""

from __future__ import annotations

from typing import Protocol


class Addressed(Protocol):
    """What has an address: a page, or what the public sees of one."""

    @property
    def subdomain(self) -> str: ...
    @property
    def custom_domain(self) -> str | None: ...


def root_of(page: Addressed, base_url: str) -> str:
    """The page's absolute address without a trailing slash, e.g. `https://status.acme.com`. `base_url`: our own."""
    if page.custom_domain:
        return f"https://{page.custom_domain}"
    return f"{base_url.rstrip('/')}/status/{page.subdomain}"


def report_address(root: str, report_id: int, *, maintenance: bool) -> str:
    """Where one report stands for good."""
    return f"{root}/{'maintenance' if maintenance else 'incidents'}/{report_id}"
