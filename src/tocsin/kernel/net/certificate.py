"""Reading the certificate that a server showed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.net.messages import Certificate

MAX_NAMES = 100
"""Names of one certificate that are kept; shared certificates carry hundreds."""


def read_chain(chain: Sequence[Sequence[tuple[bytes, bytes]]]) -> Certificate | None:
    """The leaf out of libcurl's raw CERTINFO (a list of fields per certificate), or None if there is none to read.

    Raw, because a name in a certificate need not be UTF-8.
    """
    if not chain:
        return None
    pem = next((value for name, value in chain[0] if name == b"Cert"), None)
    if pem is None:
        return None
    try:
        return _describe(x509.load_pem_x509_certificate(pem))
    except Exception:  # a stranger's bytes: x509 has a dozen exceptions of its own for what is wrong with them
        return None


def read_certificate(der: bytes) -> Certificate | None:
    """A certificate in its binary form, or None if it cannot be read."""
    try:
        return _describe(x509.load_der_x509_certificate(der))
    except Exception:  # as above
        return None


def covers(names: Sequence[str], host: str) -> bool:
    """Whether a certificate with these names is valid for `host` (RFC 6125: `*` stands for one whole first label)."""
    host = host.rstrip(".").lower()
    for raw in names:
        name = raw.lower()
        if name == host or (name.startswith("*.") and "." in host and host.split(".", 1)[1] == name[2:]):
            return True
    return False


def ago(instant_ms: int, now: datetime) -> str:
    """`3 days ago`, `in 2 hours`: whole units, rounded down."""
    seconds = (instant_ms - to_milliseconds(now)) / 1000
    size = abs(seconds)
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if size >= length:
            count = int(size // length)
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            break
    else:
        words = "less than a minute"
    return f"{words} ago" if seconds < 0 else f"in {words}"


def _describe(certificate: x509.Certificate) -> Certificate:
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [str(general.value) for general in alternative if isinstance(general, x509.DNSName | x509.IPAddress)]
    except Exception:  # none there, or one that breaks the rules: the dates are worth having all the same
        names = []
    return Certificate(
        not_before_ms=to_milliseconds(certificate.not_valid_before_utc),
        not_after_ms=to_milliseconds(certificate.not_valid_after_utc),
        subject=_name(certificate.subject) or (names[0] if names else ""),
        issuer=_name(certificate.issuer),
        names=tuple(names[:MAX_NAMES]),
    )


def _name(name: x509.Name) -> str:
    for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for attribute in name.get_attributes_for_oid(oid):
            return str(attribute.value)
    return name.rfc4514_string()
