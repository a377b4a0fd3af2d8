"""Which provider of single sign-on is set, and whether it is set whole."""

from __future__ import annotations

from tocsin.gateway.signing_in import Settings as SignOnSettings
from tocsin.runtime.settings import Settings, SettingsError


def sign_on_settings(settings: Settings) -> SignOnSettings | None:
    """The provider; None where there is none. Raises SettingsError when it is set by half."""
    if not settings.oidc_issuer:
        if settings.oidc_required or settings.oidc_client_id:
            raise SettingsError("Single sign-on is set by half: TOCSIN_OIDC_ISSUER is missing.")
        return None
    if not settings.oidc_client_id:
        raise SettingsError("Single sign-on is set by half: TOCSIN_OIDC_CLIENT_ID is missing.")
    if settings.oidc_team and not settings.oidc_domains:
        raise SettingsError(
            "TOCSIN_OIDC_TEAM lets newcomers join, and TOCSIN_OIDC_DOMAINS does not say of which domains: anybody who "
            "has an account at the provider would be in the team. Set the domains too."
        )
    return SignOnSettings(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        name=settings.oidc_name,
        domains=settings.oidc_domains,
        team=settings.oidc_team,
        role=settings.oidc_role,
        required=settings.oidc_required,
    )
