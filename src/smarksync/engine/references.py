"""Which record is meant: ids of one system exchanged for entity ids, and back for another system."""

from __future__ import annotations

from smarksync.ledger import links
from smarksync.ledger.db import Ledger
from smarksync.model import ValueProblem


class ConnectionReferences:
    """The links of one connection, asked one by one: references are few among the fields of a record."""

    def __init__(self, ledger: Ledger, connection: str) -> None:
        self._ledger, self._connection = ledger, connection

    def entity_of(self, entity: str, record: str) -> str:
        """The entity id of a record. Raises ValueProblem ``SMK-PARENT`` when it is not linked yet."""
        found = links.entity_of(self._ledger, self._connection, entity, record)
        if found is None:
            raise ValueProblem("SMK-PARENT", f"it points at a record of {entity} that is not linked yet")
        return found

    def record_of(self, entity: str, ref: str) -> str:
        """The record of an entity. Raises ValueProblem ``SMK-PARENT`` when it has none here yet."""
        found = links.record_of(self._ledger, self._connection, entity, ref)
        if found is None:
            raise ValueProblem("SMK-PARENT", f"its {entity} has no record here yet")
        return found
