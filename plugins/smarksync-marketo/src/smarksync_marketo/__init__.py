"""Marketo for SmarkSync: leads both ways, companies, programs and lists with their members, activities."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from importlib.resources import files

from smarksync.plugin import Can, Connector, ConnectorSpec, Session, StreamSpec, hookimpl

from .settings import LEAD_KEYS, MarketoSettings

__all__ = ["SPEC", "MarketoSettings", "smarksync_connectors"]

_SECOND = timedelta(seconds=1)
#: rows a call takes (docs, rest/leads)
_BATCH = 300


def _open(settings: MarketoSettings, session: Session) -> Connector:
    from .connector import Marketo  # the HTTP kit is not loaded to list connectors

    return Marketo(settings, session)


SPEC = ConnectorSpec(
    name="marketo",
    role="marketing",
    settings=MarketoSettings,
    open=_open,
    docs_url="https://experienceleague.adobe.com/en/docs/marketo-developer/marketo/rest/rest-api",
    preset=(files(__package__) / "preset.yaml").read_text("utf-8"),
    simulator="smarksync_marketo.simulator:MarketoSimulator",
    streams=(
        StreamSpec(
            "leads",
            "lead",
            can=frozenset({Can.CREATE, Can.UPDATE, Can.DELETE, Can.FIND, Can.FETCH, Can.GONE}),
            natural_keys=LEAD_KEYS,
            max_batch=_BATCH,
            overlap=timedelta(minutes=10),
            resolution=_SECOND,
            writes_serially=True,  # concurrent writes of one key make duplicates (docs, rest/leads)
            external_id="smarkSyncId",
            email_field="email",
        ),
        StreamSpec(
            "companies",
            "account",
            can=frozenset({Can.CREATE, Can.UPDATE, Can.FIND, Can.FETCH, Can.UPSERT_BY_KEY}),
            natural_keys=("externalCompanyId", "company"),
            max_batch=_BATCH,
            resolution=_SECOND,
            writes_serially=True,
            full_scan=True,
        ),
        StreamSpec(
            "opportunities",
            "opportunity",
            can=frozenset({Can.FIND, Can.FETCH}),
            natural_keys=("externalOpportunityId",),
            resolution=_SECOND,
        ),
        StreamSpec(
            "programs",
            "campaign",
            can=frozenset({Can.ASSOCIATE}),
            max_batch=_BATCH,
            resolution=_SECOND,
            writes_serially=True,
            full_scan=True,
        ),
        StreamSpec(
            "lists",
            "campaign",
            can=frozenset({Can.ASSOCIATE}),
            max_batch=_BATCH,
            resolution=_SECOND,
            writes_serially=True,
            full_scan=True,
            statuses=("member",),
        ),
        StreamSpec("memberships", "membership", overlap=timedelta(minutes=10), resolution=_SECOND, events=True),
        StreamSpec(
            "activities",
            "activity",
            can=frozenset({Can.CREATE, Can.FIND}),
            natural_keys=("leadId",),
            max_batch=_BATCH,
            overlap=timedelta(minutes=10),
            resolution=_SECOND,
            writes_serially=True,
        ),
    ),
)


@hookimpl
def smarksync_connectors() -> Iterable[ConnectorSpec]:
    """Marketo."""
    return [SPEC]
