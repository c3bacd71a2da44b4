"""Which record is meant: ids of one system exchanged for entity ids, and back for another system."""

from __future__ import annotations

from smarksync.ledger import links
from smarksync.ledger.db import Ledger
from smarksync.model import ValueProblem

from .owners import KIND, Owners


class ConnectionReferences:
    """The links of one connection. What was asked is known until the ledger is written to: many people share a company."""

    def __init__(self, ledger: Ledger, connection: str, owners: Owners) -> None:
        self._ledger, self._connection, self._owners = ledger, connection, owners
        self._entities: dict[tuple[str, str], str | None] = {}
        self._records: dict[tuple[str, str], str | None] = {}
        self._asked_at = -1

    def entity_of(self, entity: str, record: str) -> str:
        """The entity id of a record. Raises ValueProblem ``SMK-PARENT`` when it is not linked yet.

        An owner always has one: nothing waits for a colleague.
        """
        if entity == KIND:
            return self._owners.entity_of(self._connection, record)
        known, asked = self._known(self._entities), (entity, record)
        if asked not in known:
            known[asked] = links.entity_of(self._ledger, self._connection, entity, record)
        if (found := known[asked]) is None:
            raise ValueProblem("SMK-PARENT", f"it points at a record of {entity} that is not linked yet")
        return found

    def record_of(self, entity: str, ref: str) -> str:
        """The record of an entity. Raises ValueProblem ``SMK-PARENT`` when it has none here yet.

        For an owner without one, ``SMK-OWNER``: the field is left as it is.
        """
        if entity == KIND:
            return self._owners.record_of(self._connection, ref)
        known, asked = self._known(self._records), (entity, ref)
        if asked not in known:
            known[asked] = links.record_of(self._ledger, self._connection, entity, ref)
        if (found := known[asked]) is None:
            raise ValueProblem("SMK-PARENT", f"its {entity} has no record here yet")
        return found

    def _known(self, answers: dict[tuple[str, str], str | None]) -> dict[tuple[str, str], str | None]:
        if self._asked_at != (now := self._ledger.written):
            self._asked_at = now
            self._entities.clear()
            self._records.clear()
        return answers
