"""HubSpot contacts, companies, deals, activities and consent for SmarkSync."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from smarksync.plugin import ConnectorSpec, Session, hookimpl

from .settings import HubSpotSettings
from .streams import SPECS

__all__ = ["SPEC", "HubSpotSettings", "smarksync_connectors"]


def _open(settings: HubSpotSettings, session: Session) -> object:
    from .connector import HubSpot  # the HTTP kit is not loaded to list connectors

    return HubSpot(settings, session)


SPEC = ConnectorSpec(
    "hubspot",
    SPECS,
    HubSpotSettings,
    _open,  # type: ignore[arg-type]  # a Connector, imported late
    role="marketing",
    docs_url="https://developers.hubspot.com",
    preset=files(__package__).joinpath("preset.yaml").read_text("utf-8"),
    simulator="smarksync_hubspot.simulator:HubSpotSimulator",
)


@hookimpl
def smarksync_connectors() -> Iterable[ConnectorSpec]:
    """The one connector of this plugin."""
    return (SPEC,)
