"""What an operator types at three in the morning."""

from __future__ import annotations

import json
import re

from .conftest import Workspace


def test_the_example_config_runs_both_ways(workspace: Workspace) -> None:
    assert workspace.run("run").code == 0
    leads, contacts = workspace.leads.read_text(), workspace.contacts.read_text()
    assert "bob@example.com" in leads
    assert "carl@example.org" in contacts
    assert "+442079460001" in contacts, "phone is owned by sales"


def test_only_one_person_even_in_the_first_run(workspace: Workspace) -> None:
    said = workspace.run("run", "--only", "bob@example.com", "--json").json
    assert said["jobs"][0]["sides"]["sales"]["leads"]["created"] == 1
    assert "carl" not in workspace.contacts.read_text()
    assert "King" not in workspace.contacts.read_text()
    workspace.run("run", "--only", "sales:leads:a2")
    assert "carl" in workspace.contacts.read_text()
    assert workspace.run("run").code == 0
    assert "King" in workspace.contacts.read_text(), "the rest was not forgotten"


def test_only_nobody_ends_with_2_wherever_the_run_is_told(workspace: Workspace) -> None:
    before = {name: data for name, data in workspace.files().items() if name.endswith(".csv")}
    said = workspace.run("run", "--only", "nobody@example.com")
    assert said.code == 2 and "names nobody that these jobs have read; nothing was written" in said.err
    assert '"exit_code": 0' not in said.err and "exit code 0" not in said.err
    assert {name: data for name, data in workspace.files().items() if name.endswith(".csv")} == before
    (told,) = workspace.run("runs", "--json").json["runs"]
    assert told["exit_code"] == 2
    (ended,) = workspace.run("status", "--json").json["ended"]
    assert ended["exit_code"] == 2 and "names nobody" in str(ended["why"])
    assert "nobody@example.com" not in str(ended), "the history holds no addresses"
    assert workspace.run("plan", "--only", "nobody@example.com").code == 2
    assert workspace.run("run").code == 0
    assert "carl" in workspace.contacts.read_text(), "what was read for nobody was not forgotten"


def test_only_somebody_of_a_system_that_is_down_is_not_called_nobody(workspace: Workspace) -> None:
    workspace.leads.unlink()
    said = workspace.run("run", "--only", "carl@example.com")
    assert said.code == 5
    assert "sales" in said.err and "names nobody" not in said.err


def test_limit_defers_the_rest(workspace: Workspace) -> None:
    workspace.many(10)
    first = workspace.run("run", "--limit", "3", "--json").json["jobs"][0]["sides"]["sales"]["leads"]
    assert (first["created"], first["held"]) == (3, 7)
    second = workspace.run("run", "--json").json["jobs"][0]["sides"]["sales"]["leads"]
    assert second["created"] == 7


def test_rows_held_by_limit_and_then_by_a_guard_are_not_forgotten(workspace: Workspace) -> None:
    workspace.many(120)
    assert workspace.run("run", "--allow", "first_run", "--limit", "5").code == 0
    assert workspace.run("run").code == 4
    assert workspace.run("run", "--allow", "first_run").code == 0
    assert workspace.leads.read_text().count("@example.com") == 120


def test_quiet_is_quiet_unless_something_is_wrong(workspace: Workspace) -> None:
    said = workspace.run("run", "--quiet")
    assert (said.code, said.out, said.err) == (0, "", "")
    workspace.leads.unlink()
    said = workspace.run("run", "--quiet")
    assert (said.code, said.out) == (5, "")
    assert "sales" in said.err


def test_quiet_says_what_waits(workspace: Workspace) -> None:
    """Exit code 3 without a word told whoever reads cron's mail nothing."""
    workspace.replace(workspace.contacts, ",41,", ",many,")
    said = workspace.run("run", "--quiet")
    assert (said.code, said.out) == (3, "")
    assert said.err == "1 in quarantine: `smarksync quarantine list`.\n"


def test_one_log_line_a_stage_and_one_for_the_run(workspace: Workspace) -> None:
    lines = [json.loads(line) for line in workspace.run("run").err.splitlines()]
    stages = [line["stage"] for line in lines if line["event"] == "stage"]
    assert stages[:4] == ["pull", "match", "plan", "push"]
    (run,) = [line for line in lines if line["event"] == "run"]
    assert run["sides"]["sales:leads"]["created"] == 1


def test_every_record_that_was_read_is_in_one_column_of_the_table(workspace: Workspace) -> None:
    workspace.replace(workspace.contacts, ",41,", ",many,")
    said = workspace.run("run").out
    columns, *rows = (line.split() for line in said.splitlines() if re.match(r"  (side|\S+:\S+) +\S", line))
    assert len(rows) == 2
    for row in rows:
        shown = dict(zip(columns[1:], map(int, row[1:]), strict=True))
        fates = (shown.get(name, 0) for name in ("unchanged", "settled", "filtered", "deferred", "quarantined"))
        assert shown["read"] == sum(fates) == 2, said


def test_the_summary_names_both_sides(workspace: Workspace) -> None:
    said = workspace.run("run").out
    assert "marketing:contacts" in said
    assert "sales:leads" in said
    assert "created" in said
    assert "\x1b" not in said, "no colours into a pipe"


def test_a_limit_lets_no_large_first_run_pass_and_goes_with_the_leave_for_it(workspace: Workspace) -> None:
    workspace.many(120)
    assert workspace.run("run", "--limit", "10").code == 4
    assert workspace.run("run", "--allow", "first_run", "--limit", "10").code == 0
    assert len(workspace.leads.read_text().splitlines()) == 11
