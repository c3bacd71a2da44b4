"""Single facts that need no table of their own: one text by name, such as how far something was looked at."""

from __future__ import annotations

from .db import Ledger


def get(ledger: Ledger, key: str) -> str | None:
    """The text, or None where nothing was put."""
    found: str | None = ledger.value("SELECT value FROM meta WHERE key = ?", (key,))
    return found


def put(ledger: Ledger, key: str, value: str) -> None:
    """Stores the text in place of what was there."""
    ledger.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (key, value))


def forget(ledger: Ledger, key: str) -> None:
    """Nothing is known under that name any more."""
    ledger.run("DELETE FROM meta WHERE key = ?", (key,))


def under(ledger: Ledger, prefix: str) -> dict[str, str]:
    """{name without the prefix: text} of all names that begin with it."""
    found = ledger.rows("SELECT key, value FROM meta WHERE substr(key, 1, ?) = ?", (len(prefix), prefix))
    return {key[len(prefix) :]: value for key, value in found}
