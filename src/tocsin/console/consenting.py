"""The pages on which a person signs in and says how far a program may go: nothing is given without them."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.requests import Request as WebRequest
from starlette.responses import Response
from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.gateway.oauth import (
    Asked,
    Authority,
    Back,
    Cannot,
    Parameters,
    SecondAsked,
    SignedIn,
    Whence,
    WrongPassword,
    new_binding,
)
from tocsin.kernel.errors import TooMany, Unavailable

MAX_FORM_BYTES = 64 * 1024
"""What one page hands to the next holds the whole request, with a state of some kilobytes; sealed it is half as long
again."""
MAX_FIELDS = 100
COOKIE = "tocsin_oauth"
COOKIE_SECONDS = 1_800

AREAS = {
    "monitors": ("Monitors", "what is watched, and how"),
    "monitor_groups": ("Monitor groups", "how monitors are sorted"),
    "heartbeats": ("Heartbeats", "what must report in, and how often"),
    "incidents": ("Incidents", "what is broken, and what was said about it"),
    "on_call": ("On-call", "schedules, and who is on duty"),
    "policies": ("Escalation policies", "who is alerted, and when"),
    "status_pages": ("Status pages", "what the public reads"),
    "metadata": ("Metadata", "facts attached to things"),
    "integrations": ("Integrations", "where alerts come from and go to"),
    "webhooks": ("Webhooks", "which systems are told of what"),
    "team": ("Team", "who belongs to it"),
    "telemetry": ("Telemetry", "logs and metrics"),
}
LEVELS = {"off": "Nothing", "read": "Read", "write": "Read and change", "full": "Read, change and delete"}
SWITCHES = {
    "acknowledge": ("Acknowledge incidents", "so that nobody else is alerted"),
    "resolve": ("Resolve incidents", "so that they count as over"),
    "page": ("Alert people", "which can wake them up"),
    "publish": ("Publish on status pages", "for everybody to read"),
    "notify": ("Notify subscribers", "by mail to all of them"),
    "delete": ("Delete things", "for good, or into the trash"),
}
SETTINGS = {"off": "Never", "ask": "Ask each time", "on": "By itself"}


def consenting_routes(authority: Authority, frame: Frame) -> list[Route]:
    """The pages at `/oauth/authorize`. Whoever is signed in to the console is not asked again."""
    pages = _Consenting(authority, frame)
    return [
        Route("/oauth/authorize", pages.show, methods=["GET"]),
        Route("/oauth/authorize", pages.answer, methods=["POST"]),
    ]


class _Consenting:
    def __init__(self, authority: Authority, frame: Frame) -> None:
        self._authority = authority
        self._frame = frame
        self._draw = frame.draw
        self._secure = authority.issuer.startswith("https://")
        self._cookie = f"__Host-{COOKIE}" if self._secure else COOKIE

    async def show(self, request: WebRequest) -> Response:
        """Who asks to be let in, and the form to sign in with."""
        binding = request.cookies.get(self._cookie, "")
        if not (binding.isascii() and binding.isalnum() and len(binding) == 32):
            binding = new_binding()
        try:
            parameters = _parameters(request.url.query.encode("ascii", "replace"))
            found = await self._authority.open(parameters, binding, _whence(request))
            present = await self._frame.present(request) if isinstance(found, Asked) else None
            if present is not None and isinstance(found, Asked):
                return self._bind(
                    self._drawn(await self._authority.signed_in(found, binding, present.user_id)), binding
                )
        except (TooMany, Unavailable) as error:
            return self._later(error)
        if not isinstance(found, Asked):
            return self._drawn(found)
        return self._bind(self._sign_in(found, wrong=False), binding)

    def _bind(self, response: Response, binding: str) -> Response:
        response.set_cookie(
            self._cookie,
            binding,
            max_age=COOKIE_SECONDS,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="lax",
        )
        return response

    async def answer(self, request: WebRequest) -> Response:
        """Sign in, or say yes or no."""
        form = await _form(request)
        sealed, binding, whence = form.get("form", ""), request.cookies.get(self._cookie, ""), _whence(request)
        try:
            if form.get("step") == "sign in":
                email, password = form.get("email", ""), form.get("password", "")
                found: Any = await self._authority.sign_in(sealed, binding, email, password, whence)
            elif form.get("step") == "second":
                halfway, code = form.get("halfway", ""), form.get("code", "")[:40]
                found = await self._authority.second(sealed, binding, halfway, code, whence)
            elif form.get("answer") == "other":
                found = self._authority.somebody_else(sealed, binding)
            elif form.get("answer") == "yes":
                found = await self._authority.consent(sealed, binding, form, whence)
            else:
                found = await self._authority.cancel(sealed, binding, whence)
        except (TooMany, Unavailable) as error:
            return self._later(error)
        return self._drawn(found)

    def _drawn(self, found: Asked | Back | Cannot | SecondAsked | SignedIn | WrongPassword) -> Response:
        if isinstance(found, Asked):
            return self._sign_in(found, wrong=False)
        if isinstance(found, SecondAsked):
            return self._draw(
                "oauth_second.html", status_code=422 if found.wrong else 200, asked=found.asked, found=found
            )
        if isinstance(found, WrongPassword):
            return self._sign_in(found.asked, wrong=True)
        if isinstance(found, SignedIn):
            return self._choose(found)
        if isinstance(found, Cannot):
            return self._draw("oauth_cannot.html", status_code=400, message=found.message)
        if not found.at_once:
            return self._draw("oauth_back.html", status_code=400, back=found)
        # See Other: the browser must not send the form, with what is sealed in it, on to the program.
        response = Response(status_code=303)
        response.headers.update({"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
        # Not RedirectResponse, which would quote the address anew: it must arrive as the program knows it.
        response.headers["Location"] = found.location
        return response

    def _sign_in(self, asked: Asked, *, wrong: bool) -> Response:
        return self._draw(
            "oauth_sign_in.html", status_code=422 if wrong else 200, asked=asked, wrong=wrong,
            otherwise=f"/sign-in?next={quote(asked.again, safe='')}",
        )  # fmt: skip

    def _choose(self, signed_in: SignedIn) -> Response:
        response = self._draw(
            "oauth_consent.html",
            status_code=422 if signed_in.message else 200,
            asked=signed_in.asked,
            signed_in=signed_in,
            areas=AREAS,
            levels=LEVELS,
            switches=SWITCHES,
            settings=SETTINGS,
        )
        # Chromium holds every address of a redirect after a form against `form-action`, and where the program's own
        # address leads on to is not ours to know: so the scheme is what is named. No other form stands on this page.
        scheme = urlsplit(signed_in.asked.redirect_uri).scheme
        policy = response.headers["Content-Security-Policy"]
        response.headers["Content-Security-Policy"] = policy.replace(
            "form-action 'self'", f"form-action 'self' {scheme}:"
        )
        return response

    def _later(self, error: TooMany | Unavailable) -> Response:
        response = self._draw(
            "oauth_later.html",
            status_code=429 if isinstance(error, TooMany) else 503,
            minutes=max(1, -(-error.retry_after_seconds // 60)),
        )
        response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response


def _whence(request: WebRequest) -> Whence:
    address = request.client.host if request.client else None
    return Whence(
        client_address=address, client_name=request.headers.get("user-agent", "")[:200] or None, surface="OAuth"
    )


def _parameters(query: bytes) -> Parameters:
    """Each with all of its values; none at all when there are too many, or they are no text."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        return {}
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\x00" in name or "\x00" in value:
            return {}
        found.setdefault(name, []).append(value)
    return found


async def _form(request: WebRequest) -> dict[str, str]:
    """The fields of a form, the last of each name; empty when it is too large or is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM_BYTES:
            return {}
    return {name: values[-1] for name, values in _parameters(body).items()}
