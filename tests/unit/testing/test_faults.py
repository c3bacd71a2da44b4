"""Faults strike where they are planned and nowhere else."""

from __future__ import annotations

import pytest

from smarksync.plugin import AuthFailed, Op, Throttled, Transient, Unknown, Write, WriteResult
from smarksync.testing import Crash, FaultPlan, MemoryStream, MemorySystem, text_fields


def systems(plan):
    return [MemorySystem(n, [MemoryStream("leads", fields=text_fields("name"))], faults=plan) for n in ("a", "b")]


def batch(*names):
    return [Write(name, Op.CREATE, {"name": name}, key=name) for name in names]


def job(a, b):
    """A tiny sync that reads a and creates in b what is missing, by key."""
    for page in a.connect().read("leads", cursor=None, until=None, fields=("name",)):
        list(b.connect().write("leads", batch(*(r.fields["name"] for r in page.records))))


def test_killed_at_every_point_and_run_again_ends_alike():
    plan = FaultPlan()
    a, b = systems(plan)
    a.insert_many("leads", [{"name": "x"}, {"name": "y"}])
    job(a, b)
    assert plan.trail == ["a.leads.read", "b.leads.write", "b.leads.write.row", "b.leads.write.answer"]
    for number in range(1, plan.points + 1):
        again = FaultPlan(crash_at=number)
        a, b = systems(again)
        a.insert_many("leads", [{"name": "x"}, {"name": "y"}])
        with pytest.raises(Crash) as died:
            job(a, b)
        assert died.value.number == number
        with pytest.raises(Crash):
            a.connect().check()  # a dead process does no more I/O
        again.revive()
        job(a, b)
        assert sorted(row["name"] for row in b.rows("leads").values()) == ["x", "y"]


def test_a_crash_is_no_exception_that_handlers_catch():
    assert not issubclass(Crash, Exception)


@pytest.mark.parametrize("error", [Transient("down"), Throttled("slow", retry_after=3), AuthFailed("no")])
def test_whole_calls_fail_as_often_as_planned(error):
    plan = FaultPlan()
    a, _ = systems(plan)
    plan.fail(error, system="a", kind="write", skip=1, times=1)
    connector = a.connect()
    assert len(list(connector.write("leads", batch("x")))) == 1
    with pytest.raises(type(error)):
        list(connector.write("leads", batch("y")))
    assert len(list(connector.write("leads", batch("z")))) == 1
    assert sorted(row["name"] for row in a.rows("leads").values()) == ["x", "z"]


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("how", ["receipt", "raise"])
def test_the_answer_is_lost(how, applied):
    plan = FaultPlan()
    a, _ = systems(plan)
    plan.lose(how, applied=applied)
    if how == "raise":
        with pytest.raises(Unknown):
            list(a.connect().write("leads", batch("x", "y")))
    else:
        receipts = list(a.connect().write("leads", batch("x", "y")))
        assert {r.ref: r.result for r in receipts} == dict.fromkeys("xy", WriteResult.UNKNOWN)
    assert len(a.rows("leads")) == (2 if applied else 0)


def test_results_are_mixed_row_by_row():
    plan = FaultPlan()
    a, _ = systems(plan)
    plan.reject(lambda w: w.ref == "bad")
    plan.answer(WriteResult.RETRY, lambda w: w.ref == "busy", times=1, retry_after=2)
    plan.answer(WriteResult.UNKNOWN, lambda w: w.ref == "odd", applied=True)
    receipts = {r.ref: r for r in a.connect().write("leads", batch("good", "bad", "busy", "odd"))}
    assert {ref: r.result for ref, r in receipts.items()} == {
        "good": WriteResult.CREATED,
        "bad": WriteResult.REJECTED,
        "busy": WriteResult.RETRY,
        "odd": WriteResult.UNKNOWN,
    }
    assert receipts["bad"].code == "SMK-INVALID" and receipts["busy"].retry_after == 2
    assert sorted(row["name"] for row in a.rows("leads").values()) == ["good", "odd"]
    (again,) = a.connect().write("leads", batch("busy"))
    assert again.result is WriteResult.CREATED
