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
    Proxy,
)
from tocsin.kernel.net.pinger import permission as ping_permission
from tocsin.kernel.net.real import RealNet
from tocsin.kernel.net.requests import (
    Broken,
    Connect,
    Datagram,
    Ping,
    Query,
    Record,
    Replied,
    Reply,
    Request,
    Stream,
)
from tocsin.kernel.net.seam import Net

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_REDIRECTS",
    "AddressPolicy",
    "Answer",
    "Broken",
    "Certificate",
    "Connect",
    "Datagram",
    "Done",
    "Failure",
    "HttpRequest",
    "HttpResponse",
    "IpVersion",
    "Net",
    "Ping",
    "Proxy",
    "Query",
    "RealNet",
    "Record",
    "Replied",
    "Reply",
    "Request",
    "Stream",
    "ping_permission",
]
