"""Folders of CSV or JSON Lines files as a system for SmarkSync."""

from __future__ import annotations

from collections.abc import Iterable

from smarksync.plugin import ConnectorSpec, hookimpl


@hookimpl
def smarksync_connectors() -> Iterable[ConnectorSpec]:
    """The connector ``files``."""
    from .connector import SPEC

    return (SPEC,)
