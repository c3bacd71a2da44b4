"""The conformance kit catches what it says it catches, and names it by the right clause."""

from __future__ import annotations

import bad_answers
import bad_connectors
import bad_manners
import bad_paging
import bad_trouble
import pytest
from bad_connectors import Bad, suite_of

from smarksync.testing.contract import CLAUSES, judge_all

#: every bad connector that breaks a clause
BAD = [
    one
    for module in (bad_connectors, bad_paging, bad_answers, bad_trouble, bad_manners)
    for one in vars(module).values()
    if isinstance(one, type) and issubclass(one, Bad) and one.__module__ == module.__name__ and "breaks" in vars(one)
    if one is not Bad and one.breaks != "no clause"
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_a_bad_connector_fails_exactly_its_clause(bad: type[Bad]) -> None:
    verdicts = list(judge_all(suite_of(bad)))
    told = {v.clause.name: v.said for v in verdicts if v.outcome != "passed"}
    assert told.keys() == {bad.breaks} | bad.also, [
        (v.clause.name, v.outcome, v.said) for v in verdicts if v.outcome != "passed"
    ]
    assert bad.says_so in told[bad.breaks]


def test_every_clause_has_a_bad_connector() -> None:
    assert {bad.breaks for bad in BAD} == {clause.name for clause in CLAUSES}
    assert [clause.number for clause in CLAUSES] == list(range(1, 33))
