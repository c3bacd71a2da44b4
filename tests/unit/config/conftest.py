"""A small valid config to bend."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from smarksync.config import Config, load

BASE = """\
version: 1
workspace: quickstart
connections:
  marketing:
    connector: files
    settings: {path: marketing}
  sales:
    connector: files
    settings: {path: sales}
mappings:
  marketing:
    contacts:
      entity: lead
      fields: {email: email, phone: phone, score: score, email_opt_out: unsubscribed}
  sales:
    leads:
      entity: lead
      fields: {email: Email, phone: Phone, score: Score, email_opt_out: OptedOut}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {marketing: always, sales: never}
    fields:
      "*": {direction: both, merge: newest}
      phone: {owner: sales}
      email_opt_out: {direction: both, merge: most_restrictive}
definitions:
  mql: {when: lead.score >= 60, require: [email]}
"""

Load = Callable[..., Config]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Loads a text as ``smarksync.yaml`` in a directory of its own."""

    def run(text: str, environ: Mapping[str, str] | None = None) -> Config:
        file = tmp_path / "smarksync.yaml"
        file.write_text(text, encoding="utf-8")
        return load(file, environ=environ or {})

    return run
