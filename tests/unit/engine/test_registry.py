"""A plugin that cannot be imported fails the jobs that name it, and no other."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from smarksync.config import load
from smarksync.engine import registry as room
from smarksync.engine.registry import PluginBroken, Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.errors import ConfigError
from smarksync.kit.session import OpenSession
from smarksync.testing import Clock, MemoryPlugin, MemoryStream, MemorySystem, registered, text_fields

CONFIG = """
version: 1
workspace: plugins
ledger: sqlite:///plugins.db
connections:
  a: {connector: memory, settings: {system: a}}
  b: {connector: memory, settings: {system: b}}
  c: {connector: broken}
mappings:
  a: {people: {entity: lead, fields: {email: email}}}
  b: {people: {entity: lead, fields: {email: email}}}
  c: {people: {entity: lead, fields: {email: email}}}
jobs:
  good: {sync: lead, between: [a, b], match: [email], create: {b: always}, fields: {"*": {}}}
  bad: {sync: lead, between: [a, c], match: [email], fields: {job_title: {}}}
"""


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("broken", "a_module_that_does_not_exist", "smarksync")
    monkeypatch.setattr(room, "entry_points", lambda group: [point])


def run(folder: Path, *jobs: str) -> Result:
    clock = Clock()
    a, b = (MemorySystem(n, [MemoryStream("people", entity="lead", fields=text_fields("email"))], clock) for n in "ab")
    a.insert("people", email="ada@example.com")
    (folder / "smarksync.yaml").write_text(CONFIG)
    with registered(a, b):
        result = execute(
            load(folder / "smarksync.yaml"), Options(jobs=jobs, threads=False), registry=Registry([MemoryPlugin()]),
            make_session=lambda name, settings: OpenSession(name, root=str(folder)), now=clock,
        )  # fmt: skip
    result.run.ledger.close()
    return result


@pytest.mark.usefixtures("broken")
def test_the_other_jobs_run_and_the_exit_code_says_that_one_could_not(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 2
    assert result.report["jobs"][0]["sides"]["b"]["people"]["created"] == 1
    assert any("a_module_that_does_not_exist" in said for said in result.sentences)


@pytest.mark.usefixtures("broken")
def test_the_job_alone_is_refused_in_one_sentence_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(PluginBroken, match=r"smarksync\.yaml:8: .*cannot be imported"):
        run(tmp_path, "bad")


def test_an_unknown_connector_names_those_that_are_installed() -> None:
    with pytest.raises(ConfigError, match=r"There is no connector 'nosuch'.*files"):
        Registry().spec("nosuch")
