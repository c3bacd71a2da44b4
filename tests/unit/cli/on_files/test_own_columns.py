"""Fields of a config's own in files: `check --fix` adds the column that the mapping names."""

from __future__ import annotations

import pytest

from .conftest import LEADS, Workspace

OWN = "entities: {lead: {fields: {product: {type: text}}}}\n"


def wants_product(workspace: Workspace, **settings: str) -> None:
    text = workspace.config_text.replace("email: Email, ", "email: Email, product: Product, ")
    text = text.replace("email: email, ", "email: email, product: product, ")
    for name, value in settings.items():
        text = text.replace("{path: sales}", f"{{path: sales, {name}: {value}}}")
    workspace.config(text + OWN)


def test_a_column_that_is_missing_is_added_and_used(workspace: Workspace) -> None:
    wants_product(workspace)
    before = workspace.leads.read_text()
    said = workspace.run("check")
    assert said.code == 2 and "`smarksync check sales --fix` would ask for: leads: Product" in said.out
    assert workspace.leads.read_text() == before, "nothing is written without --fix"
    said = workspace.run("check", "--fix")
    assert said.code == 0 and "+ sales:leads: Product was added as a column." in said.out
    lines, old = workspace.leads.read_text().splitlines(), before.splitlines()
    assert lines[0] == LEADS.strip() + ",Product" and lines[1:] == [f"{line}," for line in old[1:]]
    assert workspace.run("check").code == 0
    assert workspace.run("run").code == 0
    workspace.replace(workspace.contacts, "ada@example.com,Ada,", "ada@example.com,Ada,")
    header, ada = workspace.contacts.read_text().splitlines()[:2]
    workspace.replace(workspace.contacts, f"{header}\n{ada}", f"{header}\n{ada}scanner")
    assert workspace.run("run").code == 0
    assert next(line for line in workspace.leads.read_text().splitlines() if line.startswith("a1,")).endswith(
        ",scanner"
    )


def test_a_folder_that_may_not_be_written_keeps_its_columns(workspace: Workspace) -> None:
    wants_product(workspace, read_only="true")
    before = workspace.leads.read_text()
    said = workspace.run("check", "sales", "--fix")
    assert said.code == 2 and "the folder is set to `read_only`. Add the column by hand." in said.out
    assert workspace.leads.read_text() == before


def test_a_slip_of_the_pen_makes_no_column(workspace: Workspace) -> None:
    workspace.config(workspace.config_text.replace("phone: Phone", "phone: Phnoe"))
    before = workspace.leads.read_text()
    said = workspace.run("check", "--fix")
    assert said.code == 2 and "Phnoe" in said.out and workspace.leads.read_text() == before


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_quotes_line_ends_and_blank_lines_stay_as_they_are(workspace: Workspace, ends: str) -> None:
    wants_product(workspace)
    row = 'a1,"ada@example.com",Ada,"King, Ada","Two\nlines",,,no,'
    text = ends.join(
        ['"id","Email","FirstName","LastName","Company","Phone","Score","OptedOut","updated_at"', row, "", ""]
    )
    workspace.leads.write_bytes(text.encode())
    assert workspace.run("check", "sales", "--fix").code == 0
    header, rest = text.split(ends, 1)
    assert (
        workspace.leads.read_bytes().decode() == f'{header},"Product"{ends}{row},{ends}{rest.removeprefix(row + ends)}'
    )
