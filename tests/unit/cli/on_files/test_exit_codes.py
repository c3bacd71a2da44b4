"""Cron lines and outside checks read exit codes: each documented one, and what is said with it."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smarksync.ledger import lease
from smarksync.ledger.db import Ledger

from .conftest import ADA, ADA_LEAD, BOB, CARL_LEAD, Workspace

HTTP = """
version: 1
workspace: there
connections:
  a: {{connector: ghost, settings: {{base_url: "http://127.0.0.1:{port}", admin_key: "{key}"}}}}
  b: {{connector: bottlecrm, settings: {{base_url: "http://127.0.0.1:{port}", token: abcdefgh12345678}}}}
jobs:
  people: {{sync: lead, between: [a, b], match: [email], create: {{b: always}}}}
"""


def test_0_done_and_then_nothing_to_do(workspace: Workspace) -> None:
    assert workspace.run("run").code == 0
    again = workspace.run("run")
    assert again.code == 0
    assert "nothing to write, the systems agree" in again.out


def test_2_no_config(workspace: Workspace) -> None:
    said = workspace.run("run", "--config", "elsewhere.yaml")
    assert said.code == 2
    assert "no config file elsewhere.yaml" in said.err


def test_2_broken_yaml_names_the_line(workspace: Workspace) -> None:
    workspace.config(workspace.config_text.replace("workspace: quickstart", "workspace: [quickstart"))
    said = workspace.run("run")
    assert said.code == 2
    assert "smarksync.yaml:" in said.err
    assert "Traceback" not in said.err


def test_2_every_problem_of_a_config_is_told(workspace: Workspace) -> None:
    text = workspace.config_text.replace("between:", "betwen:").replace("workspace: quickstart", "wrkspace: quickstart")
    workspace.config(text)
    said = workspace.run("run", "--json")
    assert said.code == said.json["exit_code"] == 2
    assert len(said.json["error"]["problems"]) >= 2


def test_2_a_missing_environment_variable(workspace: Workspace) -> None:
    workspace.config(workspace.config_text.replace("{path: marketing}", "{path: '${SMARK_NOT_SET}'}"))
    said = workspace.run("run")
    assert said.code == 2
    assert "SMARK_NOT_SET" in said.err


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (("run", "peple"), "no job 'peple'"),
        (("run", "--alow", "creates"), "--alow"),
        (("run", "--allow", "creats"), "`creates`"),
        (("run", "--limit", "many"), "--limit"),
        (("run", "--limit", "-1"), "--limit"),
        (("run", "--only-handoffs"), "--only-handoffs"),
        (("rum",), "'run'"),
        (("run", "--log-level", "loud"), "loud"),
        (("plan", "--format", "pdf"), "pdf"),
        (("apply",), "FILE"),
        (("apply", "nothing.json"), "no file"),
        (("connectors", "show", "hubsopt"), "hubsopt"),
        (("connectors", "show", "../x"), "no connector '../x'"),
    ],
)
def test_2_usage(workspace: Workspace, args: tuple[str, ...], word: str) -> None:
    said = workspace.run(*args)
    assert said.code == 2
    assert word in said.err
    assert "Traceback" not in said.err
    assert "smarksync-../" not in said.err, "no package has such a name"


def test_2_no_job_at_all(workspace: Workspace) -> None:
    workspace.config(workspace.config_text.split("jobs:")[0])
    assert workspace.run("run").code == 2


def test_3_something_waits_and_the_next_command_is_told(workspace: Workspace) -> None:
    workspace.fill(ADA, ADA_LEAD + ADA_LEAD.replace("a1", "a9"))
    said = workspace.run("run")
    assert said.code == 3
    assert "smarksync quarantine list" in said.out
    assert workspace.run("run").code == 3, "a state, not news"


def test_4_a_guard_and_the_exact_command(workspace: Workspace) -> None:
    workspace.many(101)
    said = workspace.run("run")
    assert said.code == 4
    assert "smarksync run people --allow first_run" in said.out
    assert workspace.leads.read_text().count("\n") == 1, "nothing was written"
    plan = workspace.run("plan", "people")
    assert plan.code == 4, "a plan exits as the run would"
    assert (
        "Nothing was written. A run would be stopped as well" in plan.out
        and "write it: `smarksync run`" not in plan.out
    )
    assert workspace.run("run", "people", "--allow", "first_run").code == 0
    assert workspace.leads.read_text().count("\n") == 102


def test_5_a_folder_that_is_not_there(workspace: Workspace) -> None:
    workspace.leads.unlink()
    workspace.leads.parent.rmdir()
    said = workspace.run("run")
    assert said.code == 5
    assert "sales" in said.out
    assert "could not be reached" in said.out


def test_5_a_side_that_is_away_is_no_side_without_news(workspace: Workspace) -> None:
    assert workspace.run("run").code == 0
    workspace.leads.unlink()
    said = workspace.run("run")
    assert said.code == 5
    rows = {line.split()[0]: line.split()[1:] for line in said.out.splitlines() if line.startswith("  ")}
    assert rows["sales:leads"] == ["not", "read", "–"] and rows["marketing:contacts"] == ["3", "3"]
    (job,) = workspace.run("run", "--json").json["jobs"]
    assert job["not_read"] == ["sales:leads"]


def test_5_a_server_that_does_not_answer(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smarksync.kit.clock.SystemClock.sleep", lambda _self, _seconds: None)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        workspace.config(HTTP.format(port=port, key="a" * 24 + ":" + "b" * 64))
        said = workspace.run("run", "--json")
    assert said.code == said.json["exit_code"] == 5
    assert any("127.0.0.1" in text for text in said.json["messages"])
    assert "b" * 64 not in said.out + said.err


def test_75_names_the_holder(workspace: Workspace) -> None:
    workspace.run("run")
    ledger = Ledger("sqlite:///quickstart.db", root=str(workspace.folder))
    names = [name for (name,) in ledger.rows("SELECT name FROM leases")]
    lease.take(ledger, names[-1:], "another-run", datetime.now(UTC))
    said = workspace.run("run", "--json")
    assert said.code == said.json["exit_code"] == 75
    assert "another-run" in said.err
    assert str(os.getpid()) in said.err
    assert workspace.run("plan").code == 0, "a plan needs no lease"
    lease.give_back(ledger)
    ledger.close()
    assert workspace.run("run").code == 0


def test_a_failed_run_frees_its_leases(workspace: Workspace) -> None:
    good = workspace.config_text
    workspace.config(good.replace("phone: Phone, ", "phone: Nowhere, "))
    assert workspace.run("run").code == 2
    workspace.config(good)
    assert workspace.run("run").code == 0


def test_1_a_bug_is_a_sentence_and_a_report_without_personal_data(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("ada@example.com has no such thing")

    monkeypatch.setattr("smarksync.engine.run.intake.pull", broken)
    said = workspace.run("run", "--json")
    assert said.code == said.json["exit_code"] == 1
    assert "Traceback" not in said.err
    report = Path(said.json["error"]["report"])
    text = report.read_text()
    assert "RuntimeError" in text
    assert "ada@example.com" not in text + said.out + said.err
    assert report.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("args", [("run",), ("run", "--dry-run"), ("plan", "--format", "json"), ("run", "--quiet")])
def test_json_is_one_object_and_nothing_else(workspace: Workspace, args: tuple[str, ...]) -> None:
    workspace.fill(ADA + BOB, ADA_LEAD)
    said = workspace.run(*args, *(() if "json" in args else ("--json",)))
    assert said.json["exit_code"] == said.code == 0
    assert said.json["dry_run"] is ("run" not in args[:1] or "--dry-run" in args)


def test_a_limit_beyond_all_numbers_is_none(workspace: Workspace) -> None:
    workspace.fill(ADA + BOB, ADA_LEAD)
    assert workspace.run("run", "--limit", str(10**20)).code == 0
    assert workspace.run("plan", "--format", "json").json["changes"] == []
    for args in (("conflicts", "show"), ("quarantine", "retry"), ("runs", "--limit")):
        said = workspace.run(*args, str(10**20))
        assert (said.code, "No number here is larger" in said.err) == (2, True)


def test_global_options_before_and_after_the_command(workspace: Workspace) -> None:
    assert workspace.run("run", "--no-color", "--log-format=json", "--log-level", "error").err == ""
    assert workspace.run("--version").out.startswith("smarksync ")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("path: marketing}", "path: ${NOWHERE}}", '9: a `${…}` stands inside brackets without quotes. There it needs them: `{path: "${NAME}"}`'),
        ("version: 1\n", "", "there is no `version`. Add `version: 1`."),
        ("version: 1\n", 'version: "1"\n', "the version is a number, and this is text. Write it without quotes"),
    ],
)  # fmt: skip
def test_2_what_a_beginner_writes_is_answered_with_what_is_right(
    workspace: Workspace, old: str, new: str, said: str
) -> None:
    workspace.config(workspace.config_text.replace(old, new, 1))
    found = workspace.run("check")
    assert found.code == 2 and said in found.err


def test_2_a_setting_that_its_plugin_refuses_is_told_with_its_own_line(workspace: Workspace) -> None:
    text = workspace.config_text.replace(
        "connector: files\n    settings: {path: marketing} ",
        "connector: hubspot\n    settings:\n      access_token: x\n      base_url: nowhere\n   ",
    )
    workspace.config(text)
    line = text.splitlines().index("      base_url: nowhere") + 1
    said = workspace.run("run")
    assert said.code == 2 and f"smarksync.yaml:{line}: " in said.err and "is not a web address" in said.err


def test_5_a_file_that_cannot_be_read_is_not_judged_by_what_it_was(workspace: Workspace) -> None:
    """Its columns of the last run would blame the config for what nobody can know while the file is broken."""
    workspace.run("run")
    good = workspace.leads.read_text()
    workspace.leads.write_text(good.replace("Email,", "Mail,", 1))
    assert workspace.run("run").code == 2
    workspace.leads.write_text(good.replace("id,", "nr,", 1))
    said = workspace.run("run")
    assert said.code == 5 and "there is no column `id`" in said.out and "Mail" not in said.out
    workspace.leads.write_text(good)
    assert workspace.run("run").code == 0


def test_5_check_tells_a_broken_file_once_and_says_whose_it_is(workspace: Workspace) -> None:
    workspace.leads.write_bytes(workspace.leads.read_text().encode("utf-16"))
    found = workspace.run("check", "--json").json
    (told,) = [f for one in found["connections"] for f in one["findings"]]
    assert found["exit_code"] == 5 and "`encoding` to what it is (utf-16?)" in told["say"] + told["do"]
    assert "the files that they name" in told["whose"]


def test_0_a_broken_file_that_nothing_maps_is_a_warning_because_runs_do_without_it(workspace: Workspace) -> None:
    (workspace.folder / "sales" / "export of May.csv").write_text("id,name\n1\n")
    found = workspace.run("check", "--json").json
    (one,) = [f for side in found["connections"] for f in side["findings"] if "export of May.csv" in f["say"]]
    assert (found["ok"], found["exit_code"], one["level"]) == (True, 0, "warning")
    assert "line 2: 1 cells, but the header names 2 columns" in one["say"] and "Nothing maps it" in one["do"]
    said = workspace.run("check")
    assert "sales: ready" in said.out and "It can run, with 1 warning above." in said.out
    assert workspace.run("run").code == 0


def test_5_a_broken_file_that_is_mapped_is_a_failure_for_check_as_for_run(workspace: Workspace) -> None:
    """An id that stands there twice: its columns can be told, its rows cannot be read."""
    workspace.leads.write_text(workspace.leads.read_text() + CARL_LEAD)
    found = workspace.run("check", "--json").json
    (one,) = [f for side in found["connections"] for f in side["findings"] if f["level"] == "failure"]
    assert found["exit_code"] == 5 and "the id already stands in line" in one["say"]
    assert "the files that they name" in one["whose"]
    assert workspace.run("run").code == 5
