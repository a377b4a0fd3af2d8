"""What makes an address, a name and a password acceptable."""

from __future__ import annotations

import re

from tocsin.accounts.model import Role
from tocsin.kernel import passwords
from tocsin.kernel.errors import Invalid, Refused

MAX_NAME_LENGTH = 255
MAX_EMAIL_LENGTH = 254
"""RFC 5321, 4.5.3.1.3: a path is at most 256 octets, brackets included."""
MIN_PASSWORD_LENGTH = 10
MAX_PASSWORD_LENGTH = passwords.MAX_LENGTH
"""Hashing is costly by design: a bound keeps a huge password from being an attack."""

_EMAIL = re.compile(r"[^@\s\x00-\x1f<>\"(),:;\\\[\]]+@[^@\s\x00-\x1f<>\"(),:;\\\[\]]+")


def checked_email(email: str) -> str:
    """The address without surrounding blanks. Raises Invalid when no mail could ever reach it."""
    email = email.strip()
    if not email:
        raise Invalid.fields(email="can't be blank")
    if len(email) > MAX_EMAIL_LENGTH or not _EMAIL.fullmatch(email):
        raise Invalid.fields(email="is not a valid email address")
    return email


def checked_name(name: str, field: str = "name") -> str:
    """The name without surrounding blanks. Raises Invalid when it is empty, too long or holds control characters."""
    name = name.strip()
    if not name:
        raise Invalid.fields(**{field: "can't be blank"})
    if len(name) > MAX_NAME_LENGTH:
        raise Invalid.fields(**{field: f"is too long (maximum is {MAX_NAME_LENGTH} characters)"})
    if any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise Invalid.fields(**{field: "must not contain control characters"})
    return name


def checked_password(password: str) -> str:
    """The password as it is. Raises Invalid when it is too short to protect anything."""
    if len(password) < MIN_PASSWORD_LENGTH:
        raise Invalid.fields(password=f"is too short (minimum is {MIN_PASSWORD_LENGTH} characters)")
    if len(password) > MAX_PASSWORD_LENGTH:
        raise Invalid.fields(password=f"is too long (maximum is {MAX_PASSWORD_LENGTH} characters)")
    return password


def check_seat(by: str | None, *roles: Role) -> None:
    """Who is an admin, admins alone decide; `by` None = a token, which may. Raises Refused."""
    if by is not None and by != Role.ADMIN and Role.ADMIN in roles:
        raise Refused("You may not do this: who is an admin, only an admin can change.")


def split_name(name: str) -> tuple[str, str]:
    """First and last name of a full name; the last word is the last name, a single word the first."""
    first, _, last = name.rpartition(" ")
    return (first, last) if first else (last, "")
