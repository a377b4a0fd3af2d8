"""What libcurl's error codes mean, in our closed vocabulary and in words for people."""

from __future__ import annotations

import errno
from datetime import datetime

import msgspec
import pycurl

from tocsin.kernel.clock import to_milliseconds
from tocsin.kernel.net.certificate import ago, covers
from tocsin.kernel.net.messages import Certificate, Failure

Told = tuple[Failure, str]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything libcurl says about a transfer that failed."""

    code: int
    message: str
    os_errno: int
    verify_result: int
    """OpenSSL's X509_V_ERR_… number; 0 when the chain was fine (or never seen)."""
    connected: bool
    secured: bool
    """The TLS handshake is complete (always true for http)."""
    answered: bool
    """A status line has arrived."""
    timeout_seconds: float
    host: str
    proxied: bool = False


_OURS = frozenset({
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.ENOBUFS,
    errno.EADDRNOTAVAIL,
    errno.EACCES,
    errno.EPERM,
    errno.EAFNOSUPPORT,
})  # fmt: skip
"""Operating system errors of a connection attempt that say something about this machine, not about the target."""

_PLAIN: dict[int, Told] = {
    pycurl.E_GOT_NOTHING: (Failure.EMPTY_REPLY, "The server closed the connection without an answer"),
    pycurl.E_UNSUPPORTED_PROTOCOL: (Failure.NOT_HTTP, "The answer is not HTTP"),
    pycurl.E_FTP_WEIRD_SERVER_REPLY: (Failure.NOT_HTTP, "The answer is not HTTP"),
    pycurl.E_PARTIAL_FILE: (Failure.TRUNCATED, "The connection closed before the answer was complete"),
    pycurl.E_BAD_CONTENT_ENCODING: (Failure.BAD_ENCODING, "The answer could not be decompressed"),
    pycurl.E_COULDNT_RESOLVE_PROXY: (Failure.PROXY_FAILED, "The proxy could not be found"),
    pycurl.E_OUT_OF_MEMORY: (Failure.LOCAL, "We ran out of memory"),
    pycurl.E_FAILED_INIT: (Failure.LOCAL, "Our HTTP engine could not start the request"),
    pycurl.E_ABORTED_BY_CALLBACK: (Failure.LOCAL, "The check was cancelled"),
    pycurl.E_SSL_CACERT_BADFILE: (Failure.LOCAL, "Our file of trusted certificate authorities cannot be read"),
}


def classify(report: Report, certificate: Certificate | None, now: datetime) -> Told:
    """The failure and its words. Total: what we do not know is the target's `PROTOCOL`, so that no page is lost."""
    if report.code == pycurl.E_OPERATION_TIMEDOUT:
        return timed_out(report)
    if report.code == pycurl.E_COULDNT_CONNECT:
        return _not_connected(report)
    if report.code in (pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_ISSUER_ERROR):
        return _distrusted(report, certificate, now)
    if report.code in (pycurl.E_SSL_CONNECT_ERROR, pycurl.E_SSL_CIPHER):
        return _handshake(report)
    if report.code in (pycurl.E_RECV_ERROR, pycurl.E_SEND_ERROR):
        return _broken(report)
    told = _PLAIN.get(report.code)
    if told is not None:
        return told
    return Failure.PROTOCOL, _sentence(report.message) or f"The request failed (curl error {report.code})"


def timed_out(report: Report) -> Told:
    """Which phase used up the time. libcurl's own timings cannot tell: it fills later ones on failure."""
    for reached, failure, doing in (
        (report.connected, Failure.CONNECT_TIMEOUT, "while connecting"),
        (report.secured, Failure.TIMEOUT_TLS, "during the TLS handshake"),
        (report.answered, Failure.TIMEOUT_WAITING, "while waiting for the answer"),
    ):
        if not reached:
            return failure, timeout_words(report.timeout_seconds, doing)
    return Failure.TIMEOUT_READING, timeout_words(report.timeout_seconds, "while reading the answer")


def timeout_words(timeout_seconds: float, doing: str) -> str:
    """`Timed out after 10 s while connecting`."""
    return f"Timed out after {timeout_seconds:g} s {doing}"


def _not_connected(report: Report) -> Told:
    if report.os_errno == errno.ECONNREFUSED and report.proxied:
        return Failure.CONNECT_REFUSED, "Connection refused by the proxy"
    return not_connected(report.os_errno)


def not_connected(os_errno: int) -> Told:
    """What the operating system says of an attempt to connect, before anybody has asked whose fault it is."""
    if os_errno == errno.ECONNREFUSED:
        return Failure.CONNECT_REFUSED, "Connection refused"
    if os_errno == errno.ETIMEDOUT:
        return Failure.CONNECT_TIMEOUT, "Timed out while connecting: no answer at all"
    if os_errno == errno.EHOSTUNREACH:
        return Failure.NO_ROUTE, "No route to host"
    if os_errno in (errno.ECONNRESET, errno.ECONNABORTED):
        return Failure.RESET, "Connection reset while connecting"
    if os_errno in (errno.ENETUNREACH, errno.ENETDOWN):
        return Failure.LOCAL, "This machine has no route to that network"
    if os_errno in _OURS:
        return Failure.LOCAL, f"This machine could not connect ({errno.errorcode.get(os_errno)})"
    return Failure.CONNECT_FAILED, "Could not connect"


_EXPIRED, _NOT_YET, _SELF_SIGNED, _SELF_SIGNED_ROOT, _WRONG_HOST, _WRONG_IP = 10, 9, 18, 19, 62, 64


def _distrusted(report: Report, certificate: Certificate | None, now: datetime) -> Told:
    result, message = report.verify_result, report.message.lower()
    if result == _EXPIRED or "has expired" in message:
        if certificate is not None and certificate.not_after_ms > to_milliseconds(now):
            return Failure.TLS_EXPIRED, "TLS certificate chain contains an expired certificate"
        when = "" if certificate is None else " " + ago(certificate.not_after_ms, now)
        return Failure.TLS_EXPIRED, f"TLS certificate expired{when}"
    if result == _NOT_YET or "not yet valid" in message:
        when = "" if certificate is None else f" (it will be {ago(certificate.not_before_ms, now)})"
        return Failure.TLS_NOT_YET_VALID, f"TLS certificate is not yet valid{when}"
    if result in (_WRONG_HOST, _WRONG_IP) or "subject name" in message or "does not match" in message:
        return Failure.TLS_WRONG_HOST, _wrong_host(report.host, certificate)
    if result == _SELF_SIGNED:
        return Failure.TLS_SELF_SIGNED, "TLS certificate is self-signed"
    if result == _SELF_SIGNED_ROOT:
        return Failure.TLS_UNTRUSTED, "TLS certificate comes from an authority that is not trusted"
    if result in (2, 20, 21):
        return Failure.TLS_UNTRUSTED, "TLS certificate is not trusted: its chain is incomplete or its issuer unknown"
    if result == 23:
        return Failure.TLS_UNTRUSTED, "TLS certificate has been revoked"
    return Failure.TLS_UNTRUSTED, f"TLS certificate is not trusted ({_sentence(report.message)})"


def _wrong_host(host: str, certificate: Certificate | None) -> str:
    if certificate is None:
        return f"TLS certificate is not for {host}"
    names = certificate.names or (certificate.subject,)
    if covers(names, host):
        return f"TLS certificate is not valid for {host}"
    shown = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    return f"TLS certificate is for {shown}, not {host}"


def _handshake(report: Report) -> Told:
    message = report.message.lower()
    not_tls = ("wrong version number", "packet length too long", "http request", "unknown protocol")
    if any(words in message for words in not_tls):
        return Failure.TLS_NOT_SPOKEN, "The server does not speak TLS on this port"
    if report.os_errno == errno.ECONNRESET or "reset" in message:
        return Failure.RESET, "Connection reset during the TLS handshake"
    if "syscall" in message or "unexpected eof" in message or "connection was closed" in message:
        return Failure.TLS_FAILED, "The server closed the connection during the TLS handshake"
    return Failure.TLS_FAILED, f"TLS handshake failed ({_sentence(report.message)})"


def _broken(report: Report) -> Told:
    if report.proxied and "connect" in report.message.lower():
        return Failure.PROXY_FAILED, f"The proxy refused ({_sentence(report.message)})"
    doing = "while reading the answer" if report.answered else "before an answer"
    if not report.secured:
        doing = "during the TLS handshake"
    if report.os_errno in (errno.ECONNRESET, errno.EPIPE) or "reset" in report.message.lower():
        return Failure.RESET, f"Connection reset {doing}"
    return Failure.RESET, f"Connection broken {doing}"


def _sentence(message: str) -> str:
    """libcurl's text without OpenSSL's line noise: bounded, one line."""
    text = message.replace("\n", " ").strip().rstrip(".")
    if text.startswith("error:"):
        text = text.rsplit(":", 1)[-1]
    return text[:160]
