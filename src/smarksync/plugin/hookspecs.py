"""The three hooks. A hook is a broadcast; the conversation with a system is in protocol.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pluggy

from .spec import ConnectorSpec, Transform

hookspec = pluggy.HookspecMarker("smarksync")
hookimpl = pluggy.HookimplMarker("smarksync")


@hookspec
def smarksync_connectors() -> Iterable[ConnectorSpec]:  # type: ignore[empty-body]  # a hook has no body
    """The connectors that this plugin brings."""


@hookspec
def smarksync_transforms() -> Iterable[Transform]:  # type: ignore[empty-body]  # a hook has no body
    """The value transforms that this plugin brings."""


@hookspec
def smarksync_run_finished(report: Mapping[str, Any]) -> None:
    """Called after everything is settled, with what ``run --json`` prints; may change nothing."""
