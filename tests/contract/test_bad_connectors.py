"""The conformance kit catches what it says it catches, and names it by the right clause."""

from __future__ import annotations

import pytest
from bad_connectors import Bad, suite_of
from bad_manners import BAD

from smarksync.testing.contract import CLAUSES, judge_all


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_a_bad_connector_fails_exactly_its_clause(bad: type[Bad]) -> None:
    verdicts = list(judge_all(suite_of(bad)))
    assert {v.clause.name: v.said for v in verdicts if v.outcome != "passed"}.keys() == {bad.breaks}, [
        (v.clause.name, v.outcome, v.said) for v in verdicts if v.outcome != "passed"
    ]


def test_every_clause_has_a_bad_connector() -> None:
    assert {bad.breaks for bad in BAD} == {clause.name for clause in CLAUSES}
    assert [clause.number for clause in CLAUSES] == list(range(1, 33))
