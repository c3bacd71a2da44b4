"""What a person is told to do about a quarantined value."""

from __future__ import annotations

import pytest

from smarksync.engine.queues import held_advice
from smarksync.ledger.quarantine import Held


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("SMK-PICKLIST-UNKNOWN", "Correct grade there, or add its value to `values:` in the mapping: the next run goes on by itself."),
        ("SMK-VALUE-TYPE", "Correct grade there: the next run goes on by itself."),
    ],
)  # fmt: skip
def test_a_table_helps_against_unknown_words_only(code: str, said: str) -> None:
    held = Held(1, "people", 7, 2, "value", "grade", code, "", "", {"direction": "in"}, "r", "2026-11-22", "open")
    assert held_advice(held) == said
