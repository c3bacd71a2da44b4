"""A write changes what it says and nothing else."""

from __future__ import annotations

import csv
import io
import json
import os
import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smarksync_files.booleans import Spelling, is_boolean
from smarksync_files.csv_table import CsvTable
from smarksync_files.edit import new_id
from smarksync_files.jsonl_table import JsonlTable

from smarksync.plugin import Invalid, Malformed, Op, PermissionDenied, Write, WriteResult

HEAD = "id,email,name,updated_at\n"
STAMP = "2026-11-22T09:30:15Z"


def test_update_touches_its_cells_only(folder):
    path = folder.file('\ufeffid,email,"name",notes,updated_at\r\n1, a ,"A","x, y",old\r\n\r\n2,b,B,"q""q",\r\n')
    receipt = folder.update("1", name="Ada, Lady", email=None)
    expected = f'\ufeffid,email,"name",notes,updated_at\r\n1,,"Ada, Lady","x, y",{STAMP}\r\n\r\n2,b,B,"q""q",\r\n'
    assert path.read_bytes() == expected.encode()
    assert (receipt.result, receipt.stored) == (WriteResult.UPDATED, {"name": "Ada, Lady", "email": None})
    (record, _) = folder.read("name")
    assert (receipt.version, receipt.changed_at) == (record.version, record.changed_at)


def test_a_cell_in_quotes_stays_in_quotes(folder):
    path = folder.file('id,name,email\n1,"A",a\n')
    folder.update("1", name="B", email="b")
    assert path.read_text() == 'id,name,email\n1,"B",b\n'


def test_an_update_that_changes_nothing_leaves_the_file_alone(folder):
    path = folder.file(HEAD + "1,a,A,old\n")
    before = os.stat(path)
    assert folder.update("1", name="A", email="a").result is WriteResult.UNCHANGED
    assert (os.stat(path).st_ino, os.stat(path).st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEAD, HEAD + f"ID,a@x.org,,{STAMP}\n"),
        (HEAD.strip(), HEAD + f"ID,a@x.org,,{STAMP}"),
        (HEAD + "1,a,A,", HEAD + f"1,a,A,\nID,a@x.org,,{STAMP}"),
        ("email,id\r\n", "email,id\r\na@x.org,ID\r\n"),
        ('"id","email"\n', '"id","email"\n"ID","a@x.org"\n'),
        ('id,email,note\n1,"a","x, y"\n', 'id,email,note\n1,"a","x, y"\nID,"a@x.org",\n'),
    ],
)
def test_create_writes_in_the_style_of_the_file(folder, before, after):
    path = folder.file(before)
    receipt = folder.create("e1", email="a@x.org")
    assert receipt.result is WriteResult.CREATED and receipt.id == new_id("e1")
    assert path.read_bytes().decode() == after.replace("ID", new_id("e1"))


def test_a_create_by_the_same_key_makes_one_row(folder):
    folder.file(HEAD)
    first, again, other = (folder.create("e1", name=name) for name in ("A", "A", "B"))
    assert [r.result for r in (first, again, other)] == ["created", "unchanged", "updated"]
    assert [r.fields["name"] for r in folder.read("name")] == ["B"]


def test_delete_takes_the_row_out_and_archives_there_are_none(folder):
    path = folder.file(HEAD + "1,a,A,\n2,b,B,\n")
    receipt = folder.write(Write("d", Op.DELETE, {}, id="1"))["d"]
    assert receipt.result is WriteResult.UPDATED
    assert path.read_text() == HEAD + "2,b,B,\n"
    with pytest.raises(Invalid):
        folder.write(Write("a", Op.ARCHIVE, {}, id="2"))


def test_results_are_mixed_row_by_row(folder):
    path = folder.file(b"id,email,name\n1,a,A\n2,b,B\n")
    answers = folder.write(
        Write("good", Op.UPDATE, {"name": "X"}, id="1"),
        Write("gone", Op.UPDATE, {"name": "X"}, id="9"),
        Write("column", Op.UPDATE, {"phone": "1"}, id="2"),
        Write("id", Op.UPDATE, {"id": "5"}, id="2"),
        Write("long", Op.UPDATE, {"name": "x" * 200_000}, id="2"),
        Write("nul", Op.UPDATE, {"name": "a\0b"}, id="2"),
        Write("letter", Op.UPDATE, {"name": "Ł"}, id="2"),
        encoding="cp1252",
    )
    assert {ref: (str(r.result), r.code, r.field) for ref, r in answers.items()} == {
        "good": ("updated", None, None),
        "gone": ("conflict", "SMK-GONE", None),
        "column": ("rejected", "SMK-INVALID", "phone"),
        "id": ("rejected", "SMK-READ-ONLY", "id"),
        "long": ("rejected", "SMK-TOO-LONG", "name"),
        "nul": ("rejected", "SMK-INVALID", "name"),
        "letter": ("rejected", "SMK-INVALID", "name"),
    }
    assert path.read_bytes() == b"id,email,name\n1,a,X\n2,b,B\n"


def test_a_conditional_write_yields_to_an_edit_in_between(folder):
    path = folder.file(HEAD + "1,a,A,\n2,b,B,\n")
    one, two = folder.read("name")
    path.write_text(path.read_text().replace("1,a,A,", "1,a,edited,"))
    assert folder.update("1", one.version, email="x").code == "SMK-CONFLICT"
    assert folder.update("2", two.version, email="x").result is WriteResult.UPDATED
    assert [r.fields["name"] for r in folder.read("name")] == ["edited", "B"]


def test_an_edit_of_another_row_since_our_read_is_kept(folder):
    path = folder.file(HEAD + "1,a,A,\n")
    folder.read("name")
    path.write_text(HEAD + "0,new,N,\n1,a,A,\n")
    folder.update("1", name="X")
    assert path.read_text() == HEAD + f"0,new,N,\n1,a,X,{STAMP}\n"


@pytest.mark.parametrize(
    ("column", "written"),
    [
        (["yes", "no"], ("yes", "no")),
        (["TRUE", ""], ("TRUE", "FALSE")),
        (["False", "true", "False"], ("true", "False")),
        (["0", "0", "1"], ("1", "0")),
        (["NO"], ("YES", "NO")),
        ([""], ("true", "false")),
        (["maybe"], ("true", "false")),
    ],
)
def test_booleans_are_written_as_the_column_spells_them(folder, column, written):
    rows = "".join(f"{n},{word}\n" for n, word in enumerate(column, 1))
    for value, text in zip((True, False), written, strict=True):
        for sent in (value, "true" if value else "false"):
            folder.file("id,out\n" + rows)
            if sent is value or column != ["maybe"]:
                folder.create("e", out=sent)
                assert folder.read("out")[-1].fields["out"] == text


def test_what_is_a_boolean_column():
    assert is_boolean(["Yes", "no", ""]) and is_boolean(["true", "1"])
    assert not is_boolean(["1", "0"]) and not is_boolean(["NO", "NO"]) and not is_boolean(["true", "x"])
    assert not Spelling([]).boolean


def test_json_lines_keep_their_own_text(folder):
    path = folder.file('{"id":1, "n" : 1.0,"x":{"a":[1e5]},"s":"\\u00e9"}\n\n{"id":2}\n', "leads.jsonl")
    kept = {"format": "jsonl"}
    assert folder.update("1", settings=kept, n=1).result is WriteResult.UPDATED
    assert folder.update("2", settings=kept, s=None).result is WriteResult.UNCHANGED
    folder.update("2", settings=kept, s="é", b=True)
    folder.create("e", settings=kept, s="ü")
    lines = path.read_text().split("\n")
    assert lines[0] == '{"id":1, "n" : 1,"x":{"a":[1e5]},"s":"\\u00e9"}'
    assert lines[1] == "" and lines[2] == '{"id":2,"s":"é","b":true}'
    assert lines[3] == f'{{"id":"{new_id("e")}","s":"ü"}}' and lines[4:] == [""]


def test_json_lines_are_stamped_where_they_have_a_time(folder):
    path = folder.file('{"id": 1, "updated_at": null}\n{"id": 2}\n', "leads.jsonl")
    receipt = folder.update("2", settings={"format": "jsonl"}, s="x")
    assert json.loads(path.read_text().splitlines()[1]) == {"id": 2, "s": "x", "updated_at": STAMP}
    assert receipt.changed_at is not None


def test_an_empty_json_lines_file_takes_rows_but_an_empty_csv_has_no_columns(folder):
    path = folder.file("", "leads.jsonl")
    folder.create("e", settings={"format": "jsonl"}, s="x")
    assert json.loads(path.read_text()) == {"id": new_id("e"), "s": "x"}
    folder.file("")
    with pytest.raises(Malformed, match="first line"):
        folder.create("e", s="x")


def test_mode_link_and_encoding_survive(folder):
    path = folder.file("id,name\n1,é\n".encode("utf-16"))
    os.chmod(path, 0o640)
    real = folder.root / "real.csv"
    path.rename(real)
    path.symlink_to(real)
    folder.update("1", settings={"encoding": "utf-16"}, name="ü")
    assert path.is_symlink() and stat.S_IMODE(os.stat(real).st_mode) == 0o640
    assert real.read_bytes() == "id,name\n1,ü\n".encode("utf-16")


def test_read_only_by_setting_and_by_mode(folder):
    path = folder.file(HEAD + "1,a,A,\n")
    with pytest.raises(PermissionDenied, match="read_only"):
        folder.update("1", settings={"read_only": True}, name="X")
    path.chmod(0o444)
    with pytest.raises(PermissionDenied, match="marked read-only"):
        folder.update("1", name="X")
    assert path.read_text() == HEAD + "1,a,A,\n"


def test_a_hundred_thousand_rows(folder):
    path = folder.file("id,email,name\n" + "".join(f"{n},a{n}@x.org,N{n}\n" for n in range(100_000)))
    assert len(folder.read("email", "name")) == 100_000
    batch = [Write(str(n), Op.UPDATE, {"name": "X"}, id=str(n * 20)) for n in range(5000)]
    assert {r.result for r in folder.write(*batch).values()} == {WriteResult.UPDATED}
    lines = path.read_text().splitlines()
    assert len(lines) == 100_001 and sum(line.endswith(",X") for line in lines) == 5000


# Whatever a file holds: the row that we write holds what we wrote, and every other byte is as it was.

CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
PLAIN = st.text("ab, ;\"'\né", max_size=6)


@st.composite
def csv_files(draw):
    """Data that spreadsheets and programs may have written, in several styles, and its rows."""
    names = ["id", *draw(st.lists(st.sampled_from(["name", "note", "x y", "é"]), unique=True, max_size=3))]
    count = draw(st.integers(1, 5))
    rows = [[str(n), *(draw(CELL | PLAIN) for _ in names[1:])] for n in range(count)]
    out = io.StringIO(newline="")
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    style = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    if any("\r" in cell or "\n" in cell for row in rows for cell in row):
        style = csv.QUOTE_ALL  # csv.writer leaves those bare that are not its own line end
    delimiter = draw(st.sampled_from([",", ";", "\t"]))
    writer = csv.writer(out, lineterminator=end, quoting=style, delimiter=delimiter)
    writer.writerow(names)
    for row in rows:
        writer.writerow(row)
        out.write(draw(st.sampled_from(["", end])))
    text = out.getvalue()
    if draw(st.booleans()):
        text = text.removesuffix(end)
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return (mark + text).encode(), names, rows, delimiter


def table_of(data, delimiter):
    return CsvTable(data, name="f", id="id", updated_at="updated_at", encoding="utf-8", delimiter=delimiter)


@settings(max_examples=150)
@given(file=csv_files(), which=st.integers(0, 4), value=CELL | PLAIN)
def test_csv_round_trip(file, which, value):
    data, names, rows, delimiter = file
    table = table_of(data, delimiter)
    before = {row.id: row for row in table.unique_rows()}
    assert [row.values for row in before.values()] == rows
    assert table.render(before.values()) == data
    id = rows[which % len(rows)][0]
    column = names[-1] if len(names) > 1 else None
    new = table.change(before[id], {column: value} if column else {})
    made = table.new("made", {column: value} if column else {}, before[id])
    again = table_of(table.render([*({**before, id: new}.values()), made]), delimiter)
    after = {row.id: row for row in again.unique_rows()}
    assert after.pop("made").values[-1] == (value if column else "made")
    for other, row in after.items():
        if other == id:
            assert row.values == ([*rows[int(id)][:-1], value] if column else rows[int(id)])
        else:
            assert (row.raw, row.values) == (before[other].raw, before[other].values)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | CELL,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(CELL, inner, max_size=3),
    max_leaves=4,
)


@settings(max_examples=100)
@given(
    rows=st.lists(st.dictionaries(CELL.filter(lambda key: key != "id"), JSON, max_size=3), min_size=1, max_size=4),
    ascii_only=st.booleans(),
    separators=st.sampled_from([(",", ":"), (", ", ": "), (" ,", " : ")]),
    end=st.sampled_from(["\n", "\r\n"]),
    value=JSON.filter(lambda value: value not in ("true", "false")),
    key=CELL.filter(lambda key: key not in ("id", "updated_at")),
)
def test_jsonl_round_trip(rows, ascii_only, separators, end, value, key):
    objects = [{"id": str(n), **row} for n, row in enumerate(rows)]
    text = "".join(json.dumps(o, ensure_ascii=ascii_only, separators=separators) + end for o in objects)
    table = JsonlTable(text.encode(), name="f", id="id", updated_at="updated_at", encoding="utf-8")
    before = {row.id: row for row in table.unique_rows()}
    assert table.render(before.values()) == text.encode()
    new = table.change(before["0"], {key: value})
    assert json.dumps(json.loads(new.raw)) == json.dumps({**objects[0], key: value})
    assert table.render([new, *list(before.values())[1:]]).decode().removeprefix(new.raw + end) == "".join(
        row.raw + end for row in list(before.values())[1:]
    )


def test_columns_are_added_at_the_end_of_every_line(folder):
    path = folder.file('\ufeffid;email;"name"\r\n1;a;"x;y"\r\n\r\n2;b;B')
    said = folder.open(delimiter=";").create_fields("leads", ["product", "email"])
    assert said == ["product was added as a column.", "email is there already."]
    assert path.read_bytes().decode() == '\ufeffid;email;"name";product\r\n1;a;"x;y";\r\n\r\n2;b;B;'
    assert folder.open(delimiter=";").create_fields("leads", ["product"]) == ["product is there already."]


def test_the_first_line_of_json_shows_a_new_key(folder):
    path = folder.file('{"id": "1", "email": "a"}\n{"id": "2"}\n', name="leads.jsonl")
    files = folder.open(format="jsonl")
    assert files.create_fields("leads", ["product"]) == ["product was added as a column."]
    assert path.read_text() == '{"id": "1", "email": "a", "product": null}\n{"id": "2"}\n'
    assert "product" in {info.name for info in files.describe("leads")}


@pytest.mark.parametrize(("name", "data"), [("leads.csv", ""), ("leads.jsonl", "")])
def test_an_empty_file_has_no_place_for_a_column(folder, name, data):
    path = folder.file(data, name=name)
    with pytest.raises(Malformed):
        folder.open(format=name.split(".")[1]).create_fields("leads", ["product"])
    assert path.read_text() == data
