"""Salesforce for SmarkSync: leads and contacts, accounts, opportunities, campaigns, tasks and owners."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.resources import files

from smarksync.plugin import ConnectorSpec, Session, hookimpl

from .settings import SalesforceSettings
from .streams import SPECS, specs

__all__ = ["SPEC", "SalesforceSettings", "smarksync_connectors"]


def _open(settings: SalesforceSettings, session: Session) -> object:
    from .connector import Salesforce  # the HTTP kit is not loaded to list connectors

    return Salesforce(settings, session)


SPEC = ConnectorSpec(
    "salesforce",
    SPECS,
    SalesforceSettings,
    _open,  # type: ignore[arg-type]  # a Connector, imported late
    role="sales",
    docs_url="https://developer.salesforce.com/docs/platform/api-rest/guide/",
    preset=files(__package__).joinpath("preset.yaml").read_text("utf-8"),
    discover=specs,
    simulator="smarksync_salesforce.simulator:SalesforceSimulator",
)


@hookimpl
def smarksync_connectors() -> Iterable[ConnectorSpec]:
    """The one connector of this plugin."""
    return (SPEC,)
