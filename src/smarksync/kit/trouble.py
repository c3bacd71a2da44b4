"""What a failed exchange means, in a sentence: which step failed and what to check."""

from __future__ import annotations

import socket
import ssl

from .http import httpx

#: Failures before a request left: it is known not to have been applied.
_UNSENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


def known_unsent(problem: httpx.HTTPError) -> bool:
    """True when no byte of the request can have reached the server."""
    return isinstance(problem, _UNSENT)


def sentence(problem: httpx.HTTPError, proxied: bool, timeout: float, setting: str) -> tuple[str, str]:
    """(what happened, said of the host; what to check). ``setting`` holds the host's address."""
    cause = _root(problem)
    if isinstance(problem, httpx.ProxyError):
        return "cannot be reached through the proxy", "Check the proxy setting."
    if isinstance(problem, (httpx.ConnectTimeout, httpx.ConnectError)):
        through = " Is the proxy right?" if proxied else ""
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"has a certificate we do not trust: {cause.verify_message}",
                "Set ca_file if it has its own authority.",
            )
        if isinstance(cause, ssl.SSLError):
            return "does not speak TLS with us", f"Check {setting}: https or http, and the port."
        if isinstance(cause, socket.gaierror):
            return "is a host name that nobody knows (DNS)", f"Check {setting} and the network.{through}"
        if isinstance(cause, ConnectionRefusedError):
            return "refused the connection", f"Check {setting} and its port, and that the server is running.{through}"
        if isinstance(problem, httpx.ConnectTimeout):
            return "accepted no connection in time", f"Check {setting}, the network and any firewall.{through}"
        return "could not be connected to", f"Check {setting} and the network.{through}"
    if isinstance(problem, httpx.PoolTimeout):
        return "had no free connection in time", "Too many calls at once: set rate_limit."
    if isinstance(problem, httpx.TimeoutException):
        return f"gave no answer within {timeout:g} s", "Raise timeout if that system is slow."
    if isinstance(problem, httpx.LocalProtocolError):
        return "cannot be asked that: the request is not valid HTTP", "Check the credentials for stray line breaks."
    if isinstance(problem, httpx.UnsupportedProtocol):
        return "was to be asked by something else than http or https", f"Check {setting}."
    if isinstance(problem, httpx.DecodingError):
        return "sent an answer that cannot be unpacked", "Something between us damages answers: a proxy?"
    return "broke off the connection before its answer was complete", "The next run tries again."


def _root(problem: BaseException) -> BaseException:
    """The system's own error below httpx's and httpcore's."""
    seen = {id(problem)}
    while (below := problem.__cause__ or problem.__context__) is not None and id(below) not in seen:
        seen.add(id(below))
        problem = below
    return problem
