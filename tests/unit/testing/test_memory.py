"""The simulated system acts as vendors do: what engine tests conclude from it must hold for real ones."""

from __future__ import annotations

from datetime import timedelta

import pytest

from smarksync.kit.session import OpenSession
from smarksync.plugin import (
    OWN_USER,
    Can,
    Choice,
    Connector,
    Explains,
    Fetches,
    FieldInfo,
    Finds,
    Fixes,
    GoneKind,
    Invalid,
    Op,
    Sweeps,
    TellsGone,
    TellsTime,
    Throttled,
    Write,
    WriteResult,
    Writes,
)
from smarksync.testing import (
    MEMORY,
    Clock,
    CountingSink,
    FaultPlan,
    GeneratedRows,
    MemoryStream,
    MemorySystem,
    Refused,
    registered,
    text_fields,
)

FIELDS = (*text_fields("email", "name", "key"), FieldInfo("stage", choices=(Choice("new"), Choice("old"))))


def system(**switches):
    fields = switches.pop("fields", FIELDS)
    return MemorySystem("crm", [MemoryStream("leads", fields=fields, **switches)], Clock())


def read(connector, cursor=None, until=None, stream="leads", fields=("email", "name")):
    pages = list(connector.read(stream, cursor=cursor, until=until, fields=fields))
    return [r for page in pages for r in page.records], pages


def one(connector, write, stream="leads"):
    (receipt,) = connector.write(stream, [write])
    return receipt


def test_implements_every_protocol():
    connector = system().connect()
    for protocol in (Connector, Writes, Finds, Fetches, TellsGone, TellsTime, Sweeps, Explains, Fixes):
        assert isinstance(connector, protocol)
    plain = MemorySystem("crm", [], explains=False).connect()
    assert not isinstance(plain, Explains) and not isinstance(plain, TellsTime)


def test_pages_end_without_an_extra_call_and_resume_without_a_gap():
    crm = system(page_size=10)
    ids = crm.insert_many("leads", ({"email": f"a{n}@x.org"} for n in range(30)))
    records, pages = read(crm.connect())
    assert [r.id for r in records] == ids
    assert [page.more for page in pages] == [True, True, False]
    assert crm.counted["read"] == 3
    rest, _ = read(crm.connect(), cursor=pages[1].cursor)
    assert [r.id for r in rest] == ids[20:]


def test_more_rows_than_a_page_at_one_stamp_are_read_once():
    crm = system(page_size=7, resolution=timedelta(hours=1))
    ids = crm.insert_many("leads", ({"email": f"a{n}@x.org"} for n in range(50)))
    records, _ = read(crm.connect())
    assert sorted(r.id for r in records) == sorted(ids)
    assert len({r.changed_at for r in records}) == 1


def test_two_edits_at_one_stamp_show_one_row():
    crm = system(resolution=timedelta(hours=1))
    id = crm.insert("leads", name="a")
    crm.edit("leads", id, name="b")
    assert [r.fields["name"] for r in read(crm.connect())[0]] == ["b"]


def test_the_overlap_never_moves_a_cursor_back():
    crm = system(page_size=1, overlap=timedelta(hours=1))
    crm.insert_many("leads", ({"name": n} for n in "abc"))
    _, pages = read(crm.connect())
    again, repeated = read(crm.connect(), cursor=pages[-1].cursor)
    assert len(again) == 3 and {page.cursor["id"] for page in repeated} == {pages[-1].cursor["id"]}


def test_only_asked_fields_and_until():
    crm = system()
    crm.insert("leads", email="a@x.org", name="A")
    until = crm.clock()
    crm.insert("leads", email="b@x.org")
    records, pages = read(crm.connect(), until=until, fields=("name", "nonsense"))
    assert [dict(r.fields) for r in records] == [{"name": "A"}]
    later, _ = read(crm.connect(), cursor=pages[-1].cursor)
    assert [r.fields["email"] for r in later] == ["b@x.org"]


def test_empty_pages_with_more_still_true():
    crm = system(page_size=2, empty_every=1)
    crm.insert_many("leads", ({"email": f"a{n}@x.org"} for n in range(5)))
    records, pages = read(crm.connect())
    assert [len(p.records) for p in pages] == [2, 0, 2, 0, 1]
    assert len(records) == 5


def test_full_scan_shows_every_row_whatever_the_cursor_and_until():
    crm = system(full_scan=True)
    crm.insert("leads", email="a@x.org")
    until = crm.clock()
    _, pages = read(crm.connect())
    crm.insert("leads", email="b@x.org")
    records, _ = read(crm.connect(), cursor=pages[-1].cursor, until=until)
    assert len(records) == 2


def test_late_indexing_hides_a_change_and_the_overlap_finds_it():
    crm = system(late=timedelta(seconds=5))
    old = crm.insert("leads", email="a@x.org", name="old")
    crm.clock.advance(10)
    crm.edit("leads", old, name="new")
    new = crm.insert("leads", email="b@x.org")
    crm.clock.advance(1)
    other = crm.connect()
    shown, pages = read(other)
    assert [(r.id, r.fields["name"]) for r in shown] == [(old, "old")]
    assert [r.fields["name"] for r in other.fetch("leads", [old], fields=["name"])] == ["new"]
    assert [r.id for r in other.find("leads", "email", ["b@x.org"], fields=[])] == [new]
    crm.clock.advance(10)
    shown, _ = read(other, cursor=pages[-1].cursor)
    assert [(r.id, r.fields["name"]) for r in shown] == [(old, "new"), (new, None)]


def test_write_answers_by_ref_in_shuffled_order_and_splits_batches():
    crm = system(max_batch=20)
    batch = [Write(f"r{n}", Op.CREATE, {"email": f"a{n}@x.org"}) for n in range(50)]
    receipts = list(crm.connect().write("leads", batch))
    assert sorted(r.ref for r in receipts) == sorted(w.ref for w in batch)
    assert [r.ref for r in receipts] != [w.ref for w in batch]
    assert crm.counted["write"] == 3
    emails = {r.ref: crm.row("leads", r.id)["email"] for r in receipts}
    assert emails == {w.ref: w.fields["email"] for w in batch}


@pytest.mark.parametrize(
    "batch",
    [
        [Write("1", Op.CREATE, {}), Write("2", Op.DELETE, {}, id="x")],
        [Write("1", Op.CREATE, {}), Write("1", Op.CREATE, {})],
        [Write("1", Op.DELETE, {}, id="x"), Write("2", Op.DELETE, {}, id="x")],
        [Write("1", Op.UPDATE, {})],
    ],
)
def test_batches_that_no_vendor_takes_are_refused_whole(batch):
    with pytest.raises(Invalid):
        list(system().connect().write("leads", batch))


def test_null_clears_absent_leaves_and_an_unchanged_row_keeps_its_stamp():
    crm = system()
    id = crm.insert("leads", email="a@x.org", name="A")
    connector = crm.connect()
    assert one(connector, Write("1", Op.UPDATE, {"name": None}, id=id)).result is WriteResult.UPDATED
    assert crm.row("leads", id)["email"] == "a@x.org"
    stamp = read(connector)[0][0].changed_at
    assert one(connector, Write("2", Op.UPDATE, {"name": ""}, id=id)).result is WriteResult.UNCHANGED
    assert read(connector)[0][0].changed_at == stamp


def test_values_are_kept_differently_and_the_echo_tells():
    fields = (FieldInfo("email"), FieldInfo("name", max_length=3), FieldInfo("stage", choices=(Choice("new"),)))
    crm = system(fields=fields, folds={"stage": {"open": "new"}}, lowers=frozenset({"email"}), strips=True)
    receipt = one(crm.connect(), Write("1", Op.CREATE, {"email": " A@X.org", "name": "Abcd", "stage": "open"}))
    assert receipt.stored == {"email": "a@x.org", "name": "Abc", "stage": "new"}


@pytest.mark.parametrize(("echo", "stored"), [("none", None), ("sent", {"email", "name"}), ("some", {"email"})])
def test_echo(echo, stored):
    receipt = one(system(echo=echo).connect(), Write("1", Op.CREATE, {"email": "a@x.org", "name": "A"}))
    assert (receipt.stored and set(receipt.stored)) == stored
    assert (receipt.changed_at is None) == (echo == "none")


@pytest.mark.parametrize(
    ("info", "fields", "code"),
    [
        (FieldInfo("name", writable=False), {"name": "A"}, "SMK-READ-ONLY"),
        (FieldInfo("name", required=True), {}, "SMK-REQUIRED"),
        (FieldInfo("name", max_length=3), {"name": "Abcd"}, "SMK-TOO-LONG"),
        (FieldInfo("name", choices=(Choice("new"),)), {"name": "odd"}, "SMK-PICKLIST"),
        (FieldInfo("other"), {"name": "odd"}, "SMK-INVALID"),
    ],
)
def test_refusals_carry_code_and_field(info, fields, code):
    crm = system(fields=(FieldInfo("email"), info), truncates=False)
    receipt = one(crm.connect(), Write("1", Op.CREATE, {"email": "a@x.org", **fields}))
    assert (receipt.result, receipt.code, receipt.field) == (WriteResult.REJECTED, code, "name")
    assert crm.rows("leads") == {}


def test_unique_values_are_refused_naming_the_existing_row():
    crm = system(fields=(FieldInfo("email", unique=True), FieldInfo("name")))
    first = crm.insert("leads", email="a@x.org")
    receipt = one(crm.connect(), Write("1", Op.CREATE, {"email": "A@x.org "}))
    assert (receipt.code, receipt.duplicate_of) == ("SMK-DUPLICATE", (first,))
    with pytest.raises(Refused):
        crm.insert("leads", email="a@x.org")
    crm.delete("leads", first)
    assert one(crm.connect(), Write("1", Op.CREATE, {"email": "a@x.org"})).result is WriteResult.CREATED


@pytest.mark.parametrize("external_id", [None, "key"])
def test_upsert_by_key_creates_once(external_id):
    crm = system(external_id=external_id)
    write = Write("1", Op.CREATE, {"email": "a@x.org"}, key="e1")
    first, second = (one(crm.connect(), write) for _ in range(2))
    assert (first.result, second.result) == (WriteResult.CREATED, WriteResult.UNCHANGED)
    assert first.id == second.id
    without = system(can=frozenset({Can.CREATE}))
    for _ in range(2):
        one(without.connect(), write)
    assert len(without.rows("leads")) == 2


def test_conditional_writes():
    crm = system()
    id = crm.insert("leads", email="a@x.org")
    connector = crm.connect()
    (before,), _ = read(connector)
    crm.edit("leads", id, name="mine")
    receipt = one(connector, Write("1", Op.UPDATE, {"name": "ours"}, id=id, if_version=before.version))
    assert (receipt.result, crm.row("leads", id)["name"]) == (WriteResult.CONFLICT, "mine")
    (now,), _ = read(connector)
    receipt = one(connector, Write("1", Op.UPDATE, {"name": "ours"}, id=id, if_version=now.version))
    assert receipt.result is WriteResult.UPDATED


def test_who_and_history():
    crm = system(tells_history=True)
    id = crm.insert("leads", email="a@x.org", by="ann")
    one(crm.connect(), Write("1", Op.UPDATE, {"name": "B"}, id=id))
    crm.edit("leads", id, email="b@x.org", by="ada", own_act=True)
    (record,), _ = read(crm.connect())
    assert record.changed_by == "ada"
    assert [(p.value, p.by, p.own_act) for p in record.history["email"]] == [
        ("b@x.org", "ada", True),
        ("a@x.org", "ann", False),
    ]
    assert record.history["name"][0].by == OWN_USER
    crm.streams["leads"].tells_user = False
    assert read(crm.connect())[0][0].changed_by is None


def test_what_left_is_told_and_explained():
    streams = [MemoryStream("leads", fields=FIELDS), MemoryStream("contacts", fields=FIELDS)]
    crm = MemorySystem("crm", streams)
    a, b, c, d = crm.insert_many("leads", ({"name": n} for n in "abcd"))
    crm.delete("leads", a)
    crm.merge("leads", c, b, email="b@x.org")
    into = crm.convert("leads", d, "contacts", also={"leads": {"name": "side"}})
    connector = crm.connect()
    ((gone, cursor),) = connector.gone("leads", cursor=None, until=None)
    assert [(g.id, g.kind, g.into, g.into_stream) for g in gone] == [
        (a, GoneKind.DELETED, None, None),
        (b, GoneKind.MERGED, c, None),
        (d, GoneKind.CONVERTED, into, "contacts"),
    ]
    assert crm.row("contacts", into)["name"] == "d"
    assert list(connector.gone("leads", cursor=cursor, until=None)) == [((), cursor)]
    ((known, _),) = connector.whereabouts("leads", [a, c, "never"])
    assert [g.id for g in known] == [a]
    assert one(connector, Write("1", Op.UPDATE, {"name": "x"}, id=a)).code == "SMK-GONE"


def test_a_deleted_row_comes_back_under_its_id():
    crm = system()
    id = crm.insert("leads", name="a")
    crm.delete("leads", id)
    crm.restore("leads", id, name="a")
    connector = crm.connect()
    assert [r.id for r in read(connector)[0]] == [id]
    assert list(connector.whereabouts("leads", [id])) == [((), {"v": 1})]


def test_links_are_rows_that_exist_once():
    links = MemoryStream("links", entity="link", fields=text_fields("lead", "account"))
    crm = MemorySystem("crm", [links])
    write = Write("1", Op.ASSOCIATE, {"lead": "l1", "account": "a1"})
    first, second = (one(crm.connect(), write, "links") for _ in range(2))
    assert (first.result, second.result) == (WriteResult.UPDATED, WriteResult.UNCHANGED)
    assert list(crm.rows("links").values()) == [{"lead": "l1", "account": "a1"}]


def test_fields_are_created_and_redefined():
    crm = system(fixable=text_fields("score", "grade"))
    id = crm.insert("leads", name="a")
    connector = crm.connect()
    assert connector.create_fields("leads", ["score", "nonsense"]) == ["Created the field score."]
    assert "score" in [f.name for f in connector.describe("leads")]
    assert read(connector, fields=("score",))[0][0].fields == {"score": None}
    crm.redefine("leads", FieldInfo("name", max_length=1))
    assert one(connector, Write("1", Op.UPDATE, {"name": "bc", "score": "1"}, id=id)).stored["name"] == "b"


def test_hard_deletes_are_found_by_a_sweep_only():
    crm = system(hard_deletes=True)
    a, b = crm.insert_many("leads", [{"name": "a"}, {"name": "b"}])
    crm.delete("leads", a)
    connector = crm.connect()
    assert [g for page, _ in connector.gone("leads", cursor=None, until=None) for g in page] == []
    assert connector.count("leads") == 1 and list(connector.ids("leads")) == [b]


def test_skew_shifts_every_stamp():
    crm = MemorySystem("crm", [MemoryStream("leads", fields=FIELDS)], skew=timedelta(minutes=3))
    crm.insert("leads", name="a")
    (record,), _ = read(crm.connect())
    assert record.changed_at == crm.clock() + timedelta(minutes=3) == crm.server_time()


def test_rows_made_on_demand_are_read_like_others():
    rows = GeneratedRows(2500, lambda n: {"email": f"a{n}@x.org"})
    crm = MemorySystem("big", [MemoryStream("leads", fields=FIELDS, generated=rows, page_size=1000)])
    records, pages = read(crm.connect())
    assert len({r.id for r in records}) == 2500 and len(pages) == 3 and pages[-1].more is False
    rest, _ = read(crm.connect(), cursor=pages[1].cursor)
    assert [r.id for r in rest] == [r.id for r in records[2000:]]
    assert [r.id for r in crm.connect().fetch("leads", [rest[0].id, "g9"], fields=[])] == [rest[0].id]


def test_a_sink_counts_and_keeps_nothing():
    sink = CountingSink()
    crm = MemorySystem("sink", [MemoryStream("leads", fields=FIELDS, sink=sink)], record_calls=False)
    assert one(crm.connect(), Write("1", Op.CREATE, {"email": "a@x.org"})).id
    assert (sink.created, crm.rows("leads"), crm.calls) == (1, {}, [])


def test_calls_are_counted_in_the_session():
    session = OpenSession("crm")
    crm = system()
    crm.faults = FaultPlan()
    crm.faults.fail(Throttled("slow"), kind="find")
    connector = crm.connect(session)
    read(connector)
    one(connector, Write("1", Op.CREATE, {}))
    list(connector.fetch("leads", ["l1"], fields=()))
    connector.describe("leads")
    with pytest.raises(Throttled):
        list(connector.find("leads", "email", ["x"], fields=()))
    seen = {kind: session.counts[kind] for kind in ("total", "read", "write", "reread", "schema", "throttled")}
    assert seen == {"total": 5, "read": 2, "write": 1, "reread": 1, "schema": 1, "throttled": 1}


def test_configs_name_registered_systems():
    crm = system()
    with registered(crm):
        chosen = MEMORY.settings(system="crm")
        assert [s.name for s in MEMORY.discover(chosen)] == ["leads"]
        assert MEMORY.open(chosen, None).check().ok
    with pytest.raises(Invalid, match="crm"):
        MEMORY.open(chosen, None)
