"""What a run says: figures of a record that several jobs read, plain words for what is left, what was recovered."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from smarksync.engine.context import Recovered
from smarksync.engine.recover import sentences
from smarksync.engine.report import FIGURES, of_all_jobs
from smarksync.engine.report import _why_left as why_left


def job(**counts: int) -> dict[str, Any]:
    return {"sides": {"crm": {"leads": {**dict.fromkeys(FIGURES, 0), **counts}}}}


def test_what_three_jobs_read_was_read_once() -> None:
    """`runs` and the log line said 30 of ten records."""
    jobs = [
        job(read=10, settled=10, planned=2, written=2, updated=2),
        job(read=10, settled=7, quarantined=3, planned=1, written=1, created=1, conflicts=1),
        job(read=10, settled=10),
    ]
    told = of_all_jobs({"jobs": jobs})["crm:leads"]
    assert (told["read"], told["settled"], told["quarantined"]) == (10, 7, 3)
    assert (told["planned"], told["written"], told["updated"], told["created"], told["conflicts"]) == (3, 3, 2, 1, 1)


@pytest.mark.parametrize(
    ("what", "reason", "count", "text"),
    [
        ("owner", "left as it is: nobody else has a user for its owner", 17,
         "owner of 17 records in crm stays as it is: nobody else has a user for its owner."),
        ("owner", "left as it is: its owner's user there is not active", 1,
         "owner of 1 record in crm stays as it is: its owner's user there is not active."),
        ("source", "left to the system: its pick list has no word for 'fair'", 2,
         "source of 2 records made in crm is left to crm: its pick list has no word for 'fair'."),
        ("record", "deleted in mkt: unlinked", 1, "1 record of crm: deleted in mkt: unlinked."),
        ("consent email", "not taken (no evidence): put back", 1, "1 change of consent email in crm was not taken (no evidence) and put back."),
        ("company", "one way: only mkt may change it", 4, ""),
    ],
)  # fmt: skip
def test_what_is_left_is_said_in_plain_words(what: str, reason: str, count: int, text: str) -> None:
    assert why_left("crm", what, reason, count) == text


@pytest.mark.parametrize(
    ("runs", "records", "fates", "text"),
    [
        ([], 5, {}, []),  # a job that stopped after reading leaves rows, too
        ([], 0, {"arrived": 1}, ["An earlier run had left 1 write under way (1 had arrived)."]),
        (["r1"], 0, {}, ["Run r1 was killed; this one goes on from there."]),
        (["r1"], 1200, {"again": 2, "anew": 1, "arrived": 3},
         ["Run r1 was killed; this one goes on from there. It had left 1,200 records read and not yet worked on and "
          "6 writes under way (3 had arrived, 2 sent now, 1 decided anew)."]),
        (["r1", "r2", "r3"], 7, {}, ["3 runs were killed, the last of them r3; this one goes on from there. They had left "
                                     "7 records read and not yet worked on."]),
    ],
)  # fmt: skip
def test_what_was_recovered_is_said(runs: list[str], records: int, fates: dict[str, int], text: list[str]) -> None:
    left = Recovered(runs, records)
    left.fates.update(fates)
    assert sentences(SimpleNamespace(recovered=left)) == text
