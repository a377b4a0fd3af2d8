"""Where the public finds what is on a page."""

from __future__ import annotations


def report_address(root: str, report_id: int, *, maintenance: bool) -> str:
    """Where one report stands for good. `root`: the page's, see `model.views.root_of`."""
    return f"{root}/{'maintenance' if maintenance else 'incidents'}/{report_id}"
