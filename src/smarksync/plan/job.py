"""What a decision rests on: a job's rules as pure functions and tables, and an entity with its sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .reconcile import Rule
from .side import Side, Translation

#: the code of a reference to a record that is not there yet: the row waits for its parent
WAITS = "SMK-PARENT"
#: codes of a value that has no counterpart on a side, so that the field is left as it is there: an owner, and a word that
#: a mapping with `unknown: keep` does not know
LEFT = frozenset(("SMK-OWNER", "SMK-PICKLIST-LEFT"))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a job creates on a connection: the stream, its mapping and the policy.

    ``policy`` None = never; else it is asked with the agreed values and the entity, and passes on True only.
    ``subscribes`` says that the system mails new rows unless told otherwise.
    """

    sid: int
    connection: str
    mapping: Translation
    policy: Callable[[Mapping[str, Any], Person], Any] | None
    subscribes: bool = False


@dataclass(frozen=True, slots=True)
class JobRules:
    """One job, compiled: pure functions and tables."""

    name: str
    entity: str
    connections: tuple[str, ...]
    rules: Mapping[str, Rule]
    targets: Mapping[str, Target]
    equal: Callable[[str, Any, Any], bool]
    skew: Callable[[list[str]], float]
    #: by connection, of a side's own values and the entity, None while it is not known whose they are
    where: Mapping[str, Callable[[Mapping[str, Any], Person | None], Any]] = field(default_factory=dict)
    special: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    subscribe: str = "opted_in"
    regressions: Callable[[str, Any, Any], bool] = lambda _f, _b, _a: False
    restless: bool = False  # time alone can change what `create` and `where` say
    #: fields that another job merges: this one writes them where it has an answer of its own, and carries no edit of them
    others: frozenset[str] = frozenset()
    #: mapped fields without a rule here that another job of the entity may merge: what it decides settles nothing of them
    elsewhere: frozenset[str] = frozenset()
    #: what the short ways work out once a job: first.py by connection, edited.py by mapping
    worked_out: dict[object, Any] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(slots=True, init=False)
class Person:
    """An entity with its sides in this run (any entity; most are people).

    ``taken_places`` are connections where a link of any state exists, so that nothing is created there.
    ``answers`` are people's decisions on open conflicts, ``asked`` the values by connection that they were asked
    about; ``parked`` (field, sid) pairs that rest; ``refused`` the hash of the vendor value that a system does not take, by
    stream and vendor field: it is not sent again.
    """

    eid: int
    ref: str
    agreed: dict[str, Any]
    sides: list[Side]
    taken_places: frozenset[str]
    answers: dict[str, Any]
    parked: frozenset[tuple[str, int]]
    asked: Mapping[str, Mapping[str, Any]]
    refused: Mapping[tuple[int, str], str]

    def __init__(
        self, eid: int, ref: str, agreed: dict[str, Any], sides: list[Side],
        taken_places: frozenset[str] = frozenset(), parked: frozenset[tuple[str, int]] = frozenset(),
    ) -> None:  # fmt: skip
        # written out, as Outcome's is
        self.eid, self.ref = eid, ref
        self.agreed, self.sides = agreed, sides
        self.taken_places, self.parked = taken_places, parked
        self.answers, self.asked, self.refused = {}, {}, {}
