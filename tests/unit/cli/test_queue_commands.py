"""The queues as an operator meets them: list, decide, run, and nothing waits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smarksync.errors import AuthFailed, ConfigError
from smarksync.testing import FaultPlan


def test_a_conflict_is_listed_shown_answered_and_gone(shell: Any, conflict: Callable[[], str]) -> None:
    conflict()
    said = shell("conflicts", "list")
    assert said.code == 0 and said.err == ""
    assert "marketing: 'Engines'; sales: 'Looms'" in said.out
    assert "→ smarksync conflicts resolve 1 --take marketing" in said.out
    assert "agreed: 'Old'" in shell("conflicts", "show", "1").out
    assert "run people" in shell("conflicts", "resolve", "1", "--take", "sales").out
    assert "[answered]" in shell("conflicts", "list").out
    assert shell.run().exit_code == 0
    assert shell("conflicts", "list").out == "No conflict waits.\n"


def test_every_wrong_answer_says_what_would_be_right(shell: Any, conflict: Callable[[], str]) -> None:
    conflict()
    for words, text in (
        (("conflicts", "resolve", "7", "--take", "sales"), "The only one is 1"),
        (("conflicts", "resolve", "1"), "exactly one answer"),
        (("conflicts", "resolve", "1", "--take", "sales", "--apart"), "exactly one answer"),
        (("conflicts", "resolve", "1", "--resume"), "--take marketing"),
        (("conflicts", "show", "x"), "valid int"),
        (("quarantine", "release", "3"), "exactly one of"),
        (("quarantine", "retry", "3"), "There are none"),
        (("explain", "nobody@example.com"), "Nobody here"),
        (("explain", "sales:leads:9"), "was ever read"),
        (("explain", "erp:things:9"), "it knows marketing:contacts, sales:leads"),
        (("show", "2031"), "There is no run"),
    ):
        said = shell(*words)
        assert said.code == 2, words
        assert text in said.err, said.err
        assert said.out == ""


def test_json_is_one_object_everywhere(shell: Any, conflict: Callable[[], str]) -> None:
    ada = conflict()
    assert shell("conflicts", "list", "--json").object["total"] == 1
    assert shell("conflicts", "show", "1", "--json").object["values"]["sales"]["value"] == "Looms"
    assert shell("quarantine", "list", "--json").object == {"quarantine": [], "total": 0}
    assert shell("status", "--json").object["conflicts"] == {"field": {"open": 1}}
    runs = shell("runs", "--json").object["runs"]
    assert [r["exit_code"] for r in runs] == [3, 0]
    assert shell("show", runs[1]["run_id"], "--json").object["changes_total"] >= 1
    assert shell("explain", f"marketing:contacts:{ada}", "--json").object["people"][0]["conflicts"]
    assert shell("conflicts", "resolve", "1", "--value", "Both", "--json").object["value"] == "Both"
    assert shell("check", "--json").object["ok"] is True
    error = shell("conflicts", "show", "9", "--json")
    assert error.code == 2 and error.object["error"]["code"] == "SMK-USAGE"


def test_duplicates_are_released_one_by_one(shell: Any) -> None:
    one = shell.a.insert("contacts", email="ada@example.com", company="One")
    two = shell.a.insert("contacts", email="ada@example.com", company="Two")
    lead = shell.b.insert("leads", Email="ada@example.com", Company="One")
    assert shell.run().exit_code == 3
    entries = {e["record"]: e for e in shell("quarantine", "list", "--json").object["quarantine"]}
    number = str(entries[f"marketing:contacts:{one}"]["id"])
    shown = shell("quarantine", "show", number).out
    assert "could be" in shown and "--as-new" in shown
    said = shell("quarantine", "release", number, "--join", f"sales:leads:{lead}")
    assert said.code == 0, said.err
    shell.run()
    (rest,) = shell("quarantine", "list", "--json").object["quarantine"]
    assert rest["record"] == f"marketing:contacts:{two}"
    assert shell("quarantine", "ignore", str(rest["id"])).code == 0
    assert "1 ignored" in shell("quarantine", "list").out
    assert shell.run().exit_code == 0
    assert "provisional" not in shell("explain", "ada@example.com").out


def test_status_and_history_tell_what_waits(shell: Any, conflict: Callable[[], str]) -> None:
    assert shell("status").code == 2  # nothing was ever run: there is no ledger
    conflict()
    said = shell("status").out
    assert "No run is under way." in said
    assert "people" in said and "exit code 3" in said
    assert "Conflicts: 1 (1 field): `smarksync conflicts list`" in said
    assert "marketing:contacts" in said and "Ledger " in said
    assert "20260301" in shell("runs").out
    run = shell("runs", "--limit", "5", "--json").object["runs"][-1]["run_id"]
    assert "created sales:leads:l1 (new from marketing)" in shell("show", run).out
    assert "There is no run" not in shell("show", run[:18]).err


def test_status_says_why_the_last_run_did_not_end_well_and_what_to_do(shell: Any, conflict: Callable[[], str]) -> None:
    def ended() -> dict[str, Any]:
        (one,) = shell("status", "--json").object["ended"]
        return dict(one)

    conflict()
    assert (ended()["exit_code"], ended()["why"], ended()["next"]) == (
        3,
        ["1 conflict to decide"],
        "smarksync conflicts list",
    )
    said = shell("status").out
    assert (
        "ended with exit code 3: something waits for a person\n  1 conflict to decide\n  Next: `smarksync conflicts list`"
        in said
    )
    shell("conflicts", "resolve", "1", "--take", "sales")
    assert ended()["why"] == ["What waited then is settled."] and ended()["next"] == "smarksync run"

    shell.b.faults = FaultPlan()
    shell.b.faults.fail(AuthFailed("The token was refused.", hint="Get a new one."))
    assert shell.run().exit_code == 5
    assert ended()["next"] == "smarksync check sales" and ended()["jobs"] == ["people"]
    (why,) = ended()["why"]
    assert (
        why == "sales: The token was refused. Get a new one."
        and why in shell("status").out
        and "Next: `smarksync check sales`" in shell("status").out
    )
    assert shell.run().exit_code == 0
    assert shell("status", "--json").object["ended"] == [], "all is well: nothing is said"


def test_status_and_show_say_which_error_ended_a_run(shell: Any, conflict: Callable[[], str]) -> None:
    conflict()
    shell.file.write_text(shell.file.read_text().replace("company: Company", "company: Nowhere"))
    with pytest.raises(ConfigError):
        shell.run()
    (one,) = shell("status", "--json").object["ended"]
    assert (one["exit_code"], one["next"]) == (2, "smarksync check") and "Nowhere" in one["why"][0]
    told = shell("show", one["run"]).out
    assert one["why"][0] in told and "nothing written" in told


def test_a_held_job_is_told_by_status(shell: Any) -> None:
    for number in range(120):
        shell.a.insert("contacts", email=f"p{number}@example.com")
    assert shell.run().exit_code == 4
    said = shell("status").out
    assert "stopped by a guard" in said and "120 rows planned" in said
    assert "exit code 4: a guard stopped it before its first write\n  Job people was stopped by a guard" in said
    assert "--allow first_run" in said and "Next: `smarksync plan people`" in said
    assert "a guard stopped the job" in shell("explain", "p7@example.com").out


def test_explain_for_people(shell: Any, conflict: Callable[[], str]) -> None:
    conflict()
    said = shell("explain", "ADA@example.com").out
    assert "≠ company: conflict 1 (field)" in said
    assert "Engines (edited)" in said and "Looms (edited)" in said
    assert "created sales:leads:l1" in said
    assert "marketing: marketing:contacts:c1 takes part" in said


def test_an_answer_that_a_side_cannot_take_says_so(shell: Any, conflict: Callable[[], str]) -> None:
    conflict()
    long = "x" * 41
    said = shell("conflicts", "resolve", "1", "--value", long).out
    assert "But marketing:contacts cannot take it and stays as it is: " in said and long not in said
