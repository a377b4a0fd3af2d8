"""How often somebody may guess: by account, by address, and all together."""

from __future__ import annotations

from tocsin.gateway.counting import Turnstile
from tocsin.kernel.clock import Clock

WINDOW_SECONDS = 900
PER_ACCOUNT = 10
"""Wrong passwords in one such window. Somebody else can use them up; they are back within the quarter of an hour."""
PER_ADDRESS = 30
IN_ALL = 2_000
CODES_PER_PERSON = 10
"""Wrong codes in one window: of a million, three of which count, that is a year for one in a hundred."""
MAX_NAMED = 254
"""Characters of an address that are counted by."""


class Guesses:
    """Counts tries to get in; right ones are forgiven to the account, never to the address."""

    def __init__(self, clock: Clock) -> None:
        self._accounts = Turnstile(clock, window_seconds=WINDOW_SECONDS, each=PER_ACCOUNT, in_all=IN_ALL)
        self._addresses = Turnstile(clock, window_seconds=WINDOW_SECONDS, each=PER_ADDRESS, in_all=IN_ALL)
        self._codes = Turnstile(clock, window_seconds=WINDOW_SECONDS, each=CODES_PER_PERSON, in_all=IN_ALL)

    def password(self, email: str, client_address: str | None) -> None:
        """One more try at the password of an account. Raises TooMany."""
        self._addresses.admit_from(client_address)
        self._accounts.admit(_account(email))

    def right_password(self, email: str) -> None:
        """That was it."""
        self._accounts.forgive(_account(email))

    def second(self, user_id: int, client_address: str | None) -> None:
        """One more try at a person's second factor. Raises TooMany."""
        self._addresses.admit_from(client_address)
        self._codes.admit(f"person {user_id}")

    def right_second(self, user_id: int) -> None:
        """That was it."""
        self._codes.forgive(f"person {user_id}")

    def any(self, client_address: str | None) -> None:
        """One more try at something that names nobody. Raises TooMany."""
        self._addresses.admit_from(client_address)


def _account(email: str) -> str:
    return f"account {email.strip().lower()[:MAX_NAMED]}"
