"""A provider of single sign-on (OpenID Connect): where it is asked, and whether what it says is really its word."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from tocsin.kernel.clock import Clock, to_milliseconds
from tocsin.kernel.errors import TocsinError
from tocsin.kernel.net import HttpRequest, Net

T = TypeVar("T")

DISCOVERY = "/.well-known/openid-configuration"
TIMEOUT_SECONDS = 8.0
"""Somebody is waiting before an empty page."""
MAX_BYTES = 256 * 1024
KEPT = timedelta(hours=1)
"""How long the provider's addresses and keys are believed before they are fetched again."""
KEYS_AT_MOST_EVERY = timedelta(seconds=30)
"""How often a key that is not known makes us look for new ones."""
SKEW_SECONDS = 60
"""How far the provider's clock may be off."""
OLDEST_SECONDS = 600
"""Of a token, since it was made."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a key that only the provider has; none that our own secret could make, and never `none`."""


class ProviderError(TocsinError):
    """The provider cannot be used, or said something that is not to be believed; the message says what."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Who is asked, and as whom."""

    issuer: str
    """Without a trailing slash only if the provider writes it so: it is compared letter by letter."""
    client_id: str
    client_secret: str = ""
    """Empty = a public client; the proof key (PKCE) is used in any case."""
    name: str = "single sign-on"
    """What people call the provider, for the button."""
    domains: tuple[str, ...] = ()
    """Only addresses of these domains; empty = of any."""
    team: str = ""
    """Which team people join who come for the first time; empty = only people who are here already."""
    role: str = "member"
    required: bool = False
    """Whether nobody gets in otherwise."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider says of itself (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False


class _Tokens(msgspec.Struct, frozen=True, kw_only=True):
    id_token: str
    access_token: str = ""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider vouches for."""

    subject: str
    email: str
    email_verified: bool
    name: str
    asked_at: int | None
    """When the provider last asked the person, in seconds since 1970; None when it does not say."""


class Provider:
    """Speaks to one provider. Belongs to one event loop."""

    def __init__(self, settings: Settings, net: Net, clock: Clock) -> None:
        self.settings = settings
        self._net = net
        self._clock = clock
        self._place: tuple[float, Place] | None = None
        self._keys: tuple[float, Any] | None = None
        self._turn = asyncio.Lock()

    async def place(self) -> Place:
        """Where it is asked. Raises ProviderError."""
        async with self._turn:
            if self._place is None or self._clock.monotonic() - self._place[0] > KEPT.total_seconds():
                self._place = self._clock.monotonic(), await self._discover()
            return self._place[1]

    async def address(self, *, redirect_uri: str, state: str, nonce: str, challenge: str) -> str:
        """Where the browser is sent. `challenge`: of the proof key, S256 (RFC 7636). Raises ProviderError."""
        place = await self.place()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid email profile",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(place.authorization_endpoint).query else "?"
        return f"{place.authorization_endpoint}{joint}{urlencode(asked)}"

    async def claims(self, *, code: str, redirect_uri: str, verifier: str, nonce: str) -> Claims:
        """Redeem the code that came back, and see whom the provider vouches for. Raises ProviderError."""
        place = await self.place()
        tokens = await self._redeem(place, code, redirect_uri, verifier)
        said = await self._verified(place, tokens.id_token, nonce)
        if not isinstance(said.get("email"), str) and place.userinfo_endpoint and tokens.access_token:
            said = {**await self._userinfo(place, tokens.access_token, str(said["sub"])), **said}
        email = said.get("email")
        return Claims(
            subject=str(said["sub"]),
            email=email.strip() if isinstance(email, str) else "",
            # Some say it as a text. Anything but a clear yes is no: who made up an address must not become its owner.
            email_verified=said.get("email_verified") in (True, "true"),
            name=str(said.get("name") or "").strip()[:255],
            asked_at=int(said["auth_time"]) if isinstance(said.get("auth_time"), int | float) else None,
        )

    async def count_keys(self) -> int:
        """How many keys it publishes: whoever asks learns that it is there and is who it should be. Raises
        ProviderError."""
        return len((await self._fetched_keys(await self.place())).keys)

    async def _discover(self) -> Place:
        issuer = self.settings.issuer
        place = await self._read(f"{issuer.rstrip('/')}{DISCOVERY}", Place)
        if place.issuer != issuer:
            raise ProviderError(f"{issuer} calls itself {place.issuer}: the issuer must be set as it does.")
        for address in (place.authorization_endpoint, place.token_endpoint, place.jwks_uri, place.userinfo_endpoint):
            if address and not is_safe(address):
                raise ProviderError(f"{issuer} names an address without encryption: {address}")
        return place

    async def _redeem(self, place: Place, code: str, redirect_uri: str, verifier: str) -> _Tokens:
        sent = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier,
            "client_id": self.settings.client_id,
        }  # fmt: skip
        headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json")]
        secret, ways = self.settings.client_secret, place.token_endpoint_auth_methods_supported
        if secret and "client_secret_basic" not in ways and "client_secret_post" in ways:
            sent["client_secret"] = secret
        elif secret:
            pair = f"{quote(self.settings.client_id, safe='')}:{quote(secret, safe='')}"
            headers.append(("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
        request = HttpRequest(
            url=place.token_endpoint, method="POST", headers=tuple(headers), body=urlencode(sent).encode(),
            follow_redirects=False, timeout_seconds=TIMEOUT_SECONDS, keep_body_bytes=MAX_BYTES,
        )  # fmt: skip
        return await self._asked(request, _Tokens)

    async def _verified(self, place: Place, id_token: str, nonce: str) -> Mapping[str, Any]:
        """The claims of an ID token that is the provider's, for us, fresh and of this very sign-in (Core, 3.1.3.7)."""
        import jwt

        try:
            header = jwt.get_unverified_header(id_token)
            key = await self._key(place, header.get("kid"), header.get("alg"))
            said = jwt.decode(
                id_token, key, algorithms=list(ALGORITHMS), audience=self.settings.client_id, issuer=place.issuer,
                # Instants are judged below, by our own clock.
                options={"require": ["exp", "iat", "iss", "aud", "sub"], "verify_exp": False, "verify_iat": False,
                         "verify_nbf": False},
            )  # fmt: skip
        except jwt.PyJWTError as error:
            raise ProviderError(f"The provider's ID token is not to be believed: {error}.") from error
        now = to_milliseconds(self._clock.now()) // 1_000
        expires, made = said["exp"], said["iat"]
        if not all(isinstance(each, int | float) for each in (expires, made)):
            raise ProviderError("The provider's ID token says no time.")
        if expires + SKEW_SECONDS < now or made - SKEW_SECONDS > now or made + OLDEST_SECONDS < now:
            raise ProviderError("The provider's ID token has expired, or its clock and ours differ.")
        if said.get("nonce") != nonce:
            raise ProviderError("The provider's ID token belongs to another sign-in.")
        audience = said["aud"]
        party = said.get("azp")
        if (isinstance(audience, list) and len(audience) > 1 and party is None) or party not in (
            None,
            self.settings.client_id,
        ):
            raise ProviderError("The provider's ID token was made for another program.")
        if not isinstance(said["sub"], str) or not 0 < len(said["sub"]) <= 255:
            raise ProviderError("The provider's ID token names nobody.")
        found: dict[str, Any] = said
        return found

    async def _key(self, place: Place, kid: str | None, algorithm: str | None) -> Any:
        """The key with which it was signed. Raises ProviderError."""
        if algorithm not in ALGORITHMS:
            raise ProviderError(f"The provider signs with {algorithm}, which is not accepted here.")
        async with self._turn:
            for _ in range(2):
                age = None if self._keys is None else self._clock.monotonic() - self._keys[0]
                if age is None or age > KEPT.total_seconds():
                    self._keys = self._clock.monotonic(), await self._fetched_keys(place)
                assert self._keys is not None
                fitting = [key for key in self._keys[1].keys if _fits(key, kid)]
                if len(fitting) == 1:
                    return fitting[0]
                if age is None or age < KEYS_AT_MOST_EVERY.total_seconds():
                    break
                self._keys = None
        raise ProviderError("The provider signed with a key that it does not publish.")

    async def _fetched_keys(self, place: Place) -> Any:
        import jwt

        found = await self._read(place.jwks_uri, dict[str, Any])
        try:
            return jwt.PyJWKSet.from_dict(found)
        except (jwt.PyJWTError, TypeError, ValueError, KeyError) as error:
            raise ProviderError(f"The keys at {place.jwks_uri} cannot be read: {error}") from error

    async def _userinfo(self, place: Place, access_token: str, subject: str) -> Mapping[str, Any]:
        request = HttpRequest(
            url=place.userinfo_endpoint, headers=(("Authorization", f"Bearer {access_token}"),), follow_redirects=False,
            timeout_seconds=TIMEOUT_SECONDS, keep_body_bytes=MAX_BYTES,
        )  # fmt: skip
        said = await self._asked(request, dict[str, Any])
        if said.get("sub") != subject:  # Core, 5.3.2: else somebody else's could be slipped in
            raise ProviderError("The provider speaks of somebody else in its user info.")
        return said

    async def _read(self, address: str, kind: type[T]) -> T:
        if not is_safe(address):
            raise ProviderError(f"{address} has no encryption: https is needed, except on this machine.")
        request = HttpRequest(
            url=address, headers=(("Accept", "application/json"),), follow_redirects=False,
            timeout_seconds=TIMEOUT_SECONDS, keep_body_bytes=MAX_BYTES,
        )  # fmt: skip
        return await self._asked(request, kind)

    async def _asked(self, request: HttpRequest, kind: type[T]) -> T:
        answer = await self._net.fetch(request)
        host = urlsplit(request.url).hostname
        if answer.failure is not None:
            raise ProviderError(f"{host} does not answer ({answer.failure}).")
        if answer.status_code != 200 or answer.truncated:
            raise ProviderError(f"{host} answers {answer.status_code} at {urlsplit(request.url).path}.")
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise ProviderError(
                f"{host} answers something else than it should at {urlsplit(request.url).path}."
            ) from error


def is_safe(address: str) -> bool:
    """Whether an address of a provider is encrypted, or on this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1"))
    )


def _fits(key: Any, kid: str | None) -> bool:
    return getattr(key, "public_key_use", None) in (None, "sig") and (kid is None or key.key_id == kid)
