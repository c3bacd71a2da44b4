"""The short ways decide what the long one decides: else a plain record and its neighbour would be treated apart."""

from __future__ import annotations

from copy import copy, deepcopy
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from smarksync.mapping import CompiledMapping, FieldMapping, ObjectMapping, Place, compile_mapping
from smarksync.model import ENTITIES
from smarksync.plan.build import build
from smarksync.plan.edited import edited
from smarksync.plan.first import first
from smarksync.plan.job import JobRules, Person, Target
from smarksync.plan.reconcile import Rule, blank
from smarksync.plan.side import Side
from smarksync.plugin import Can, FieldInfo, FieldType, StreamSpec

NAMES = ("email", "last_name", "job_title", "phone", "score", "country", "description", "owner")
SYSTEMS = ("shop", "crm", "desk")


def mapping(
    connection: str, names: tuple[str, ...], read_only: tuple[str, ...] = (), once: tuple[str, ...] = ()
) -> CompiledMapping:
    """Vendor fields are named as the canonical ones, in capitals; descriptions are short there."""
    live = [
        FieldInfo(
            name.upper(),
            FieldType.TEXT,
            writable=name not in read_only,
            create_only=name in once,
            max_length=12 if name == "description" else 200,
        )
        for name in names
    ]
    spec = StreamSpec("People", "lead", frozenset({Can.CREATE, Can.UPDATE}))
    fields = {name: FieldMapping(name, name.upper(), place=Place("smarksync.yaml", 1)) for name in names}
    return compile_mapping(connection, spec, ObjectMapping("lead", fields), live, ENTITIES["lead"], country="DE")


MAPPINGS = (
    mapping("shop", (*NAMES, "external_id")),
    mapping(
        "crm",
        (*NAMES[:-2], "external_id", "email_opt_out", "phone_opt_out", "consent_source"),
        read_only=("score",),
        once=("last_name",),
    ),
    mapping("desk", ("email", "phone", "description", "owner"), once=("email", "phone")),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "email": st.sampled_from([None, "ada@example.com", "ADA@example.com", "bob@example.com", "nobody"]),
    "phone": st.sampled_from([None, "", "+442079460000", "+44 20 7946 0000", "020 7946 0000", "+442079460001"]),
    "score": st.sampled_from([None, "", "10", "10.0", "11", "many"]),
    "country": st.sampled_from([None, "DE", "Germany", "GB", "Atlantis"]),
    "description": st.sampled_from([None, "", "short", "short ", "much too long for some"]),
}
TEXTS = st.sampled_from([None, "", "one", "One", "two"])


def raws(one: CompiledMapping) -> st.SearchStrategy[dict[str, Any]]:
    """A record of one system, as it may be read."""
    return st.fixed_dictionaries({name.upper(): VALUES.get(name, TEXTS) for name in one.fields})


@st.composite
def rules(draw: st.DrawFn) -> JobRules:
    """A job over the three systems."""
    connections = st.sampled_from([None, None, None, *SYSTEMS])
    found = {}
    for name in draw(st.sets(st.sampled_from(NAMES), min_size=4)):
        source, owner = draw(connections), draw(connections)
        found[name] = Rule(
            f"people.{name}", source, None if source else owner, draw(st.booleans()), clear=draw(st.booleans())
        )
    targets = {}
    for sid, one in enumerate(MAPPINGS, 1):
        if draw(st.booleans()):
            targets[one.connection] = Target(sid, one.connection, one, lambda _values, _person: True)
    elsewhere = frozenset(NAMES).difference(found) if draw(st.booleans()) else frozenset()
    return JobRules("people", "lead", SYSTEMS, found, targets, equal=lambda _n, a, b: bool(a == b), skew=lambda _c: 2.0,
                    elsewhere=elsewhere)  # fmt: skip


def agreed_of(one: CompiledMapping, raw: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.inward_row(raw)[0].items() if not blank(value)}


@st.composite
def an_edit(draw: st.DrawFn) -> Person:
    """A settled entity on two or three systems, one of which (or two, or none) was edited since."""
    agreed = agreed_of(MAPPINGS[0], draw(raws(MAPPINGS[0])))
    sides = []
    for sid, one in enumerate(MAPPINGS[: draw(st.integers(2, 3))], 1):
        shown = {c.vendor: v for n, c in one.fields.items() if (v := agreed.get(n)) is not None}
        if agreed.get("phone") == "+442079460000" and draw(st.booleans()):
            shown["PHONE"] = draw(
                st.sampled_from(["+44 20 7946 0000", "020 7946 0000"])
            )  # settled, and written otherwise
        now = {**shown, **draw(raws(one))} if draw(st.integers(0, 2)) == 0 else shown
        memo: dict[str, Any] = {}
        if differs := one.differences(now, agreed):
            told = {v: [None, "2026-01-01T00:00:00.000000Z", "eve"] for v in differs if now[v] != shown.get(v)}
            memo = {"s": differs, **({"e": told} if told else {})}
        if draw(st.integers(0, 3)) == 0:  # adopted, with fields that no job has settled yet
            memo["a"] = sorted(draw(st.sets(st.sampled_from(sorted(one.fields)), min_size=1, max_size=2)))
        sides.append(Side(sid, f"r{sid}", 7, one, memo, lid=sid))
    places = frozenset(side.connection for side in sides)
    return Person(7, "ref7", agreed, sides, places)


@given(an_edit(), rules())
@settings(max_examples=400)
def test_an_edit(person: Person, job: JobRules) -> None:
    short = edited(person, job)
    if short is None:
        return
    alone = [row.alone for row in short.rows]
    bare = copy(short)
    bare.rows = [replace(row, alone=None) for row in short.rows]
    assert bare == build(person, job)
    for left, row in zip(alone, short.rows, strict=True):
        if left is not None:  # told at planning, so that settling need not find it out
            mover = next(side for side in person.sides if side.key in row.won)
            target = next(side for side in person.sides if (side.sid, side.rid) == (row.sid, row.rid))
            before = {**person.agreed, **short.local_values}
            for side in person.sides:  # what needs no write is settled first
                taken = short.local_taken.get(side.key, {})
                side.rebase(person.agreed, before, {*short.local_values, *taken}, taken)
            was = deepcopy(target.memo)
            after = {**before, **row.values}
            for side in (mover, target):
                side.rebase(before, after, row.fields, {name: after[name] for name in row.fields})
            for codec in map(target.codec, row.fields):  # it took what it was sent
                assert codec is not None
                target.show(codec, row.after[codec.vendor], after)
            assert (left.memo, was) == (mover.memo, target.memo)


def test_an_edit_is_plain() -> None:
    """The control: the common case takes the short way."""
    agreed = {"email": "ada@example.com", "job_title": "one"}
    sides = [Side(1, "a", 7, MAPPINGS[0], {"s": {"JOB_TITLE": "two"}, "e": {}}), Side(2, "b", 7, MAPPINGS[1], {})]
    job = JobRules(
        "people", "lead", SYSTEMS, {n: Rule(n) for n in NAMES}, {}, lambda _n, a, b: bool(a == b), lambda _c: 2.0
    )
    outcome = edited(Person(7, "ref7", agreed, sides, frozenset(SYSTEMS[:2])), job)
    assert outcome is not None
    assert [(row.rid, row.after, row.before) for row in outcome.rows] == [
        ("b", {"JOB_TITLE": "two"}, {"JOB_TITLE": "one"})
    ]


OPT_OUT = FieldInfo("NO_MAIL", FieldType.BOOL)
OURS = FieldInfo("OURS", FieldType.TEXT, max_length=40)


def whole(connection: str, *, with_consent: bool = True) -> CompiledMapping:
    """With a place for our id, and one for opt-outs."""
    live = [FieldInfo(name.upper(), FieldType.TEXT, max_length=200) for name in NAMES] + [OPT_OUT, OURS]
    spec = StreamSpec("People", "lead", frozenset({Can.CREATE, Can.UPDATE}), external_id="OURS")
    fields = {name: FieldMapping(name, name.upper(), place=Place("smarksync.yaml", 1)) for name in NAMES}
    if with_consent:
        fields["email_opt_out"] = FieldMapping("email_opt_out", "NO_MAIL", place=Place("smarksync.yaml", 2))
    return compile_mapping(connection, spec, ObjectMapping("lead", fields), live, ENTITIES["lead"], country="DE")


WHOLE = (whole("shop"), whole("crm"), whole("desk", with_consent=False))


CONSENT = st.sampled_from([{}, {}, {"email_opt_out": True}, {"email_opt_out": False, "consent_source": "shop"}])


@st.composite
def a_newcomer(draw: st.DrawFn) -> tuple[CompiledMapping, Person]:
    """Somebody known on one side, with or without our id on the record."""
    one = draw(st.sampled_from((MAPPINGS[0], WHOLE[0])))
    raw = draw(raws(one))
    raw |= {"NO_MAIL": draw(st.sampled_from([None, False]))} if "email_opt_out" in one.fields else {}
    memo: dict[str, Any] = {"n": 1, "s": one.differences(raw, {})}
    if one.external_id is not None:
        memo |= draw(st.sampled_from([{}, {"x": [None]}, {"x": ["another's"]}]))
    side = Side(1, "a", 7, one, memo, lid=1)
    agreed, told = {"external_id": "ref7"}, draw(CONSENT)
    if told and draw(st.booleans()):  # consent is settled first, and then no more is said of the record as a whole
        side.rebase(
            agreed, {**agreed, **told}, told, {name: told[name] for name in told if side.codec(name) is not None}
        )
    return one, Person(7, "ref7", {**agreed, **told}, [side], frozenset({"shop"}))


@given(a_newcomer(), rules(), st.booleans())
@settings(max_examples=400)
def test_a_newcomer(known: tuple[CompiledMapping, Person], job: JobRules, stamps: bool) -> None:
    _one, person = known
    if stamps:
        targets = {c: replace(target, mapping=WHOLE[target.sid - 1]) for c, target in job.targets.items()}
        job = replace(job, targets=targets)
    short = first(person, job)
    if short is None:
        return
    long = build(person, job)
    assert not long.problems and not long.questions
    assert [(r.op, r.sid, r.rid, r.after, r.before, r.whole, r.stamp, r.reason) for r in short.rows] == [
        (r.op, r.sid, r.rid, r.after, r.before, r.whole, r.stamp, r.reason) for r in long.rows
    ]
    for ours, theirs in zip(short.rows, long.rows, strict=True):
        assert ours.values == {name: value for name, value in theirs.values.items() if not blank(value)}
        if ours.alone is not None and ours.op == "create":
            person.sides[0].settle_whole(ours.values)
            assert ours.alone.memo == person.sides[0].memo


def test_a_newcomer_is_plain() -> None:
    """The control: a new record with a place for our id and an opt-out that nobody gave takes the short way."""
    raw = {"EMAIL": "ada@example.com", "LAST_NAME": "Lovelace", "NO_MAIL": False, "OURS": None}
    side = Side(1, "a", 7, WHOLE[0], {"n": 1, "s": WHOLE[0].differences(raw, {}), "x": [None]}, lid=1)
    job = JobRules(
        "people", "lead", SYSTEMS, {n: Rule(n) for n in NAMES}, {"crm": Target(2, "crm", WHOLE[1], lambda _v, _p: True)},
        lambda _n, a, b: bool(a == b), lambda _c: 2.0,
    )  # fmt: skip
    outcome = first(Person(7, "ref7", {"external_id": "ref7"}, [side], frozenset({"shop"})), job)
    assert outcome is not None
    assert [(row.op, row.after) for row in outcome.rows] == [
        ("update", {"OURS": "ref7"}),
        ("create", {"EMAIL": "ada@example.com", "LAST_NAME": "Lovelace", "NO_MAIL": False, "OURS": "ref7"}),
    ]
    assert all(row.alone is not None for row in outcome.rows)


def test_a_newcomer_who_opted_out_is_plain() -> None:
    """Their opt-out is settled before anything else of them is decided, and goes onto the new record."""
    raw = {"EMAIL": "ada@example.com", "LAST_NAME": "Lovelace", "NO_MAIL": True, "OURS": None}
    side = Side(1, "a", 7, WHOLE[0], {"n": 1, "s": WHOLE[0].differences(raw, {}), "x": [None]}, lid=1)
    agreed = {"external_id": "ref7", "email_opt_out": True}
    side.rebase({"external_id": "ref7"}, agreed, ["email_opt_out"], {"email_opt_out": True})
    job = JobRules(
        "people", "lead", SYSTEMS, {n: Rule(n) for n in NAMES}, {"crm": Target(2, "crm", WHOLE[1], lambda _v, _p: True)},
        lambda _n, a, b: bool(a == b), lambda _c: 2.0,
    )  # fmt: skip
    outcome = first(Person(7, "ref7", agreed, [side], frozenset({"shop"})), job)
    assert outcome is not None
    assert [(row.op, row.after) for row in outcome.rows] == [
        ("update", {"OURS": "ref7"}),
        ("create", {"EMAIL": "ada@example.com", "LAST_NAME": "Lovelace", "NO_MAIL": True, "OURS": "ref7"}),
    ]
