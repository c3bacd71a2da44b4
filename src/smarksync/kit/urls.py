"""Which addresses a client may talk to.

URLs in a config are trusted as written, with plain http for loopback or ``allow_http`` only. URLs
that servers hand us (next page, redirect, instance) must be the same site or listed in ``hosts``, and
never private unless the configured one is: otherwise a server could make us knock on inner doors.
"""

from __future__ import annotations

import functools
import ipaddress
import socket
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from smarksync.errors import ConfigError, Malformed

#: Host name → its addresses, as text.
Lookup = Callable[[str], Iterable[str]]

_PORTS = {"http": 80, "https": 443}


def system_lookup(host: str) -> list[str]:
    """The addresses that the operating system gives for a host; [] when it knows none."""
    try:
        return sorted({str(info[4][0]) for info in socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)})
    except OSError:
        return []


class Trust:
    """Judges URLs against the one that the config names."""

    def __init__(
        self,
        base_url: str,
        *,
        hosts: Iterable[str] = (),
        allow_http: bool = False,
        proxied: bool = False,
        lookup: Lookup = system_lookup,
        setting: str = "base_url",
    ) -> None:
        self.setting = setting  # which holds the address
        self._allow_http = allow_http
        self._proxied = proxied
        self._lookup = lookup
        self._hosts = {h.strip().lower() for h in hosts}
        parts = _split(base_url)
        if parts is None:
            raise ConfigError(f"{setting} is not a web address.", hint="Write it as https://host or https://host/path.")
        if parts.username or parts.password:
            raise ConfigError(
                f"{setting} holds a user name or password.", hint="Put credentials in their own settings."
            )
        if parts.query or parts.fragment:
            raise ConfigError(f"{setting} has a query or fragment.", hint="Leave out everything from ? or # on.")
        if parts.scheme == "http" and not (allow_http or is_loopback(parts.hostname or "")):
            raise ConfigError(
                f"{setting} uses plain http for {parts.hostname}, which is not this machine.",
                hint="Use https, or set allow_http: true if the network between is yours.",
            )
        self.base = base_url.rstrip("/")
        self._parts = parts

    @property
    def host(self) -> str:
        """Host (and port, when it is not the usual one) of the configured URL: for messages."""
        return self._parts.netloc.lower()

    @property
    def is_loopback(self) -> bool:
        """True when the configured system is on this machine."""
        return is_loopback(self._parts.hostname or "")

    def url(self, path: str, *, handed: bool = False) -> str:
        """The absolute URL of a path below the base, or of an absolute URL that a server handed us.

        Raises :class:`Malformed` when a handed URL leads where it must not.
        """
        if "://" in path or path.startswith("//"):
            return self._joined(self.base + "/", path)
        if handed:
            return self._joined(self.base + "/", path)
        return f"{self.base}/{path.lstrip('/')}" if path else self.base

    def redirect(self, current: str, location: str) -> str:
        """Where a redirect from ``current`` leads; raises :class:`Malformed` when it must not be followed."""
        return self._joined(current, location)

    def _joined(self, current: str, handed: str) -> str:
        try:
            return self._check(urljoin(current, handed))
        except ValueError:  # brackets that hold no address
            raise Malformed(f"{self.host} handed us an address that is not a plain web address.") from None

    def _check(self, url: str) -> str:
        parts = _split(url)
        if parts is None or parts.username or parts.password:
            raise Malformed(f"{self.host} handed us an address that is not a plain web address.")
        host = parts.hostname or ""
        if not self._base_is_private and self._is_private(host):
            raise Malformed(f"{self.host} sends us to {parts.netloc}, an address inside a private network.")
        if not self._same_site(parts) and not ({host, parts.netloc.lower()} & self._hosts):
            raise Malformed(
                f"{self.host} sends us to another site, {parts.netloc}.",
                hint=f"If that is right, list it: hosts: [{parts.netloc}].",
            )
        if parts.scheme == "http" and not self._http_is_fine(host):
            raise Malformed(
                f"{self.host} sends us to {parts.netloc} over plain http.",
                hint=f"Check {self.setting} (https?), or set allow_http: true if the network between is yours.",
            )
        return url

    def _http_is_fine(self, host: str) -> bool:
        return self._parts.scheme == "http" and (self._allow_http or is_loopback(host))

    def _same_site(self, other: SplitResult) -> bool:
        mine, theirs = self._parts.hostname or "", other.hostname or ""
        if mine != theirs and (site(mine) is None or site(mine) != site(theirs)):
            return False
        usual = other.port in (None, _PORTS[other.scheme]) and site(mine) is not None
        return usual or _port(other) == _port(self._parts)

    @functools.cached_property
    def _base_is_private(self) -> bool:
        return self._is_private(self._parts.hostname or "")

    def _is_private(self, host: str) -> bool:
        literal = _address(host)
        if literal is not None:
            return not literal.is_global
        if is_loopback(host):
            return True
        if self._proxied:  # the proxy looks names up, and guards its own network
            return False
        return any((a := _address(text)) is not None and not a.is_global for text in self._lookup(host))


@functools.lru_cache(maxsize=256)
def site(host: str) -> str | None:
    """The registrable domain of a host name; None for addresses and bare names (localhost)."""
    if _address(host) is not None or "." not in host:
        return None
    found: str | None = _suffixes().privatesuffix(host)
    return found


@functools.lru_cache(maxsize=1)
def _suffixes() -> Any:
    from publicsuffixlist import PublicSuffixList  # 50 ms to load: only once a server hands us a URL

    return PublicSuffixList()


def is_loopback(host: str) -> bool:
    """True for localhost and the loopback addresses."""
    address = _address(host)
    return address.is_loopback if address else host == "localhost" or host.endswith(".localhost")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped or found


def _port(parts: SplitResult) -> int:
    return parts.port or _PORTS[parts.scheme]


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018  # raises ValueError when it is no number
    except ValueError:
        return None
    return parts if parts.scheme in _PORTS and parts.hostname else None
