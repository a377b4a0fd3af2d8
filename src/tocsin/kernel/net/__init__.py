"""How we reach the world: requests, names and addresses, behind one seam that tests can replace."""

from tocsin.kernel.net.address import AddressPolicy
from tocsin.kernel.net.messages import (
    MAX_BODY_BYTES,
    MAX_REDIRECTS,
    Answer,
    Certificate,
    Done,
    Failure,
    HttpRequest,
    HttpResponse,
    IpVersion,
    Net,
    Proxy,
)
from tocsin.kernel.net.real import RealNet

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_REDIRECTS",
    "AddressPolicy",
    "Answer",
    "Certificate",
    "Done",
    "Failure",
    "HttpRequest",
    "HttpResponse",
    "IpVersion",
    "Net",
    "Proxy",
    "RealNet",
]
