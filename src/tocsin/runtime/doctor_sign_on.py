"""What the doctor says of single sign-on: whether it is set whole, and whether the provider is who it is said to be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from tocsin.gateway.signing_in import Provider, ProviderError
from tocsin.kernel.clock import SystemClock
from tocsin.kernel.net import RealNet
from tocsin.runtime.finding import Finding
from tocsin.runtime.settings import Settings, SettingsError
from tocsin.runtime.sign_on import sign_on_settings

SUBJECT = "Single sign-on"


def sign_on(settings: Settings) -> Iterator[Finding]:
    """One line; asks the provider for its document and its keys."""
    try:
        chosen = sign_on_settings(settings)
    except SettingsError as error:
        yield Finding("wrong", SUBJECT, "is set by half", str(error))
        return
    if chosen is None:
        yield Finding("ok", SUBJECT, "none: passwords and passkeys", "To have it: see docs/sign-in.md")
        return
    net = RealNet(SystemClock(), allow_private=True, nameservers=settings.dns_servers)
    net.start()
    try:
        keys = asyncio.run(Provider(chosen, net, SystemClock()).count_keys())
    except ProviderError as error:
        yield Finding("wrong", SUBJECT, error.message, "Check TOCSIN_OIDC_ISSUER, and that a firewall lets us out.")
        return
    finally:
        net.stop()
    if not settings.base_url:
        yield Finding(
            "warning", SUBJECT, f"{chosen.issuer} answers, and no base URL is set",
            "Start with --base-url https://…: the provider sends people back to BASE_URL/sign-in/sso/callback.",
        )  # fmt: skip
    yield Finding("ok", SUBJECT, f"{chosen.issuer} answers, with {keys} key(s)")
