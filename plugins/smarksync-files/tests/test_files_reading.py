"""What a file says is what is read; what it cannot say is one clear error."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import smarksync_files
from pydantic import ValidationError
from smarksync_files.connector import FilesConnector, discover
from smarksync_files.settings import FilesSettings

from smarksync.plugin import Connector, Fetches, FieldType, Finds, Invalid, Malformed, PermissionDenied, Writes

HEAD = "id,email,updated_at\n"


def test_reads_rows_cells_and_times(folder):
    folder.file(HEAD + "1,ada@x.org,2026-01-02T03:04:05+01:00\n2,,soon\n3, b ,2026-01-02 03:04\n")
    one, two, three = folder.read("email", "nonsense")
    assert (one.id, dict(one.fields)) == ("1", {"email": "ada@x.org"})
    assert one.changed_at == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert (two.fields["email"], two.changed_at) == (None, None)
    assert (three.fields["email"], three.changed_at) == (" b ", datetime(2026, 1, 2, 3, 4, tzinfo=UTC))


def test_every_row_is_read_whatever_cursor_and_until_say(folder):
    folder.file(HEAD + "".join(f"{n},a{n}@x.org,\n" for n in range(2500)))
    connector = folder.open()
    pages = list(connector.read("leads", cursor={"v": 1}, until=datetime(2000, 1, 1, tzinfo=UTC), fields=["email"]))
    assert [len(page.records) for page in pages] == [1000, 1000, 500]
    assert [page.more for page in pages] == [True, True, False]
    assert {page.total for page in pages} == {2500}


@pytest.mark.parametrize("data", ["", "\n\n", "\ufeff"])
def test_a_csv_file_without_its_first_line_is_broken_and_not_a_system_without_people(folder, data):
    folder.file(data)
    with pytest.raises(Malformed, match="names of the columns is missing"):
        folder.read("email")


@pytest.mark.parametrize("data", [HEAD, HEAD.strip()])
def test_a_file_of_its_first_line_has_no_rows(folder, data):
    folder.file(data)
    assert folder.read("email") == []
    (page,) = folder.open().read("leads", cursor=None, until=None, fields=[])
    assert page.more is False


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("name,email\n1,2\n", "line 1: there is no column `id`"),
        ("\n1,2\n", "line 2: there is no column `id`"),
        ("id,email,email\n", "line 1: column 3 has the name of column 2"),
        (HEAD + "1,a,\n2,b\n", "line 3: 2 cells, but the header names 3 columns"),
        (HEAD + '1,"a\nb",\n2,b,,\n', "line 4: 4 cells"),
        (HEAD + "1,a,\n,b,\n", "line 3, column id: the id is empty"),
        (HEAD + "1,a,\n2,b,\n 1,c,\n", "line 4, column id: the id already stands in line 2"),
        (HEAD + "1,a\0b,\n", "line 2: a NUL character"),
        ((HEAD + "1,a,\n").encode() + b"2,\xe9,\n", "line 3: byte 0xE9 is not utf-8"),
        (HEAD + '1,"a,\n2,b,\n', "line 2: a double quote is opened and never closed"),
        (HEAD + '1,"a"b,\n', "line 2: a double quote stands in the wrong place"),
        (HEAD + "1," + "x" * 200_000 + ",\n", "line 2: a cell is longer than 131072 characters"),
    ],
)
def test_broken_files_name_line_and_cure_and_give_no_row(folder, data, said):
    folder.file(data)
    connector = folder.open()
    with pytest.raises(Malformed) as raised:
        next(connector.read("leads", cursor=None, until=None, fields=["email"]))
    assert f"crm/leads.csv, {said}" in str(raised.value)
    assert raised.value.hint
    report = connector.check()
    assert report.unreadable.keys() == {"leads"} and said in report.unreadable["leads"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": 1', "no JSON"),
        ("[1]", "a JSON object is expected"),
        ('{"a": 1}', "there is no key `id`"),
        ('{"id": null}', "neither text nor a whole number"),
        ('{"id": true}', "neither text nor a whole number"),
        ('{"id": ""}', "the id is empty"),
        ('{"id": "0"}', "the id already stands in line 1"),
        ('{"id": 1, "a": 1, "a": 2}', "a key stands there twice"),
        ('{"id": 1, "a": NaN}', "a value that JSON does not have"),
        ('{"id": 1, "a": 1e999}', "a value that JSON does not have"),
        ('{"id": 1, "a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deep"),
    ],
)
def test_broken_json_lines(folder, line, said):
    folder.file('{"id": "0"}\n' + line + "\n", "leads.jsonl")
    with pytest.raises(Malformed, match=r"crm/leads\.jsonl, line 2") as raised:
        folder.read("a", format="jsonl")
    assert said in str(raised.value)


def test_errors_repeat_nothing_that_stands_in_the_file(folder):
    folder.file(HEAD + "ada@x.org,secret,\nada@x.org,secret\n")
    with pytest.raises(Malformed) as raised:
        folder.read("email")
    assert "ada" not in str(raised.value) and "secret" not in str(raised.value)


def test_missing_things_are_errors_that_name_them(folder):
    folder.file(HEAD, "contacts.csv")
    with pytest.raises(Invalid, match=r"no file .*leads\.csv.*objects there: contacts"):
        folder.read("email")
    folder.file(HEAD, "contacts.csv").unlink()
    assert "no .csv files" in folder.open().check().problems[0]
    folder.path.rmdir()
    with pytest.raises(Invalid, match="No such file"):
        folder.read("email")
    assert not folder.open().check().ok
    with pytest.raises(Invalid):
        discover(FilesSettings(path="crm"), str(folder.root))


def test_a_stream_cannot_climb_out_of_its_folder(folder):
    (folder.root / "other.csv").write_text(HEAD)
    with pytest.raises(Invalid, match="cannot be the name"):
        folder.read("email", stream="../other")


def test_a_refused_file_is_a_matter_of_rights(folder, monkeypatch):
    folder.file(HEAD)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PermissionDenied, match="Permission denied"):
        folder.read("email")


def test_streams_are_the_files_of_the_format(folder):
    folder.file(HEAD, "leads.csv")
    folder.file("", "people.jsonl")
    folder.file("", ".hidden.csv")
    (leads,) = discover(FilesSettings(path="crm"), str(folder.root))
    assert (leads.name, leads.full_scan, leads.writes_serially) == ("leads", True, True)
    (people,) = discover(FilesSettings(path="crm", format="jsonl", read_only=True), str(folder.root))
    assert people.name == "people" and "create" not in people.can


def test_columns(folder):
    head = "id,email,score,active,country,out,empty,mixed,updated_at"
    folder.file(f"{head}\n1,a,1,Yes,NO,TRUE,,yes,\n2,b,0,no,NO,,,maybe,2026-01-01\n")
    fields = {f.name: f for f in folder.open().describe("leads")}
    assert list(fields) == head.split(",")
    assert {n for n, f in fields.items() if f.type is FieldType.BOOL} == {"active", "out"}
    assert {n for n, f in fields.items() if not f.writable} == {"id", "updated_at"}


def test_keys_keep_their_json_types(folder):
    folder.file(
        '{"id": 7, "n": 1, "d": 1, "b": true, "t": ["x"], "o": {"a": 1}, "s": "x"}\n{"id": "8", "n": null, "d": 1.5}\n',
        "leads.jsonl",
    )
    names = ("n", "d", "b", "t", "o", "s")
    one, two = folder.read(*names, format="jsonl")
    assert (one.id, two.id) == ("7", "8")
    assert list(one.fields.values()) == [1, 1, True, ["x"], {"a": 1}, "x"]
    assert list(two.fields.values()) == [None, 1.5, None, None, None, None]
    kinds = {f.name: f.type for f in folder.open(format="jsonl").describe("leads")}
    assert [str(kinds[n]) for n in names] == ["int", "decimal", "bool", "choices", "json", "text"]


def test_find_gives_all_matches_without_regard_to_case_and_space(folder):
    folder.file(HEAD + "1,Ada@x.org,\n2, ada@X.org ,\n3,b@x.org,\n4,,\n")
    connector = folder.open()
    found = connector.find("leads", "email", ["ADA@x.org", "", "zz"], fields=["email"])
    assert [record.id for record in found] == ["1", "2"]
    assert [record.id for record in connector.fetch("leads", ["3", "9"], fields=[])] == ["3"]
    with pytest.raises(Invalid, match="no column mail"):
        list(connector.find("leads", "mail", ["x"], fields=[]))


@pytest.mark.parametrize(
    ("settings", "data"),
    [
        ({"delimiter": ";"}, b"id;email\n1;a,b\n"),
        ({"delimiter": "\t"}, b"id\temail\n1\ta,b\n"),
        ({"encoding": "cp1252"}, 'id,email\n1,"a,b"\n'.encode("cp1252")),
        ({"encoding": "utf-16"}, 'id,email\n1,"a,b"\n'.encode("utf-16")),
        ({}, '\ufeffid,email\r\n1,"a,b"\r\n'.encode()),
        ({}, b'id,email\r1,"a,b"\r'),
        ({"id": "nr"}, b'email, nr \n"a,b",1\n'),
    ],
)
def test_ways_to_write_a_csv(folder, settings, data):
    folder.file(data)
    (record,) = folder.read("email", **settings)
    assert (record.id, record.fields["email"]) == ("1", "a,b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"delimiter": ";;"},
        {"delimiter": '"'},
        {"encoding": "klingon"},
        {"encoding": "base64"},
        {"format": "xml"},
        {"colour": 1},
        {"path": ""},
    ],
)
def test_settings_that_are_refused(wrong):
    with pytest.raises(ValidationError):
        FilesSettings(**{"path": "crm", **wrong})


def test_a_relative_path_counts_from_the_config(tmp_path):
    settings = FilesSettings.model_validate({"path": "crm"}, context={"root": str(tmp_path)})
    (tmp_path / "crm").mkdir()
    (tmp_path / "crm" / "leads.csv").write_text(HEAD)
    assert [stream.name for stream in discover(settings)] == ["leads"]


def test_check_warns_of_times_that_nobody_can_read(folder):
    folder.file(HEAD + "1,a,3/4/26\n2,b,\n")
    report = folder.open().check()
    assert report.ok and "1 time in column" in report.warnings[0]


def test_the_plugin_brings_one_connector(folder):
    (spec,) = smarksync_files.smarksync_connectors()
    assert spec.name == "files" and spec.open is FilesConnector
    connector = folder.open()
    for protocol in (Connector, Writes, Finds, Fetches):
        assert isinstance(connector, protocol)
    connector.close()
    connector.close()


def test_an_empty_file_is_an_error_at_first_sight_and_empty_once_it_had_rows(folder):
    folder.file("")
    with pytest.raises(Malformed, match="even the line with the names of the columns is missing"):
        folder.read("email")
    pages = folder.open().read("leads", cursor={"v": 1}, until=None, fields=("email",))
    assert [(list(page.records), page.more) for page in pages] == [([], False)]  # the guard `emptied_side` judges
