"""A plan is read before a first run by people who fear for their data: it must write nothing, and say everything."""

from __future__ import annotations

import csv
import io
import json

from .conftest import ADA, ADA_LEAD, Workspace


def test_a_plan_writes_nothing_anywhere(workspace: Workspace) -> None:
    before = workspace.files()
    assert workspace.run("plan").code == 0
    assert workspace.files() == before, "not even a ledger"
    workspace.run("run")
    workspace.replace(workspace.contacts, "Noyce", "Noyes")
    before = workspace.files()
    assert "Noyes" in workspace.run("plan").out
    after = workspace.files()
    assert {n: b for n, b in after.items() if not n.endswith(("-shm", "-wal"))} == {
        n: b for n, b in before.items() if not n.endswith(("-shm", "-wal"))
    }
    assert not any((workspace.folder.parent / "tmp").iterdir()), "no scratch is left behind"


def test_json_names_every_change(workspace: Workspace) -> None:
    plan = workspace.run("plan", "--format", "json").json
    rows = {(c["op"], c["connection"], c["object"], c["id"]): c for c in plan["changes"]}
    phone = rows["update", "marketing", "contacts", "1"]["fields"]["phone"]
    assert phone == {"before": "+44 20 7946 0000", "after": "+442079460001", "from": "sales", "rule": "people.phone"}
    assert rows["update", "marketing", "contacts", "1"]["fields"]["company"]["rule"] == "people.*"
    create = rows["create", "sales", "leads", None]
    assert create["entity"]
    assert create["fields"]["Email"] == {
        "before": None,
        "after": "bob@example.com",
        "from": "marketing",
        "rule": "people.*",
    }
    assert create["reason"] == "new from marketing"
    link = rows["link", "sales", "leads", "a1"]
    assert (link["fields"], link["reason"]) == ({}, "the same as marketing:contacts:1")
    figures = plan["jobs"][0]["sides"]["sales"]["leads"]
    assert (figures["planned"], figures["held"], figures["written"]) == (2, 2, 0)
    assert plan["forecast"]["calls"]["sales"]["write"] == 2


def test_a_dry_run_is_the_plan(workspace: Workspace) -> None:
    plan, dry = workspace.run("plan", "--json").json, workspace.run("run", "--dry-run", "--json").json
    assert plan["changes"] == dry["changes"]
    assert plan["jobs"] == dry["jobs"]


def test_a_departed_record_is_an_unlink(workspace: Workspace) -> None:
    workspace.run("run")
    lines = workspace.leads.read_text().splitlines(keepends=True)
    workspace.leads.write_text("".join(line for line in lines if not line.startswith("a1,")))
    changes = workspace.run("plan", "--json").json["changes"]
    assert [(c["op"], c["id"]) for c in changes] == [("unlink", "a1")]


def test_csv_and_html_hold_the_same_and_run_no_formula(workspace: Workspace) -> None:
    workspace.fill(ADA, ADA_LEAD.replace("Analytical Engines", "=1+1<b>"))
    rows = list(csv.DictReader(io.StringIO(workspace.run("plan", "--format", "csv").out)))
    company = next(r for r in rows if r["field"] == "company")
    assert company["after"] == "'=1+1<b>"
    assert next(r for r in rows if r["field"] == "phone")["after"] == "+442079460001"
    page = workspace.run("plan", "--format", "html").out
    assert "=1+1&lt;b&gt;" in page
    assert "<b>" not in page.replace("<b>company", "").replace("<b>phone", "").replace("<b>last_name", "").replace(
        "<b>Score", ""
    )
    assert "http" not in page, "nothing is loaded from anywhere"


def test_out_writes_json_for_its_owner_only(workspace: Workspace) -> None:
    file = workspace.folder / "plan.json"
    said = workspace.run("plan", "--out", str(file))
    assert f"smarksync apply {file}" in said.out
    assert file.stat().st_mode & 0o077 == 0
    assert '"changes"' in file.read_text()


def test_apply_is_named_for_what_it_takes_whatever_the_name_of_the_file(workspace: Workspace) -> None:
    page, plan = workspace.folder / "plan.json", workspace.folder / "plan"
    assert "smarksync apply" not in workspace.run("plan", "--format", "html", "--out", str(page)).out
    assert f"smarksync apply {plan}" in workspace.run("plan", "--out", str(plan)).out
    assert workspace.run("apply", str(plan)).code == 0


def test_out_and_json_together(workspace: Workspace) -> None:
    file = workspace.folder / "plan.json"
    said = workspace.run("plan", "--json", "--out", str(file)).json
    assert (said["exit_code"], said["out"], said["count"]) == (0, str(file), 5)


def test_the_duplicate_forecast_sees_two_addresses_of_one_name(workspace: Workspace) -> None:
    workspace.fill(ADA, ADA_LEAD.replace("ADA@example.com", "ada@elsewhere.example").replace("King", "Lovelace"))
    plan = workspace.run("plan", "--json").json
    assert plan["forecast"]["duplicates"]["similar_name"] == 2
    assert "Possible duplicates" in workspace.run("plan").out


def test_logs_hold_no_personal_data(workspace: Workspace) -> None:
    for args in (("plan",), ("run",), ("run", "--log-level", "debug"), ("run", "--only", "ada@example.com")):
        lines = [json.loads(line) for line in workspace.run(*args).err.splitlines()]
        # what is made of the time has digits that may be anybody's
        told = str([{k: v for k, v in line.items() if k not in ("timestamp", "run_id", "seconds")} for line in lines])
        assert "'run'" in told
        for secret in ("ada@example.com", "Lovelace", "7946", "carl"):
            assert secret not in told


def test_stages_are_logged_whatever_the_form(workspace: Workspace) -> None:
    for words in (["--format", "table"], ["--json"], ["--format", "csv"]):
        said = workspace.run("plan", *words).err
        assert [line["stage"] for line in map(json.loads, said.splitlines()) if line["event"] == "stage"] == [
            "pull",
            "match",
            "plan",
        ]


def test_what_it_says_to_type_next_is_about_the_same_jobs_and_records(workspace: Workspace) -> None:
    workspace.run("run", "--only", "ada@example.com")
    told = "Nothing was written. To write it: `smarksync run {}`; to have it reviewed: `smarksync plan {} --out plan.json`."
    assert told.format("people", "people") in workspace.run("plan", "people").out
    workspace.run("run")
    workspace.replace(workspace.contacts, "Analytical", "Engines")
    said = workspace.run("run", "people", "--dry-run", "--limit", "1", "--only", "ada@example.com")
    assert told.format("people --limit 1 --only ada@example.com", "people") in said.out
