"""What browsers are told to allow on a status page: nothing from elsewhere, and no script but the page's own."""

from __future__ import annotations

import re
import secrets

from tocsin.status_pages.model import Settings

Lines = tuple[tuple[str, str], ...]

NONCE_BYTES = 16
OPEN_PAGES = "public, max-age=5, stale-if-error=86400"
"""A crowd that reloads is served by its own browsers and by shared caches for some seconds; while we cannot be reached,
they may show what they had for a day."""
CLOSED_PAGES = "private, no-store"
"""What not everybody may read is kept by nobody."""
HASHED = "public, max-age=31536000, immutable"
"""The name changes with the content."""
_ANALYTICS_ID = re.compile(r"(G|UA|AW|DC|GT)-[A-Za-z0-9-]{4,30}")
"""Not of a container (GTM-…), which runs any script on our own address."""
_ANALYTICS_SCRIPTS = "https://www.googletagmanager.com"
_ANALYTICS_TALK = "https://www.googletagmanager.com https://*.google-analytics.com https://*.analytics.google.com"

ALWAYS: Lines = (("x-content-type-options", "nosniff"), ("referrer-policy", "same-origin"))
"""`same-origin`: tokens in addresses are told to nobody else, and browsers still say where a form comes from."""
UNINDEXED: Lines = (("x-robots-tag", "noindex, nofollow"),)
ANY_ORIGIN: Lines = (("access-control-allow-origin", "*"),)
INERT: Lines = (("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox"),)
"""Of pictures and documents that a browser may open as a page: they run nothing."""


def new_nonce() -> str:
    """Fresh with every drawing.

    One drawing is given to many readers with the same nonce. That is as strong as one nonce per answer would be: what
    a drawing shows was stored before its nonce was thrown, so whoever wrote it cannot have known the nonce; who learns
    it from the drawn page can have an effect on the next drawing only, which has another one. It holds because nothing
    that a reader sends is ever part of a drawing that is kept: forms that are shown again are drawn for that reader.
    """
    return secrets.token_urlsafe(NONCE_BYTES)


def analytics_id(settings: Settings) -> str | None:
    """With which Google's script is loaded, if it looks like one that may be."""
    found = settings.google_analytics_id
    return found if found and _ANALYTICS_ID.fullmatch(found) else None


def policy(settings: Settings | None, nonce: str) -> Lines:
    """The headers of a page for people. `settings` None = of a page that may not be looked into."""
    scripts, talks, pictures = f"'self' 'nonce-{nonce}'", "'self'", "'self' data:"
    # Analytics and a script of the page's own widen this by what they need and no more.
    if settings is not None and analytics_id(settings) is not None:
        scripts += f" {_ANALYTICS_SCRIPTS}"
        talks += f" {_ANALYTICS_TALK}"
        pictures += f" {_ANALYTICS_TALK}"
    if settings is not None and settings.custom_css:
        pictures += " https:"  # style sheets of companies name pictures that lie elsewhere
    directives = (
        "default-src 'none'", f"style-src 'self' 'nonce-{nonce}'", f"script-src {scripts}", f"img-src {pictures}",
        f"connect-src {talks}", f"font-src 'self'{' https:' if settings is not None and settings.custom_css else ''}",
        "manifest-src 'self'", "worker-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    )  # fmt: skip
    return (("content-security-policy", "; ".join(directives)),)
