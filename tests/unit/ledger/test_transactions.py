"""What a failed statement leaves behind: nothing of its transaction, and a ledger that goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from smarksync.errors import LedgerError
from smarksync.ledger import entities, keys, states
from smarksync.ledger.db import AT_ONCE, SETTINGS, Ledger


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


@pytest.mark.parametrize("count", [1, AT_ONCE, 2 * AT_ONCE + 3])
def test_what_all_rows_share_is_bound_once_a_statement(ledger: Ledger, count: int) -> None:
    ledger.add(
        "INSERT INTO changes (run, sid, eid, rid) VALUES (?1, ?2, ?, ?)", [(n, str(n)) for n in range(count)], ("r", 7)
    )
    found = ledger.rows("SELECT eid, sid, rid, run FROM changes ORDER BY seq")
    assert found == [(n, 7, str(n), "r") for n in range(count)]


def test_changes_that_every_job_has_seen_are_forgotten_and_their_numbers_never_return(ledger: Ledger) -> None:
    states.changed(ledger, [(n, None, None, "r") for n in range(5)])
    states.prune(ledger, 3)
    assert ledger.rows("SELECT seq FROM changes") == [(4,), (5,)]
    states.prune(ledger, 5)
    assert ledger.rows("SELECT seq FROM changes") == []
    states.changed(ledger, [(9, None, None, "r")])
    assert states.top(ledger) == 6


def test_a_ledger_with_the_pages_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    with closing(Ledger(f"sqlite:///{tmp_path / 'new.db'}")) as fresh:
        assert fresh.value("PRAGMA page_size") == int(SETTINGS["page_size"])
    with closing(sqlite3.connect(tmp_path / "old.db")) as older:
        older.execute("PRAGMA page_size = 4096")
        older.execute("PRAGMA journal_mode = WAL")
        older.execute("CREATE TABLE something (x)")
    with closing(Ledger(f"sqlite:///{tmp_path / 'old.db'}")) as found:
        assert found.value("PRAGMA page_size") == 4096
        entities.add(found, _people(1, 3 * AT_ONCE))
    with closing(Ledger(f"sqlite:///{tmp_path / 'old.db'}")) as again:
        assert again.value("SELECT count(*) FROM entities") == 3 * AT_ONCE
        assert again.value("PRAGMA integrity_check") == "ok"
