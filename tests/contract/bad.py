"""What every deliberately bad connector has in common: the in-memory connector behind HTTP, with one thing changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from memory_suites import WebMemorySuite
from web_memory import WEB, WebMemory, WebSettings, discover

from smarksync.plugin import (
    Can,
    ConnectorSpec,
    StreamSpec,
)


class Bad(WebMemory):
    """A bad connector. ``breaks`` names the clause; ``spec`` may differ, too."""

    breaks: ClassVar[str]
    spec: ClassVar[ConnectorSpec]

    def __init_subclass__(cls, **how: Any) -> None:
        super().__init_subclass__(**how)
        cls.spec = replace(WEB, open=cls, **cls.says())

    @classmethod
    def says(cls) -> Mapping[str, Any]:
        """What it says of itself beside the truth."""
        return {}


def without(settings: WebSettings, ability: Can) -> tuple[StreamSpec, ...]:
    return tuple(replace(stream, can=stream.can - {ability}) for stream in discover(settings))


def suite_of(bad: type[Bad]) -> type[WebMemorySuite]:
    """The suite of the in-memory system, with that connector on it."""
    return type(f"Suite{bad.__name__}", (WebMemorySuite,), {"spec": bad.spec})
