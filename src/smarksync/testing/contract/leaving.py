"""What `gone` tells of rows that leave while something happens."""

from __future__ import annotations

from collections.abc import Callable

from smarksync.plugin import Cursor, Gone, StreamSpec

from .asking import PAGES
from .clause import Failed
from .stage import Stage

GonePage = tuple[tuple[Gone, ...], Cursor]


def gone_pages(stage: Stage, stream: StreamSpec, cursor: Cursor | None) -> list[GonePage]:
    """All that `gone` tells from a cursor on, page by page. Fails when it does not end."""
    found: list[GonePage] = []
    for page in stage.connector.gone(stream.name, cursor=cursor, until=None):
        found.append(page)
        if len(found) > PAGES:
            raise Failed(f"What gone tells of {stream.name} does not end: {PAGES} pages, and there is more.")
    return found


def leaving(stage: Stage, stream: StreamSpec, happen: Callable[[], object]) -> list[GonePage]:
    """What `gone` tells of the time in which something happened."""
    before = gone_pages(stage, stream, None)
    happen()
    stage.pass_time(1)
    return gone_pages(stage, stream, before[-1][1] if before else None)


def left_after(stage: Stage, stream: StreamSpec, happen: Callable[[], object]) -> list[Gone]:
    """The rows that left while something happened."""
    return [gone for rows, _ in leaving(stage, stream, happen) for gone in rows]
