"""What `explain` shows of an owner and an amount, as people read it."""

from __future__ import annotations

from .conftest import Workspace


def test_an_owner_is_somebody_and_only_rules_of_owners(workspace: Workspace) -> None:
    """A lead's owner is named, not numbered; fields of an owner that are called as a lead's follow no rule of leads."""
    text = workspace.config_text.replace("score: score,", "score: score, owner: owner,").replace(
        "score: Score,", "score: Score, owner: Owner,"
    )
    users = "    users: {entity: owner, fields: {email: email, name: name, active: active}}\n"
    text = text.replace("  marketing:\n    contacts:", f"  marketing:\n{users}    contacts:")
    workspace.config(text.replace("  sales:\n    leads:", f"  sales:\n{users}    leads:"))
    for folder, number in (("marketing", "u1"), ("sales", "u9")):
        (workspace.folder / folder / "users.csv").write_text(
            f"id,email,name,active\n{number},anna@ourselves.example,Anna Lang,true\n"
        )
    workspace.contacts.write_text(
        "id,email,first_name,last_name,company,phone,score,unsubscribed,owner\n1,ada@example.com,Ada,King,,,,no,\n"
    )
    workspace.leads.write_text(
        "id,Email,FirstName,LastName,Company,Phone,Score,OptedOut,Owner\na1,ada@example.com,Ada,King,,,,no,u9\n"
    )
    assert workspace.run("run").code == 0 and "u1" in workspace.contacts.read_text()

    (line,) = [
        row for row in workspace.run("explain", "ada@example.com").out.splitlines() if row.split()[0:1] == ["owner"]
    ]
    assert line.count("anna@ourselves.example") == 3
    (owner,) = workspace.run("explain", "sales:users:u9", "--json").json["people"]
    assert owner["kind"] == "owner" and {field["rule"] for field in owner["fields"]} == {None}


def test_an_amount_without_a_currency_is_a_number(workspace: Workspace) -> None:
    text = workspace.config_text.replace("score: score,", "score: score, worth: worth,").replace(
        "score: Score,", "score: Score, worth: Worth,"
    )
    workspace.config(text + "entities:\n  lead:\n    fields:\n      worth: {type: money}\n")
    workspace.contacts.write_text(
        "id,email,first_name,last_name,company,phone,score,unsubscribed,worth\n1,ada@example.com,Ada,King,,,,no,8600\n"
    )
    workspace.leads.write_text(
        "id,Email,FirstName,LastName,Company,Phone,Score,OptedOut,Worth\na1,ada@example.com,Ada,King,,,,no,\n"
    )
    workspace.run("run")
    (line,) = [
        row for row in workspace.run("explain", "ada@example.com").out.splitlines() if row.split()[:1] == ["worth"]
    ]
    assert "8600" in line and "None" not in line
