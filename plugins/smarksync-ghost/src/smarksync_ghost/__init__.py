"""Ghost members for SmarkSync: read, found, created, changed and deleted through the Admin API."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from importlib.resources import files

from smarksync.plugin import Can, Connector, ConnectorSpec, Session, StreamSpec, hookimpl

from .settings import OVERLAP, GhostSettings

_SECOND = timedelta(seconds=1)


def open_ghost(settings: GhostSettings, session: Session) -> Connector:
    """The connector; nothing is sent yet."""
    from .members import GhostConnector

    return GhostConnector(settings, session)


SPEC = ConnectorSpec(
    name="ghost",
    role="marketing",
    settings=GhostSettings,
    open=open_ghost,
    docs_url="https://docs.ghost.org/admin-api/",
    closed="Ghost's members have no fields of a site's own (Admin API, Members): keep it in another connected system, or "
    "as a label (`tags`).",
    preset=(files(__package__) / "preset.yaml").read_text("utf-8"),
    streams=(
        StreamSpec(
            "members",
            "lead",
            can=frozenset({Can.CREATE, Can.UPDATE, Can.DELETE, Can.FIND, Can.FETCH, Can.SWEEP}),
            natural_keys=("email",),
            max_batch=20,  # one call a row, whatever the batch: this only bounds what is under way together
            overlap=OVERLAP,
            resolution=_SECOND,
            subscribes_on_create=True,
            email_field="email",
        ),
        StreamSpec("newsletters", "campaign", resolution=_SECOND, full_scan=True),
        StreamSpec("labels", "campaign", resolution=_SECOND, full_scan=True),
    ),
)


@hookimpl
def smarksync_connectors() -> Iterable[ConnectorSpec]:
    """Ghost."""
    return [SPEC]
