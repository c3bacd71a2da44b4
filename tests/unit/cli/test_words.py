"""Messages keep their sense: what redaction, prefixes and working files do to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from smarksync.cli import failures
from smarksync.cli.files import write_whole
from smarksync.cli.globals import Globals
from smarksync.cli.quarantine import _record
from smarksync.config.secrets import Missing, _from_environment
from smarksync.engine.registry import Registry
from smarksync.engine.report import _of
from smarksync.errors import Transient
from smarksync.plugin import hookimpl
from smarksync.redact import redact


@pytest.mark.parametrize("environ", [{}, {"BOTTLECRM_TOKEN": ""}])
def test_the_advice_about_a_missing_token_survives_redaction(environ):
    with pytest.raises(Missing) as caught:
        _from_environment("BOTTLECRM_TOKEN", environ)
    for text in (caught.value.message, caught.value.hint):
        assert text and redact(text) == text


def test_a_connection_is_named_once():
    own = Transient("crm: nobody answers.")
    own.connection = "crm"
    other = Transient("nobody answers.")
    other.connection = "crm"
    for error in (own, other):
        assert _of("crm", error) == failures._sentence(error) == "crm: nobody answers."
    assert _of("crm:leads", other) == "crm:leads: nobody answers."


def test_a_plan_that_cannot_be_written_names_the_file_that_was_asked_for(tmp_path):
    target = tmp_path / "missing" / "plan.json"
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(target, ["{}"])
    code, facts, text = failures._words(caught.value, Globals(), ["plan"])
    assert code == 2 and facts["code"] == "SMK-FILE" and str(target) in text and ".smarksync-" not in text


@pytest.mark.parametrize("name", ["folder", ".", "x" * 300, "loop/plan.json"])
def test_a_name_that_no_file_can_have_is_told_so_and_leaves_nothing_behind(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError) as caught:
        write_whole(Path(name), ["{}"])
    code, facts, text = failures._words(caught.value, Globals(), ["plan"])
    assert (code, facts["code"], text.split(" could not")[0]) == (2, "SMK-FILE", name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "loop"]


def test_a_record_that_could_not_be_created_says_what_it_was_to_be_made_from():
    assert _record({"record": "crm:leads (new)", "new_from": ["mkt:people:m7"]}) == "crm:leads (new) from mkt:people:m7"
    assert _record({"record": "crm:leads:7", "new_from": []}) == "crm:leads:7"


class _Listener:
    @hookimpl
    def smarksync_run_finished(self, report):
        print("told of", report["run_id"])


def test_what_a_listener_prints_stays_out_of_stdout(capsys):
    plugins = Registry()
    plugins.manager.register(_Listener())
    plugins.finished({"run_id": "r1"})
    said = capsys.readouterr()
    assert said.out == "" and "told of r1" in said.err
