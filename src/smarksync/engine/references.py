"""Which record is meant: ids of one system exchanged for entity ids, and back for another system."""

from __future__ import annotations

from smarksync.ledger import links
from smarksync.ledger.db import Ledger
from smarksync.model import ValueProblem

from .owners import KIND, Owners


class ConnectionReferences:
    """The links of one connection, asked one by one: references are few among the fields of a record."""

    def __init__(self, ledger: Ledger, connection: str, owners: Owners) -> None:
        self._ledger, self._connection, self._owners = ledger, connection, owners

    def entity_of(self, entity: str, record: str) -> str:
        """The entity id of a record. Raises ValueProblem ``SMK-PARENT`` when it is not linked yet.

        An owner always has one: nothing waits for a colleague.
        """
        if entity == KIND:
            return self._owners.entity_of(self._connection, record)
        found = links.entity_of(self._ledger, self._connection, entity, record)
        if found is None:
            raise ValueProblem("SMK-PARENT", f"it points at a record of {entity} that is not linked yet")
        return found

    def record_of(self, entity: str, ref: str) -> str:
        """The record of an entity. Raises ValueProblem ``SMK-PARENT`` when it has none here yet.

        For an owner without one, ``SMK-OWNER``: the field is left as it is.
        """
        if entity == KIND:
            return self._owners.record_of(self._connection, ref)
        found = links.record_of(self._ledger, self._connection, entity, ref)
        if found is None:
            raise ValueProblem("SMK-PARENT", f"its {entity} has no record here yet")
        return found
