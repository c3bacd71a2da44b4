"""What a failed statement leaves behind: nothing of its transaction, and a ledger that goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smarksync.errors import LedgerError
from smarksync.ledger import entities, keys
from smarksync.ledger.db import AT_ONCE, Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with closing(Ledger(f"sqlite:///{tmp_path / 'l.db'}")) as opened:
        yield opened


def _people(first: int, count: int) -> list[tuple[int, str, str, str, str, str]]:
    return [(n, f"ref{n}", "lead", "live", "{}", "run") for n in range(first, first + count)]


@pytest.mark.parametrize("count", [1, AT_ONCE, AT_ONCE + 1])
def test_a_statement_that_fails_takes_its_transaction_along(ledger: Ledger, count: int) -> None:
    with ledger.tx():
        entities.add(ledger, _people(1, 1))
    undone = ledger.written

    def fails() -> None:
        with ledger.tx():
            entities.add(ledger, _people(1000, 70))
            entities.add(ledger, [*_people(2000, count - 1), *_people(1, 1)])

    with pytest.raises(LedgerError, match="UNIQUE"):
        fails()
    assert ledger.value("SELECT count(*) FROM entities") == 1
    assert ledger.written != undone, "what was read in that transaction is not true"
    with ledger.tx():
        entities.add(ledger, _people(3000, count))
    assert ledger.value("SELECT count(*) FROM entities") == 1 + count


def test_a_former_key_that_returns_is_strong_again(ledger: Ledger) -> None:
    mine, yours = ("email", "ann@x.org", 1), ("email", "bea@x.org", 2)
    keys.add(ledger, [mine])
    keys.weaken(ledger, [mine])
    keys.add(ledger, [mine, yours, yours])
    assert keys.of_entity(ledger, 1) == [("email", "ann@x.org", False)]
    assert keys.of_entity(ledger, 2) == [("email", "bea@x.org", False)]
