"""What each channel needs of the operator, drawn from the settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from tocsin.kernel.vault import Vault
from tocsin.notify.channels import apprise, call, discover, email, push, pushover, slack, sms, telegram, twilio
from tocsin.runtime.settings import Settings


def channel_settings(settings: Settings, vault: Vault, base_url: str) -> dict[str, msgspec.Struct]:
    """The settings of the channels by kind; a channel that is not among them needs none. `base_url`: our public one."""
    return {
        email.KIND: email.settings(settings.smtp_url),
        sms.KIND: _twilio(settings, base_url, sms.Settings, settings.twilio_from or settings.twilio_messaging_service),
        call.KIND: _twilio(settings, base_url, call.Settings, settings.twilio_from),
        push.KIND: push.settings(vault, base_url),
        slack.KIND: slack.Settings(base_url=settings.slack_base_url),
        pushover.KIND: pushover.Settings(app_token=settings.pushover_app_token, callbacks=is_public(base_url)),
        apprise.KIND: apprise.Settings(allow_private=settings.allow_private_targets),
        telegram.KIND: telegram.Settings(
            bot_token=settings.telegram_bot_token,
            base_url=settings.telegram_base_url,
            buttons=settings.telegram_updates != "off",
        ),
    }


def configured(settings: Mapping[str, msgspec.Struct]) -> frozenset[str]:
    """The kinds of channels that this installation can use: those whose settings say more than nothing, or say so."""
    channels = discover()
    return frozenset(
        kind for kind, given in settings.items() if getattr(given, "configured", given != channels[kind].Settings())
    )


def push_key(settings: Mapping[str, msgspec.Struct]) -> str:
    """With which browsers subscribe to this installation's notifications; empty where they cannot."""
    given = settings.get(push.KIND)
    return given.public_key if isinstance(given, push.Settings) and given.private_key else ""


def _twilio(
    settings: Settings, base_url: str, kind: type[twilio.Settings], sender: str
) -> twilio.Settings:  # fmt: skip
    if not settings.twilio_account_sid or not settings.twilio_auth_token or not sender:
        return kind()
    return kind(
        account_sid=settings.twilio_account_sid,
        auth_token=settings.twilio_auth_token,
        from_number=settings.twilio_from,
        messaging_service=settings.twilio_messaging_service,
        base_url=settings.twilio_base_url,
        machine_detection=settings.twilio_machine_detection,
        callbacks=is_public(base_url) or not is_public(settings.twilio_base_url),
    )


def is_public(url: str) -> bool:
    """Whether a provider on the internet can reach this address: it refuses a message that names another one."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal"))
