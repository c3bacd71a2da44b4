"""From a stream and the fields asked for to a select list, and from an answer's rows to records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from smarksync.plugin import OWN_USER, Malformed, Record

from .describe import Schema
from .ids import is_id
from .worked_out import PSEUDO, ROLES, Pseudo, instant

Row = Mapping[str, Any]
#: beside what was asked for: which row, when it changed last, and by whom
_ALWAYS = ("Id", "SystemModstamp", "LastModifiedById")


class Shape:
    """What to select for some fields of a stream, and how to read it."""

    def __init__(self, schema: Schema, stream: str, fields: Sequence[str], user_id: str) -> None:
        self.schema, self.stream = schema, stream
        self._user = user_id
        pseudo = PSEUDO.get(stream, {})
        known = schema.raw(stream)
        called = schema.called(stream)
        self._plain = [(name, called.get(name, name)) for name in fields if name not in pseudo]
        self._worked: list[tuple[str, Pseudo]] = [(name, pseudo[name]) for name in fields if name in pseudo]
        # what a pseudo field would look at, as far as the org shows it
        beside = [c for _, p in self._worked for c in p.columns if c in known or not c.isidentifier()]
        #: a Person Account's contact points at its own account, which is no company (person_accounts.py)
        self._person = stream == "Contact" and "AccountId" in fields and "IsPersonAccount" in known
        if self._person:
            beside.append("IsPersonAccount")
        self.columns = tuple(dict.fromkeys([*_ALWAYS, *(column for _, column in self._plain), *beside]))

    @property
    def has_roles(self) -> bool:
        """Whether children of the rows are asked for, whose changes do not show in the rows."""
        return ROLES in self.columns

    @property
    def flat(self) -> bool:
        """Whether it is a plain list of columns: all that collections can be asked for."""
        return all(column.isidentifier() for column in self.columns)

    def record(self, row: Row, now: datetime) -> Record:
        """A record with exactly the fields that were asked for. ``now`` is the server's time."""
        try:
            shown = {name: row[column] for name, column in self._plain}
            if self._person and row["IsPersonAccount"]:
                shown["AccountId"] = None
            for name, pseudo in self._worked:
                shown[name] = pseudo.of(row, now)
            if not is_id(row["Id"]):
                raise ValueError("Id")
            by = row["LastModifiedById"]
            author = OWN_USER if by and by == self._user else by
            return Record(str(row["Id"]), shown, instant(row["SystemModstamp"]), changed_by=author)
        except (KeyError, TypeError, ValueError) as problem:
            raise Malformed(
                f"Salesforce shows a row of {self.stream} in another shape than was asked for."
            ) from problem
