"""What many rows share is written into a statement once, whatever it holds, and with every Python that we run on."""

from __future__ import annotations

import warnings
from pathlib import Path

from smarksync.ledger.db import AT_ONCE, Ledger


def test_shared_values_arrive_as_they_are(tmp_path: Path) -> None:
    ledger = Ledger("sqlite:///t.db", root=str(tmp_path), create=True)
    said = "it's (?1) ?2 „so“"
    with warnings.catch_warnings(), ledger.tx():
        warnings.simplefilter("error")
        ledger.run("CREATE TEMP TABLE things (word, number, missing, own)")
        sql = "INSERT INTO things (word, number, missing, own) VALUES (?1, ?2, ?3, ?)"
        ledger.add(sql, [(n,) for n in range(AT_ONCE + 3)], (said, -7, None))
    assert ledger.rows("SELECT DISTINCT word, number, missing FROM things") == [(said, -7, None)]
    assert ledger.value("SELECT count(DISTINCT own) FROM things") == AT_ONCE + 3
    ledger.close()
