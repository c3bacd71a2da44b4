"""Hand-off cases and their moves. The moves are the truth, append-only; a case is what they come to.

Instants are microseconds since 1970 in UTC (``model.moments``). ``alignment.handoff`` decides the moves, this
room keeps them; ``alignment.handoff.replay`` makes the same case of the moves alone.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from .db import Ledger, among, dumps, loads

#: states in which a case is still somebody's turn; all others close it
OPEN = ("qualified", "offered", "accepted", "working", "sql", "opportunity")
CLOSED = ("rejected", "won", "lost", "recycled", "merged", "withdrawn")
#: a move that leaves the state where it is: a re-qualification, another owner, a remark
NOTE = "note"


class Case(NamedTuple):
    """One passage of one lead. ``owner`` is an owner's entity id; ``body`` what the moves said last, by name.

    ``revision`` counts the moves. ``definition`` is ``name@version``. ``into_cid`` is the case that went on when
    leads merged. ``due_at``: the first attempt is due, None when no promise says.
    """

    cid: int
    job: str
    eid: int
    product: str
    cycle: int
    state: str
    opened_at: int
    offered_at: int | None
    due_at: int | None
    closed_at: int | None
    definition: str
    owner: str | None
    into_cid: int | None
    revision: int
    body: dict[str, Any]

    @property
    def open(self) -> bool:
        """Whether somebody still has it."""
        return self.closed_at is None


class Move(NamedTuple):
    """One move. ``at`` is the event's own time, ``entered_at`` ours. ``actor``: marketing, sales, rule, person.

    ``source`` is the record that told (``connection:object:id``) or a rule; ``skipped`` marks a rung that was
    jumped over and filled in. ``mid`` 0 = not stored yet.
    """

    mid: int
    cid: int
    state: str
    at: int
    entered_at: int
    actor: str
    source: str
    run: str
    reason: str | None = None
    skipped: bool = False
    body: dict[str, Any] = {}  # noqa: RUF012  a NamedTuple's default, never written to


_CASE = ", ".join(Case._fields)
_MOVE = ", ".join(Move._fields)


def next_cid(ledger: Ledger) -> int:
    """The number that the next new case gets."""
    return int(ledger.value("SELECT seq FROM sqlite_sequence WHERE name = 'cases'") or 0) + 1


def fate(case: Case) -> str | None:
    """What came of a case in the conservation of MQLs, as far as the case itself tells; None = it was never offered.

    A lead that sales accepted counts as accepted when it is recycled later. ``qualified``: it waits for its offer.
    """
    if case.offered_at is None:
        return "qualified" if case.state == "qualified" else None
    at = case.body.get("at", {})
    if at.get("accepted") is not None:
        return "accepted"
    if at.get("rejected") is not None or case.state in ("recycled", "lost", "won"):
        return "rejected"
    return case.state if case.state in ("merged", "withdrawn") else "open"


def put(ledger: Ledger, rows: Iterable[Case]) -> None:
    """Stores cases as they stand after their moves; new ones and known ones. Their counts go with them."""
    rows = list(rows)
    changed = ", ".join(f"{name} = excluded.{name}" for name in Case._fields[1:])
    marks = ", ".join("?" * len(Case._fields))
    before = load(ledger, {case.cid for case in rows})
    # closed ones first: of two merged cases the one must close before the other may take its place
    ordered = sorted(rows, key=lambda case: (case.closed_at is None, case.cid))
    ledger.many(
        f"INSERT INTO cases ({_CASE}) VALUES ({marks}) ON CONFLICT (cid) DO UPDATE SET {changed}",
        ((*case[:-1], dumps(case.body)) for case in ordered),
    )
    moved: Counter[tuple[str, str]] = Counter()
    for case, by in (*((case, -1) for case in before), *((case, 1) for case in {c.cid: c for c in ordered}.values())):
        if (told := fate(case)) is not None:
            moved[case.job, told] += by
    ledger.many(
        "INSERT INTO case_counts (job, fate, count) VALUES (?, ?, ?) "
        "ON CONFLICT (job, fate) DO UPDATE SET count = count + excluded.count",
        ((*key, by) for key, by in moved.items() if by),
    )


def fates(ledger: Ledger, job: str) -> dict[str, int]:
    """{what came of it: how many cases of the job}, as it was kept with them."""
    return dict(ledger.rows("SELECT fate, count FROM case_counts WHERE job = ? AND count <> 0", (job,)))


def add_moves(ledger: Ledger, moves: Iterable[Move]) -> None:
    """Appends moves."""
    ledger.many(
        f"INSERT INTO case_moves ({_MOVE}) VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((*move[1:9], int(move.skipped), dumps(move.body)) for move in moves),
    )


def get(ledger: Ledger, cid: int) -> Case | None:
    """One case."""
    row = ledger.one(f"SELECT {_CASE} FROM cases WHERE cid = ?", (cid,))
    return _case(row) if row else None


def of_entities(ledger: Ledger, eids: Iterable[int]) -> dict[int, list[Case]]:
    """{eid: its cases, oldest first}."""
    columns = ", ".join(f"c.{name}" for name in Case._fields)
    sql = f"SELECT {columns} FROM json_each(?) j CROSS JOIN cases c WHERE c.eid = j.value ORDER BY c.cid"
    found: dict[int, list[Case]] = {}
    for row in ledger.rows(sql, (dumps(list(eids)).decode(),)):
        found.setdefault(row[2], []).append(_case(row))
    return found


def open_eids(ledger: Ledger, last: int, limit: int, job: str | None = None) -> list[int]:
    """Entities with an open case, by id after ``last``."""
    sql = (
        "SELECT DISTINCT eid FROM cases WHERE closed_at IS NULL AND eid > ? AND (? IS NULL OR job = ?) "
        "ORDER BY eid LIMIT ?"
    )
    return [row[0] for row in ledger.rows(sql, (last, job, job, limit))]


def open_by_owner(ledger: Ledger) -> dict[str, int]:
    """{owner: how many open cases they have}, for the capacity of a round robin."""
    sql = "SELECT owner, count(*) FROM cases INDEXED BY cases_board WHERE closed_at IS NULL AND owner IS NOT NULL GROUP BY owner"
    return dict(ledger.rows(sql))


def without_owner(ledger: Ledger) -> int:
    """Open cases that sales was offered and that nobody owns."""
    sql = "SELECT count(*) FROM cases INDEXED BY cases_board WHERE closed_at IS NULL AND owner IS NULL AND offered_at IS NOT NULL"
    return int(ledger.value(sql))


def first_offered(ledger: Ledger, eids: Iterable[int]) -> dict[int, int]:
    """{lead: when it was first handed over}, of those that ever were."""
    which, params = among("eid", eids)
    sql = f"SELECT eid, min(offered_at) FROM cases WHERE {which} AND offered_at IS NOT NULL GROUP BY eid"
    return dict(ledger.rows(sql, params))


def every(
    ledger: Ledger, where: str = "1", params: Sequence[Any] = (), *, chunk: int = 2_000
) -> Iterator[list[tuple[Case, list[Move]]]]:
    """All cases that meet a condition, with their moves in the order of events, in chunks by case number."""
    last = 0
    while True:
        sql = f"SELECT {_CASE} FROM cases WHERE cid > ? AND ({where}) ORDER BY cid LIMIT ?"
        found = [_case(row) for row in ledger.rows(sql, (last, *params, chunk))]
        if not found:
            return
        last = found[-1].cid
        made = moves_of(ledger, [case.cid for case in found])
        yield [(case, made.get(case.cid, [])) for case in found]


def load(ledger: Ledger, cids: Iterable[int]) -> list[Case]:
    """Cases by number, in order."""
    which, params = among("cid", cids)
    return [_case(row) for row in ledger.rows(f"SELECT {_CASE} FROM cases WHERE {which} ORDER BY cid", params)]


def alive(ledger: Ledger, since: int | None = None, until: int | None = None) -> array[int]:
    """Numbers, in order, of the cases that were opened before ``until`` and are open, or ended from ``since`` on.

    No others can have made a move from ``since`` on. Work grows with what is open and with the period, not with history.
    """
    before = "(? IS NULL OR opened_at < ?)"
    found = ledger.rows(f"SELECT cid FROM cases WHERE closed_at IS NULL AND {before}", (until, until))
    if since is not None:
        found += ledger.rows(f"SELECT cid FROM cases WHERE closed_at >= ? AND {before}", (since, until, until))
    return array("q", sorted(row[0] for row in found))


def ended(ledger: Ledger, after: tuple[int, int], before: int, limit: int = 500) -> tuple[list[int], tuple[int, int]]:
    """Numbers of the next cases that ended after ``after`` (a moment, and a case) and before ``before``; the first to
    end first, and where to go on."""
    found = ledger.rows(
        "SELECT cid, closed_at FROM cases WHERE closed_at >= ? AND (closed_at, cid) > (?, ?) AND closed_at < ? "
        "ORDER BY closed_at, cid LIMIT ?", (after[0], *after, before, limit),
    )  # fmt: skip
    return [row[0] for row in found], (found[-1][1], found[-1][0]) if found else (before, 0)


def closed_for(ledger: Ledger, job: str, reason: str, after: int, until: int) -> list[int]:
    """Leads whose case of that job was closed for a reason after one moment, up to another."""
    found = ledger.rows(
        "SELECT DISTINCT eid FROM cases WHERE closed_at > ? AND closed_at <= ? AND job = ? "
        "AND json_extract(CAST(body AS TEXT), '$.reason') = ? ORDER BY eid", (after, until, job, reason),
    )  # fmt: skip
    return [eid for (eid,) in found]


def answers(ledger: Ledger, cids: Iterable[int]) -> dict[int, list[tuple[str, int, str | None, bool]]]:
    """{case: (state, entered_at, reason, skipped) of its offers and refusals, in the order of events}."""
    which, params = among("cid", cids)
    found: dict[int, list[tuple[str, int, str | None, bool]]] = {}
    for cid, *told in ledger.rows(
        f"SELECT cid, state, entered_at, reason, skipped FROM case_moves WHERE {which} "
        "AND state IN ('offered', 'rejected', 'recycled', 'disqualified') ORDER BY at, mid", params,
    ):  # fmt: skip
        found.setdefault(cid, []).append((told[0], told[1], told[2], bool(told[3])))
    return found


def last_move(ledger: Ledger) -> int:
    """The number of the newest move."""
    return int(ledger.value("SELECT max(mid) FROM case_moves") or 0)


def told_since(ledger: Ledger, mid: int, name: str) -> int:
    """How many moves after that one say something by that name."""
    sql = "SELECT count(*) FROM case_moves WHERE mid > ? AND json_type(CAST(body AS TEXT), ?) IS NOT NULL"
    return int(ledger.value(sql, (mid, f"$.{name}")))


def moves(ledger: Ledger, cid: int) -> list[Move]:
    """The moves of one case in the order of events."""
    return moves_of(ledger, [cid]).get(cid, [])


def moves_of(ledger: Ledger, cids: Iterable[int]) -> dict[int, list[Move]]:
    """{case: its moves, in the order of events}."""
    columns = ", ".join(f"m.{name}" for name in Move._fields)
    sql = f"SELECT {columns} FROM json_each(?) j CROSS JOIN case_moves m WHERE m.cid = j.value ORDER BY m.at, m.mid"
    found: dict[int, list[Move]] = {}
    for row in ledger.rows(sql, (dumps(list(cids)).decode(),)):
        found.setdefault(row[1], []).append(Move._make((*row[:9], bool(row[9]), loads(row[10]))))
    return found


def _case(row: tuple[Any, ...]) -> Case:
    return Case._make((*row[:-1], loads(row[-1])))
