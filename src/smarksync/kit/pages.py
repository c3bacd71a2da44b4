"""Paginators as state machines: they say what to ask next and notice when a vendor leads them in circles.

Each has ``more`` (ask again?), ``params`` or ``link`` (what to ask with) and ``turn`` (what the answer said). None
of them ever guesses from the number of rows that a page is the last: short and empty pages are ordinary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from smarksync.errors import Malformed


class TokenPages:
    """The answer holds a token for the next page (``after``, ``nextPageToken``); no token = the end."""

    def __init__(self, param: str, token: str | None = None) -> None:
        self.more = True
        self.token = token
        self._param = param
        self._seen = {token} if token else set()

    @property
    def params(self) -> Mapping[str, str]:
        """What to add to the query."""
        return {self._param: self.token} if self.token else {}

    def turn(self, token: str | None, *, more: bool | None = None) -> None:
        """``token`` is the answer's; ``more`` its own word, where a token comes even with the last page."""
        self.more = bool(token) if more is None else more
        if not self.more:
            return
        if not token:
            raise Malformed("The answer says that there is more and gives no token to ask for it.")
        if token in self._seen:
            raise Malformed("The answers lead in a circle: a page token came twice.")
        self._seen.add(token)
        self.token = token


class LinkPages:
    """The answer holds the address of the next page (the client applies the URL rules: pass ``handed=True``)."""

    def __init__(self, link: str) -> None:
        self.more = True
        self.link = link
        self._seen = {link}

    def turn(self, link: str | None) -> None:
        """``link`` is the answer's; None or "" = the end."""
        self.more = bool(link)
        if not link:
            return
        if link in self._seen:
            raise Malformed("The answers lead in a circle: a page address came twice.")
        self._seen.add(link)
        self.link = link


class OffsetPages:
    """Offset and limit. The offset moves by the rows that came, since servers cap limits in silence.

    An empty page that is not the last one moves it by the whole limit; ``empty_pages`` of them in a row are a
    circle. Rows that are inserted or deleted meanwhile shift offsets: read again what must be complete.
    """

    def __init__(
        self, limit: int, *, offset: int = 0, params: tuple[str, str] = ("offset", "limit"), empty_pages: int = 10
    ) -> None:
        self.more = True
        self.offset = offset
        self.limit = limit
        self._names = params
        self._empty = 0
        self._patience = empty_pages

    @property
    def params(self) -> Mapping[str, int]:
        """What to add to the query."""
        return {self._names[0]: self.offset, self._names[1]: self.limit}

    def turn(self, rows: int, *, total: int | None = None, more: bool | None = None) -> None:
        """``rows`` came; ``total`` (of the whole list) or ``more`` is the answer's own word on what is left.

        With neither, an empty page is the end: nothing else can be.
        """
        self._empty = 0 if rows else self._empty + 1
        self.offset += rows or self.limit
        if more is not None:
            self.more = more
        elif total is not None:
            self.more = self.offset < total
        else:
            self.more = rows > 0
        if self.more and self._empty >= self._patience:
            raise Malformed(f"{self._empty} empty pages in a row, and the answer still says that there is more.")


class KeysetPages:
    """Ordered by (time, id), each page asks for what lies behind the last row of the one before.

    Nothing is lost or read twice when more rows than a page share one time. ``at`` and ``id`` are vendor
    texts whose order is the vendor's; ``since`` is where to begin (inclusive), None = at the first row.
    """

    def __init__(self, since: str | None = None) -> None:
        self.more = True
        self.at = since
        self.id: str | None = None
        self._last: set[tuple[str, str]] = set()

    def turn(self, keys: Iterable[tuple[str, str]], *, more: bool) -> None:
        """``keys`` of the rows that came, in order; ``more`` is the answer's own word."""
        came = list(keys)
        self.more = more
        if came:
            if self._last & set(came):
                raise Malformed("The answers lead in a circle: rows came again behind themselves.")
            self._last = set(came)
            self.at, self.id = came[-1]
        elif more:
            raise Malformed("An empty page, and the answer says that there is more: no row tells where to go on.")


def position(cursor: Mapping[str, Any] | None, version: int) -> Mapping[str, Any]:
    """A stored cursor that this plugin version can read, or {} (= from the beginning): never half of one."""
    return cursor if cursor is not None and cursor.get("v") == version else {}
