"""BottleCRM leads and contacts for SmarkSync."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from smarksync.plugin import ConnectorSpec, Session, hookimpl

from .settings import BottleCRMSettings
from .streams import SPECS

__all__ = ["SPEC", "BottleCRMSettings", "smarksync_connectors"]


def _open(settings: BottleCRMSettings, session: Session) -> object:
    from .connector import BottleCRM  # the HTTP kit is not loaded to list connectors

    return BottleCRM(settings, session)


SPEC = ConnectorSpec(
    "bottlecrm",
    SPECS,
    BottleCRMSettings,
    _open,  # type: ignore[arg-type]  # a Connector, imported late
    role="sales",
    docs_url="https://bottlecrm.io",
    preset=files(__package__).joinpath("preset.yaml").read_text("utf-8"),
)


@hookimpl
def smarksync_connectors() -> Iterable[ConnectorSpec]:
    """The one connector of this plugin."""
    return (SPEC,)
