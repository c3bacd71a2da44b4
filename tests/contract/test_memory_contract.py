"""The in-memory system keeps the whole contract, with and without a network in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memory_suites import PlainMemory, WebMemorySuite

from smarksync.testing.contract import CLAUSES, NotTested
from smarksync.testing.contract.score import judge


class TestPlainMemory(PlainMemory):
    """Without a network, five clauses say nothing."""


class TestWebMemory(WebMemorySuite):
    """Behind HTTP every clause is tested."""


def test_a_suite_cannot_leave_out_what_a_stream_declares() -> None:
    class Shy(PlainMemory):
        def edit(self, stream: str, id: str, fields: Mapping[str, Any]) -> None:
            raise NotTested("ability", "nobody edits here")

    clause = next(one for one in CLAUSES if one.name == "conditional_honoured")
    assert judge(PlainMemory, clause).outcome == "passed"
    told = judge(Shy, clause)
    assert told.outcome == "failed"
    assert "nobody edits here: left out, though leads can be asked" in told.said
