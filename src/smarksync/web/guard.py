"""Who may see the dashboard: people with its link, on this machine, and no page of another site on their behalf."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlencode

from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from .pages import style

_NAMES = ("127.0.0.1", "localhost")
_LOCKED = "This dashboard opens with the link that `smarksync dashboard` has printed. Start it again for a new one.\n"
_ELSEWHERE = (
    "This dashboard answers to 127.0.0.1 and localhost only: a page that calls it by another name is none of yours.\n"
    "Open the link that `smarksync dashboard` has printed; from another machine, through ssh -L to one of these names.\n"
)


def new_token() -> str:
    """A link that nobody guesses."""
    return secrets.token_urlsafe(24)


def form_key(token: str) -> str:
    """What a form of ours carries, and a form of another site cannot know."""
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def cookie_name(token: str) -> str:
    """One for each dashboard: browsers send a machine's cookies to all its ports, and the last one opened would lock the others."""
    return f"smarksync_{hashlib.sha256(token.encode()).hexdigest()[:12]}"


def policy() -> str:
    """The content security policy: nothing from elsewhere, no inline script; the report's one inline style by its hash."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'self' 'sha256-{digest}'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )


class Guard(BaseHTTPMiddleware):
    """The token in the link becomes a cookie; requests without it see nothing, whatever they ask for."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        super().__init__(app)
        self._token = token
        self._cookie = cookie_name(token)
        self._headers = {
            "Content-Security-Policy": policy(), "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store", "X-Frame-Options": "DENY",
        }  # fmt: skip

    async def dispatch(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        """Lets a request through, or says why not."""
        response = self._refused(request) or self._entering(request) or await call_next(request)
        response.headers.update(self._headers)
        return response

    def _refused(self, request: Request) -> Response | None:
        host = request.headers.get("host", "").rsplit(":", 1)[0]
        if host not in _NAMES:  # a name of somebody else's that leads to this machine (DNS rebinding)
            return PlainTextResponse(_ELSEWHERE, 421)
        known = request.cookies.get(self._cookie, "")
        told = request.query_params.get("token", "")
        # as bytes: it takes no other text than ASCII
        if not any(hmac.compare_digest(one.encode(), self._token.encode()) for one in (known, told)):
            return PlainTextResponse(_LOCKED, 401)
        if request.method not in ("GET", "HEAD") and request.headers.get("origin", "null") not in _origins(request):
            return PlainTextResponse("This form comes from another page.\n", 403)
        return None

    def _entering(self, request: Request) -> Response | None:
        """The link has done its work: the token leaves the address bar and the history."""
        if "token" not in request.query_params or request.method != "GET":
            return None
        rest = [(name, value) for name, value in parse_qsl(request.url.query) if name != "token"]
        response = RedirectResponse(request.url.path + (f"?{urlencode(rest)}" if rest else ""), 303)
        response.set_cookie(self._cookie, self._token, httponly=True, samesite="strict", path="/")
        return response


def _origins(request: Request) -> tuple[str, ...]:
    return (f"http://{request.headers.get('host', '')}",)
