"""I10: apply wrote what plan showed. Everything else is refused, with both values, and left for the next run."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from .conftest import ADA, ADA_LEAD, BOB, CARL_LEAD, Workspace


@pytest.fixture
def plan(workspace: Workspace) -> Path:
    file = workspace.folder / "plan.json"
    assert workspace.run("plan", "--out", str(file)).code == 0
    return file


def table(path: Path) -> dict[str, dict[str, str]]:
    """The rows of a file by id, without the stamp that every write renews."""
    with path.open(newline="") as file:
        return {row["id"]: {k: v for k, v in row.items() if k != "updated_at"} for row in csv.DictReader(file)}


def text(value: Any) -> str:
    """How a file shows a vendor value."""
    return (
        {None: "", True: "true", False: "false"}.get(value, str(value))
        if not isinstance(value, int) or isinstance(value, bool)
        else str(value)
    )


def shown(changes: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The writes that a plan announces, field by field."""
    found = []
    for change in changes:
        for field, values in change["fields"].items():
            found.append((change["connection"], change["id"], field, text(values["after"]).replace("yes", "true")))
    return sorted(found, key=str)


def written(workspace: Workspace, before: dict[str, dict[str, dict[str, str]]]) -> list[tuple[Any, ...]]:
    """What differs between the files then and now, field by field; a new record has no id that a plan could know."""
    found: list[tuple[Any, ...]] = []
    for name, path in (("marketing", workspace.contacts), ("sales", workspace.leads)):
        now = table(path)
        for rid, row in now.items():
            was = before[name].get(rid)
            for field, value in row.items():
                if field != "id" and value != (was or {}).get(field, ""):
                    plain = {"yes": "true", "no": "false"}.get(value, value)
                    found.append((name, rid if was else None, field, plain))
        assert set(before[name]) <= set(now), "nothing was deleted"
    return sorted(found, key=str)


def state(workspace: Workspace) -> dict[str, dict[str, dict[str, str]]]:
    return {"marketing": table(workspace.contacts), "sales": table(workspace.leads)}


def test_apply_writes_what_the_plan_showed(workspace: Workspace, plan: Path) -> None:
    before = state(workspace)
    said = workspace.run("apply", str(plan))
    assert said.code == 0
    assert written(workspace, before) == shown(json.loads(plan.read_text())["changes"])
    assert "nothing to write" in workspace.run("run").out


@pytest.mark.parametrize("seed", range(8))
def test_apply_writes_nothing_but_what_the_plan_showed(workspace: Workspace, seed: int) -> None:
    """Random edits before and after planning: what is written is a part of what was shown, and the rest comes later."""
    dice = Random(seed)
    people = [f"{n},p{n}@example.com,F{n},L{n},C{n},,{n},false,2026-11-01T10:00:00Z\n" for n in range(8)]
    leads = [f"a{n},p{n}@example.com,F{n},L{n},C{n},,{n},no,2026-11-01T10:00:00Z\n" for n in range(4, 12)]
    workspace.fill("".join(people), "".join(leads))
    if dice.random() < 0.7:
        workspace.run("run")

    def edit(times: int) -> None:
        for _ in range(times):
            path, fields = dice.choice(((workspace.contacts, ("company", "last_name", "phone")),
                                        (workspace.leads, ("Company", "LastName", "Phone"))))  # fmt: skip
            with path.open(newline="") as file:
                reader = csv.DictReader(file)
                rows, head = list(reader), reader.fieldnames or []
            row = dice.choice(rows)
            row[dice.choice(fields)] = f"X{dice.randrange(1000)}"
            row["updated_at"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, head, lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)

    edit(dice.randrange(5))
    file = workspace.folder / "plan.json"
    workspace.run("plan", "--out", str(file))
    announced = shown(json.loads(file.read_text())["changes"])
    edit(dice.randrange(4))
    before = state(workspace)
    said = workspace.run("apply", str(file), "--json")
    assert said.code in (0, 3, 6)
    remaining = list(announced)
    for write in written(workspace, before):
        assert write in remaining, "written, and never shown"
        remaining.remove(write)
    stale = {(row["connection"], row["id"]) for row in said.json["stale"]}
    assert {(connection, rid) for connection, rid, _, _ in remaining} <= stale, "shown, not written, and not told"
    assert (said.code == 6) == bool(said.json["stale"])
    figures = [counts for side in said.json["jobs"][0]["sides"].values() for counts in side.values()]
    for counts in figures:
        assert counts["planned"] == sum(counts[f] for f in ("written", "rejected", "stale", "unknown", "held"))
    workspace.run("run")
    again = workspace.run("run", "--json").json
    assert sum(c["written"] for side in again["jobs"][0]["sides"].values() for c in side.values()) == 0


def test_a_changed_source_makes_its_row_stale_and_the_others_are_written(workspace: Workspace, plan: Path) -> None:
    workspace.replace(workspace.leads, "Sagan", "Saganus")
    said = workspace.run("apply", str(plan))
    assert said.code == 6
    assert "last_name: reviewed" in said.out
    assert "Saganus" in said.out
    assert "carl" not in workspace.contacts.read_text()
    assert "bob@example.com" in workspace.leads.read_text()
    assert workspace.run("run").code == 0
    assert "Saganus" in workspace.contacts.read_text()


def test_a_changed_target_makes_its_row_stale(workspace: Workspace, plan: Path) -> None:
    workspace.replace(workspace.contacts, "Ada,Lovelace,Analytical,", "Ada,Lovelace,Elsewhere,")
    said = workspace.run("apply", str(plan), "--json")
    assert said.code == 6
    row = next(r for r in said.json["stale"] if r["connection"] == "marketing")
    assert row["differs"]["company"]["reviewed"]["before"] == "Analytical"
    assert row["differs"]["company"]["now"]["before"] == "Elsewhere"
    assert "Elsewhere" in workspace.contacts.read_text()


def test_a_record_that_appeared_stops_its_create(workspace: Workspace, plan: Path) -> None:
    workspace.fill(ADA + BOB, ADA_LEAD + CARL_LEAD + "a3,bob@example.com,Bob,Noyce,,,10,yes,2026-11-02T10:00:00Z\n")
    assert workspace.run("apply", str(plan)).code == 6
    assert workspace.leads.read_text().count("bob@example.com") == 1


def test_what_nobody_reviewed_waits_for_the_next_run(workspace: Workspace, plan: Path) -> None:
    workspace.fill(ADA + BOB + "3,dora@example.com,Dora,New,,,1,false,2026-11-02T10:00:00Z\n", ADA_LEAD + CARL_LEAD)
    said = workspace.run("apply", str(plan))
    assert said.code == 0
    assert "1 row that nobody reviewed" in said.out
    assert "dora" not in workspace.leads.read_text()
    workspace.run("run")
    assert "dora" in workspace.leads.read_text()


def test_an_unreviewed_opt_out_waits_and_is_not_lost(workspace: Workspace) -> None:
    workspace.run("run")
    workspace.replace(workspace.contacts, "Noyce", "Noyes")
    file = workspace.folder / "plan.json"
    workspace.run("plan", "--out", str(file))
    workspace.replace(workspace.leads, "Sagan,Cosmos,,,no", "Sagan,Cosmos,,,yes")
    assert workspace.run("apply", str(file)).code == 0
    assert "Noyes" in workspace.leads.read_text()
    assert "carl@example.org,Carl,Sagan,Cosmos,,,true" not in workspace.contacts.read_text()
    workspace.run("run")
    assert "carl@example.org,Carl,Sagan,Cosmos,,,true" in workspace.contacts.read_text()


def test_guards_run_again_and_name_the_command(workspace: Workspace) -> None:
    workspace.many(101)
    file = workspace.folder / "plan.json"
    assert workspace.run("plan", "--out", str(file)).code == 4
    said = workspace.run("apply", str(file))
    assert said.code == 4
    assert f"smarksync apply {file} --allow first_run" in said.out
    assert workspace.run("apply", str(file), "--allow", "first_run").code == 0


def changed(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda plan: plan["plan"].update({key: value})


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (changed("expires_at", (datetime.now(UTC) - timedelta(seconds=1)).isoformat()), "expired"),
        (changed("workspace", "another"), "workspace"),
        (changed("config", "0" * 32), "config was changed"),
        (changed("rules", {"people": "0" * 24}), "mapping of job people"),
        (changed("format", 99), "another version"),
    ],
)
def test_the_whole_plan_is_stale(workspace: Workspace, plan: Path, change: Callable[[Any], None], word: str) -> None:
    found = json.loads(plan.read_text())
    change(found)
    plan.write_text(json.dumps(found))
    before = workspace.files()["sales/leads.csv"]
    said = workspace.run("apply", str(plan), "--json")
    assert said.code == said.json["exit_code"] == 6
    assert word in said.err
    assert workspace.files()["sales/leads.csv"] == before


def test_an_edited_config_makes_it_stale(workspace: Workspace, plan: Path) -> None:
    workspace.config(workspace.config_text.replace("owner: sales", "owner: marketing"))
    assert workspace.run("apply", str(plan)).code == 6


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"plan": {}, "changes": []}', "id,email\n", '{"plan": 1, "changes": [1]}']
)
def test_what_is_no_plan(workspace: Workspace, content: str) -> None:
    file = workspace.folder / "plan.json"
    file.write_text(content)
    said = workspace.run("apply", str(file))
    assert said.code == 2
    assert "is no plan" in said.err


def test_a_plan_is_applied_once(workspace: Workspace, plan: Path) -> None:
    first = workspace.run("apply", str(plan), "--json")
    assert first.code in (0, 3)
    again = workspace.run("apply", str(plan))
    assert again.code != 0
    assert f"applied already, by run {json.loads(first.out)['run_id']}" in again.err
