"""Rotating tokens: lost ones cut a connection, readable ones give it away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from smarksync.errors import LedgerError
from smarksync.ledger.db import Ledger
from smarksync.ledger.tokens import TokenStore, key_path


def store(folder: Path, environ: dict[str, str] | None = None, warn: Any = None) -> TokenStore:
    path = folder / "ledger.db"
    return TokenStore(str(path), lambda: Ledger(f"sqlite:///{path}"), environ=environ or {}, warn=warn)


def test_kept_encrypted_and_read_back(tmp_path: Path) -> None:
    first = store(tmp_path)
    assert first.of("crm").get("refresh") is None
    assert not list(tmp_path.iterdir()), "asking makes no ledger"
    first.of("crm").set("refresh", "very-secret-token")
    first.of("other").set("refresh", "another")
    first.close()
    assert b"very-secret" not in b"".join(p.read_bytes() for p in tmp_path.iterdir())
    key = Path(key_path(str(tmp_path / "ledger.db")))
    assert key.stat().st_mode & 0o777 == 0o600
    second = store(tmp_path)
    assert second.of("crm").get("refresh") == "very-secret-token"
    second.of("crm").set("refresh", "rotated")
    assert second.of("crm").get("refresh") == "rotated"
    second.close()


def test_the_key_from_the_environment(tmp_path: Path) -> None:
    environ = {"SMARKSYNC_KEY": Fernet.generate_key().decode()}
    one = store(tmp_path, environ)
    one.of("crm").set("refresh", "token")
    one.close()
    assert not Path(key_path(str(tmp_path / "ledger.db"))).exists()
    said: list[Any] = []
    other = store(tmp_path, {"SMARKSYNC_KEY": Fernet.generate_key().decode()}, warn=lambda *a, **k: said.append((a, k)))
    assert other.of("crm").get("refresh") is None
    assert "another one" in said[0][0][0]
    other.close()
    lost = store(tmp_path, {}, warn=lambda *a, **k: said.append((a, k)))
    assert lost.of("crm").get("refresh") is None
    assert len(said) == 2
    lost.close()


def test_what_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="SMARKSYNC_KEY"):
        store(tmp_path, {"SMARKSYNC_KEY": "short"}).of("crm").set("refresh", "token")
