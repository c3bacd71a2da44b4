"""Plan rows and what a decision about one entity says besides: values that travel to the ledger and back."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as part
from operator import attrgetter
from typing import Any, NamedTuple

#: what a row is marked with for each field that it puts back: the breaker counts those that were written
PUT_BACK = "put_back"


_REST = ("before", "fields", "taken", "won", "why", "reason", "whole", "case", "task", "outside")
_rest_of = attrgetter(*_REST)


class Alone(NamedTuple):
    """Two links whose places in the ledger and fingerprints a row rests on; ``memo``: what stays remembered of the source."""

    source: int
    source_fp: bytes | None
    target: int | None
    target_fp: bytes | None
    memo: dict[str, Any]


@dataclass(slots=True, init=False)
class Row:
    """One write to one record, with before, after and reason.

    ``after`` and ``before`` are vendor values by vendor field. ``values`` are the canonical values that
    become agreed when the row is settled; ``taken`` the bases to move then, by side key and field (values
    that were beaten), ``won`` the fields whose base becomes the new value; ``whole`` says that every field of the entity is settled with it (a create). ``why`` gives winner,
    rule, time and beaten values by field. ``alone`` says that nothing but one source and the written record is
    concerned; ``note`` is then what the audit will say of it.
    """

    op: str
    sid: int
    rid: str | None
    after: dict[str, Any]
    before: dict[str, Any]
    fields: list[str]
    values: dict[str, Any]
    taken: dict[str, dict[str, Any]]
    won: dict[str, list[str]]
    why: dict[str, dict[str, Any]]
    reason: str
    whole: bool
    alone: Alone | None
    note: dict[str, Any] | None
    consent: bool
    adopts: bool
    stamp: bool
    marks: list[tuple[str, str]]
    case: dict[str, Any]  # what a hand-off case is told when it is settled (engine/casebook.py)
    task: dict[str, Any]  # it is the task of a case, with these canonical values
    outside: list[str]  # keys of the entity's sides that are outside `where`, and do not hear of it

    def __init__(
        self, op: str, sid: int, rid: str | None, after: dict[str, Any], before: dict[str, Any] | None = None,
        fields: list[str] | None = None, values: dict[str, Any] | None = None,
        taken: dict[str, dict[str, Any]] | None = None, won: dict[str, list[str]] | None = None,
        why: dict[str, dict[str, Any]] | None = None, reason: str = "", whole: bool = False, alone: Alone | None = None,
        note: dict[str, Any] | None = None, consent: bool = False, adopts: bool = False, stamp: bool = False,
        marks: list[tuple[str, str]] | None = None, case: dict[str, Any] | None = None, task: dict[str, Any] | None = None,
        outside: list[str] | None = None,
    ) -> None:  # fmt: skip
        # written out, as Outcome's is
        self.op, self.sid, self.rid, self.after = op, sid, rid, after
        self.before = {} if before is None else before
        self.fields = [] if fields is None else fields
        self.values = {} if values is None else values
        self.taken = {} if taken is None else taken
        self.won = {} if won is None else won
        self.why = {} if why is None else why
        self.marks = [] if marks is None else marks
        self.reason, self.whole, self.alone, self.note = reason, whole, alone, note
        self.consent, self.adopts, self.stamp = consent, adopts, stamp
        self.case = {} if case is None else case
        self.task = {} if task is None else task
        self.outside = [] if outside is None else outside

    def body(self) -> dict[str, Any]:
        """The JSON part of the stored row; empty parts left out. ``values`` are kept beside it, ready to be agreed."""
        return {"after": self.after, **self.rest()} if self.after else self.rest()

    def rest(self) -> dict[str, Any]:
        """The body without what is sent, which is kept apart."""
        return {name: value for name, value in zip(_REST, _rest_of(self), strict=True) if value}


def stamp_row(sid: int, rid: str, vendor: str, ref: str, before: Any) -> Row:
    """Our id, and nothing besides, for a record that is there."""
    return Row("update", sid, rid, {vendor: ref}, {vendor: before}, reason="our id, stamped once", stamp=True)


@dataclass(slots=True)
class Problem:
    """A record, or one field of it, that cannot go on: what quarantine keeps.

    ``wanted`` is a hash of what was wanted, so that a refusal is retried only when that changed.
    """

    sid: int
    kind: str
    code: str
    message: str
    field: str = ""
    wanted: str = ""
    facts: dict[str, Any] = part(default_factory=dict)


@dataclass(slots=True)
class Question:
    """A conflict: the field, the values by connection with their evidence, and what is asked."""

    field: str
    kind: str
    question: str
    values: dict[str, Any]


@dataclass(slots=True, init=False)
class Outcome:
    """Everything decided about one entity in one job.

    ``left``: side, field, reason. What is settled without a write: ``local_fields``, their new values, the bases that move
    (``local_taken``), and whether every field of the entity is settled so. ``put_back``: field, sid, ours, theirs. ``held``:
    fields with a write that a problem stopped. ``outside``: streams whose record left `where`. ``refused``: streams and
    vendor fields with a value still not taken there. ``waits``: for a parent that is not there yet.
    """

    rows: list[Row]
    problems: list[Problem]
    questions: list[Question]
    left: list[tuple[int, str, str]]
    local_fields: list[str]
    local_values: dict[str, Any]
    local_whole: bool
    local_taken: dict[str, dict[str, Any]]
    local_why: dict[str, dict[str, Any]]
    put_back: list[tuple[str, int, Any, Any]]
    held: set[str]
    filtered: bool
    outside: set[int]
    refused: set[tuple[int, str]]
    waits: str

    # written out: one is made for every entity, and default factories cost more
    def __init__(self) -> None:
        self.rows, self.problems, self.questions, self.left = [], [], [], []
        self.local_fields, self.local_values, self.local_taken, self.local_why = [], {}, {}, {}
        self.local_whole = self.filtered = False
        self.put_back, self.held, self.outside, self.refused = [], set(), set(), set()
        self.waits = ""
