"""The form of a mail that every server on its way takes: one line for a header, an address in ASCII, a thread."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime

MAX_NAME_CHARACTERS = 100
"""Of a person's name in To: more is nobody's name."""
MAX_SUBJECT_CHARACTERS = 200
MAX_DOMAIN_CHARACTERS = 40
"""Of the sender's domain in Message-ID and References, which must never be folded."""
MAX_ADDRESS_CHARACTERS = 254

_MEANINGFUL = frozenset('()<>[]:;@\\,"')
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_UNBROKEN = frozenset({"list-id", "list-unsubscribe", "list-unsubscribe-post"})


class _Policy(EmailPolicy):
    """What stands in these headers is for programs, which find nothing that is encoded (RFC 2369, 2)."""

    def fold(self, name: str, value: str) -> str:
        if name.lower() in _UNBROKEN:
            return f"{name}: {value}{self.linesep}".replace(">, <", f">,{self.linesep} <")
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: str) -> bytes:
        if name.lower() in _UNBROKEN:
            return self.fold(name, value).encode()
        return super().fold_binary(name, value)


_PLAIN = _Policy(linesep="\r\n", cte_type="7bit")
_UTF8 = _PLAIN.clone(utf8=True)
"""Bodies in seven bits pass every server; headers leave ASCII only when an address does (RFC 6531)."""


def blank(
    *, author: str, sender: str, recipient: str, address: str, subject: str, at: datetime, key: str, thread: str
) -> EmailMessage:
    """A mail from `author` at `sender` to `recipient` at `address`, without its content.

    `key`: the same for every attempt of one mail; `thread`: the same for all about one thing.
    """
    plain = wire_address(address).isascii() and sender.isascii()
    mail = EmailMessage(policy=_PLAIN if plain else _UTF8)
    domain = _id_domain(sender)
    mail["From"] = _mailbox(author, sender)
    mail["To"] = _mailbox(recipient, address)
    mail["Subject"] = line(subject)[:MAX_SUBJECT_CHARACTERS] or "[Tocsin]"
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{key}@{domain}>"
    mail["In-Reply-To"] = mail["References"] = f"<{_id_word(thread)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: no holiday replies, please
    mail["X-Auto-Response-Suppress"] = "All"
    return mail


def line(text: str) -> str:
    """One line of text: whatever could end a header or move a cursor becomes a space."""
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode().strip()


def is_address(address: str) -> bool:
    """Enough of RFC 5321 to be safe on the wire; whether it exists is the server's to say."""
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or len(address) > MAX_ADDRESS_CHARACTERS or _CONTROL.search(address):
        return False
    return not re.search(r"[\s<>()\[\],;:\\\"@]", local + domain) and not domain.startswith((".", "-"))


def wire_address(address: str) -> str:
    """The address with its domain in the ASCII form that every server knows. Raises ValueError."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{_ascii_domain(domain)}"


def _display_name(name: str) -> str:
    """A name without what has a meaning in an address list (RFC 5322, 3.2.3), where folding could undo the quotes."""
    plain = "".join(" " if character in _MEANINGFUL else character for character in line(name))
    return " ".join(plain.split())[:MAX_NAME_CHARACTERS].strip()


def _ascii_domain(domain: str) -> str:
    if domain.isascii():
        return domain
    try:
        return domain.encode("idna").decode()
    except UnicodeError as error:
        raise ValueError(f"the domain “{domain}” cannot be written in ASCII") from error


def _mailbox(name: str, address: str) -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=_display_name(name), username=local, domain=_ascii_domain(domain))


def _id_domain(address: str) -> str:
    domain = _ascii_domain(address.rpartition("@")[2])
    if len(domain) <= MAX_DOMAIN_CHARACTERS:
        return domain
    return hashlib.blake2b(domain.encode(), digest_size=8).hexdigest() + ".tocsin.invalid"


def _id_word(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[-50:]
