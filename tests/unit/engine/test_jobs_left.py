"""A job that leaves the config does not hold the log back, and sees everything when it comes back."""

from __future__ import annotations

from pathlib import Path

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.session import OpenSession
from smarksync.testing import Clock, MemoryPlugin, MemoryStream, MemorySystem, registered, text_fields

CONFIG = """
version: 1
workspace: jobs
ledger: sqlite:///jobs.db
connections:
  a: {connector: memory, settings: {system: a}}
  b: {connector: memory, settings: {system: b}}
  c: {connector: memory, settings: {system: c}}
mappings:
  a: {people: {entity: lead, fields: {email: email, first_name: name}}}
  b: {people: {entity: lead, fields: {email: email, first_name: name}}}
  c: {people: {entity: lead, fields: {email: email, company: company}}}
jobs:
  one: {sync: lead, between: [a, b], match: [email], create: {b: always}, fields: {first_name: {}, email: {direction: from a}}}
"""
TWO = (
    "  two: {sync: lead, between: [a, c], match: [email], create: {c: always}, fields: {email: {direction: from a}}}\n"
)


def test_a_job_that_comes_back_looks_at_everybody(tmp_path: Path) -> None:
    clock = Clock()
    fields = {"a": ("email", "name"), "b": ("email", "name"), "c": ("email", "company")}
    systems = {
        n: MemorySystem(n, [MemoryStream("people", entity="lead", fields=text_fields(*f))], clock)
        for n, f in fields.items()
    }

    def run(text: str) -> None:
        clock.advance(60)
        (tmp_path / "smarksync.yaml").write_text(text)
        result = execute(
            load(tmp_path / "smarksync.yaml"), Options(threads=False), registry=Registry([MemoryPlugin()]),
            make_session=lambda name, settings: OpenSession(name, root=str(tmp_path)), now=clock,
        )  # fmt: skip
        log = result.run.ledger.value("SELECT count(*) FROM changes")
        result.run.ledger.close()
        assert result.exit_code == 0, result.sentences
        assert log < 5, "the log of changes is never pruned"

    with registered(*systems.values()):
        run(CONFIG + TWO)
        for n in range(5):
            systems["a"].insert("people", email=f"p{n}@example.com", name=f"P{n}")
            run(CONFIG)
        assert len(systems["b"].rows("people")) == 5
        run(CONFIG + TWO)
        assert len(systems["c"].rows("people")) == 5
        run(CONFIG + TWO)
