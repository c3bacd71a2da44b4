"""A plugin that cannot be imported fails the jobs that name it, and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel

from smarksync.config import load
from smarksync.engine import registry as room
from smarksync.engine.registry import PluginBroken, Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.errors import ConfigError
from smarksync.kit.session import OpenSession
from smarksync.plugin import CONTRACT, ConnectorSpec, hookimpl
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


class Plugin:
    """A plugin of a test: the connectors that it brings, and what its last hook does."""

    def __init__(self, *names: str, contract: int = CONTRACT, end: Exception | None = None) -> None:
        self.specs = tuple(ConnectorSpec(n, (), BaseModel, lambda *_: None, contract=contract) for n in names)
        self.end = end

    @hookimpl
    def smarksync_connectors(self) -> Iterable[ConnectorSpec]:
        return self.specs

    @hookimpl
    def smarksync_run_finished(self, report: Mapping[str, Any]) -> None:
        if self.end is not None:
            raise self.end


class Misspelt(Plugin):
    @hookimpl
    def smarksync_conectors(self) -> None:
        """No such hook."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Registry]:
    """A registry that finds these plugins under their entry points."""

    def install(**plugins: Any) -> Registry:
        class Point(NamedTuple):
            name: str
            plugin: Any
            dist: Any = None

            @property
            def value(self) -> str:
                return f"{self.name} 1.0"

            def load(self) -> Any:
                return self.plugin

        points = [Point(name.rstrip("_"), plugin) for name, plugin in plugins.items()]
        monkeypatch.setattr(room, "entry_points", lambda group: points)
        return Registry()

    return install


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        (Plugin("old", contract=99), "contract 99"),
        (Misspelt("old"), "smarksync_conectors"),
        (object(), "brings no connector 'old'"),
    ],
    ids=["contract", "misspelt hook", "nothing"],
)
def test_what_is_wrong_with_one_plugin_is_nothing_to_the_next(
    installed: Callable[..., Registry], bad: Any, word: str
) -> None:
    registry = installed(old=bad, new=Plugin("new"))
    for _ in range(2):
        with pytest.raises(ConfigError, match=word):
            registry.spec("old")
    assert registry.spec("new").name == "new"


def test_one_name_for_two_connectors_is_an_error(installed: Callable[..., Registry]) -> None:
    registry = installed(crm=Plugin("crm"), other=Plugin("other", "crm"))
    with pytest.raises(PluginBroken, match=r"'crm' is brought by crm 1\.0 and by other 1\.0"):
        registry.spec("other")
    assert registry.spec("crm").name == "crm"


def test_a_plugin_that_fails_after_the_run_fails_for_itself(
    installed: Callable[..., Registry], capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[Any] = []

    class Listener(Plugin):
        @hookimpl
        def smarksync_run_finished(self, report: Mapping[str, Any]) -> None:
            told.append(report)

    for order in (("bad", "good"), ("good", "bad")):
        registry = installed(bad=Plugin("bad", end=ValueError("ada@example.com")), good=Listener("good"))
        for name in order:
            registry.spec(name)
        registry.finished({"run_id": "r"})
    assert told == [{"run_id": "r"}] * 2
    said = capsys.readouterr().err
    assert "a plugin failed after the run" in said
    assert "ada@example.com" not in said


def test_an_installed_plugin_that_is_handed_over_besides_is_one_plugin() -> None:
    import smarksync_hubspot

    assert Registry([smarksync_hubspot]).spec("hubspot") is smarksync_hubspot.SPEC
