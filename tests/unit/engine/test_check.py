"""Check says what, where, whose problem it is and what to do; and a run refuses only the jobs that cannot run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from smarksync.engine.check import check
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.errors import ConfigError
from smarksync.kit.session import OpenSession
from smarksync.plugin import (
    AuthFailed,
    Can,
    Choice,
    ConnectorSpec,
    FieldInfo,
    FieldType,
    PermissionDenied,
    Transient,
    hookimpl,
)
from smarksync.testing import MEMORY, FaultPlan, MemoryPlugin

PRESET = """\
streams:
  leads:
    entity: lead
    fields: {email: Email, first_name: FirstName, company: Company, journey: SmarkSync_Journey__c, phone: Phone}
"""
VENDOR = """\
version: 1
workspace: t
connections:
  marketing: {connector: memory, settings: {system: a}}
  sales: {connector: vendor, settings: {system: b}}
mappings:
  marketing: {contacts: {entity: lead, fields: {email: email, first_name: first, company: company, journey: phone}}}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    fields: {"*": {}, journey: {direction: from marketing}}
  others:
    sync: account
    between: [marketing, sales]
"""


class Strict:
    """A connector that reads and writes, and cannot create fields."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        for name in ("check", "describe", "read", "write", "find", "fetch", "close"):
            setattr(self, name, getattr(inner, name))

    check: Any
    describe: Any
    read: Any
    write: Any
    close: Any


class Vendor:
    """A plugin like any vendor's, with a preset; ``strict`` cannot create fields."""

    preset = PRESET

    def __init__(self, strict: bool = False) -> None:
        self.strict = strict

    @hookimpl
    def smarksync_connectors(self) -> Iterable[ConnectorSpec]:
        def open_(settings: Any, session: Any) -> Any:
            opened = MEMORY.open(settings, session)
            return Strict(opened) if self.strict else opened

        return (replace(MEMORY, name="vendor", preset=self.preset, open=open_),)


def asked(world: Any, *plugins: Any, ledger: bool = False, **options: Any) -> dict[str, Any]:
    book = world.ledger() if ledger else None
    try:
        return check(world.config(), Registry([MemoryPlugin(), *plugins]), world.session, book, world.clock, **options)
    finally:
        if book is not None:
            book.close()


def findings(found: dict[str, Any], level: str = "failure") -> list[dict[str, Any]]:
    return [
        f
        for f in [*found["findings"], *(f for c in found["connections"] for f in c["findings"])]
        if f["level"] == level
    ]


def test_all_is_well(world: Any) -> None:
    found = asked(world)
    assert found["ok"] and found["exit_code"] == 0
    assert [c["objects"] for c in found["connections"]] == [{"contacts": 5}, {"leads": 5}]
    assert not world.a.calls or {c.kind for c in world.a.calls} <= {"check", "describe"}


@pytest.mark.parametrize(
    ("error", "about", "whose"),
    [
        (AuthFailed("The token was refused.", hint="Make a new one."), "credentials", "credentials in the config"),
        (PermissionDenied("The token may not read contacts."), "permissions", "manages rights in marketing"),
        (Transient("No answer from a.example."), "reach", "the network"),
    ],
)
def test_a_system_that_refuses_or_is_away(world: Any, error: Exception, about: str, whose: str) -> None:
    world.a.faults = FaultPlan()
    world.a.faults.fail(lambda: error)
    found = asked(world)
    assert found["exit_code"] == 5
    (finding,) = findings(found)
    assert finding["about"] == about and whose in finding["whose"]
    assert finding["say"].startswith("marketing: ")
    assert found["connections"][1]["objects"] == {"leads": 5}  # the other one is checked all the same
    assert asked(world, only="sales")["exit_code"] == 0


def test_a_mapped_field_that_is_missing_is_named_with_its_line(world: Any) -> None:
    world.write(world.file.read_text().replace("company: Company}", "company: Compny}"))
    found = asked(world)
    assert found["exit_code"] == 2
    (finding,) = findings(found)
    assert "smarksync.yaml:" in finding["say"] and "Compny" in finding["say"] and "Company" in finding["say"]


def test_an_unknown_connection_is_refused(world: Any) -> None:
    with pytest.raises(ConfigError, match="Its connections: marketing, sales"):
        asked(world, only="erp")


def vendor(make_world: Any, fixable: bool = True) -> Any:
    sales = tuple(FieldInfo(n) for n in ("Email", "FirstName", "Company"))
    world = make_world(sales=sales)
    world.write(VENDOR.replace("  others:\n    sync: account\n    between: [marketing, sales]\n", ""))
    if fixable:
        words = tuple(
            Choice(w)
            for w in (
                "awareness_early",
                "awareness_late",
                "consideration_early",
                "consideration_late",
                "decision_early",
                "decision_late",
            )
        )
        world.b.streams["leads"].fixable = (FieldInfo("SmarkSync_Journey__c", FieldType.CHOICE, choices=words),)
    return world


def test_a_preset_field_that_a_job_names_fails_until_it_is_made(make_world: Any) -> None:
    world = vendor(make_world)
    found = asked(world, Vendor())
    assert found["exit_code"] == 2
    (finding,) = findings(found)
    assert "jobs.people.fields.journey" in finding["say"] and "SmarkSync_Journey__c" in finding["say"]
    assert "Refused until then: people" in finding["say"] and "--fix" in finding["do"]
    assert found["connections"][1]["fixable"] == {"leads": ["SmarkSync_Journey__c", "Phone"]}
    (warning,) = findings(found, "warning")  # nothing names the phone
    assert "phone is inactive" in warning["say"]

    fixed = asked(world, Vendor(), fix=True)

    assert fixed["exit_code"] == 0, findings(fixed)
    assert fixed["connections"][1]["fixed"] == ["sales:leads: Created the field SmarkSync_Journey__c."]
    assert asked(world, Vendor())["exit_code"] == 0


def test_a_mistyped_field_is_none_to_be_made(make_world: Any) -> None:
    world = vendor(make_world)
    world.write(world.file.read_text().replace("company: company", "company: compnay"))
    found = asked(world, Vendor(), fix=True)
    (said,) = (one for one in findings(found) if "compnay" in one["say"])
    assert "did you mean company?" in f"{said['say']} {said['do']}"
    assert found["connections"][0]["fixable"] == {} and found["connections"][0]["fixed"] == []


def test_what_is_the_same_of_many_fields_is_said_once(make_world: Any) -> None:
    """Sixteen lines before `--fix`, and the same four of lengths for ever, buried the one that mattered."""
    world = vendor(make_world)
    many = Vendor()
    many.preset = PRESET.replace("phone: Phone", "phone: Phone, city: City, score: Score")
    world.b.streams["leads"].fields = tuple(
        replace(info, max_length=40) if info.name in ("FirstName", "Company") else info
        for info in world.b.streams["leads"].fields
    )
    found = asked(world, many)
    (warning,) = findings(found, "warning")
    assert (
        "sales.leads: 3 fields are inactive, each missing or invisible in this account: Phone, City, Score."
        in warning["say"]
    )
    (note,) = findings(found, "note")
    assert note["say"].count("takes 40 characters") == 2 and note["say"].endswith("longer text is refused, never cut.")


def test_where_fields_cannot_be_made_their_definitions_are_printed(make_world: Any) -> None:
    world = vendor(make_world, fixable=False)
    found = asked(world, Vendor(strict=True), fix=True)
    assert found["exit_code"] == 2
    (said, _) = found["connections"][1]["fixed"]
    assert "cannot be changed by SmarkSync" in said
    assert "name `SmarkSync_Journey__c`; type pick list; values awareness_early," in said


def test_a_run_refuses_only_the_job_that_names_what_is_missing(make_world: Any) -> None:
    world = vendor(make_world, fixable=False)
    text = world.file.read_text().replace(
        "  people:", "  plain:\n    sync: lead\n    between: [marketing, sales]\n    match: [email]\n"
        "    create: {sales: always}\n    fields: {email: {}, first_name: {}}\n  people:"
    ).replace('"*": {}, journey', "company: {}, journey")  # fmt: skip
    world.write(text)
    world.a.insert("contacts", email="ada@example.com", first="Ada", company="X")

    def run(*jobs: str) -> Any:
        result = execute(
            world.config(), Options(jobs=jobs, threads=False), registry=Registry([MemoryPlugin(), Vendor(strict=True)]),
            make_session=lambda name, _s: OpenSession(name, root=str(world.root)), now=world.clock,
        )  # fmt: skip
        result.run.ledger.close()
        return result

    result = run()
    assert result.exit_code == 2
    assert [job["job"] for job in result.report["jobs"]] == ["plain", "people"]
    assert len(world.b.rows("leads")) == 1  # the plain job ran
    assert any("journey" in s and "people" in s for s in result.sentences)
    with pytest.raises(ConfigError, match="journey"):
        run("people")


def test_drift_since_the_last_run_is_told(world: Any) -> None:
    world.a.insert("contacts", email="ada@example.com")
    world.run()
    assert findings(asked(world, ledger=True), "warning") == []
    world.b.redefine("leads", FieldInfo("Company", max_length=20))
    (warning,) = findings(asked(world, ledger=True), "warning")[:1]
    assert warning["about"] in ("drift", "mapping")
    said = " ".join(w["say"] for w in findings(asked(world, ledger=True), "warning"))
    assert "Company held any number of characters and holds 20" in said


def test_a_type_that_was_read_off_the_values_does_not_drift(world: Any) -> None:
    """A column without a value is text, one with "yes" in it is boolean: nobody has changed a schema there."""
    world.b.redefine("leads", FieldInfo("Company", inferred=True))
    world.a.insert("contacts", email="ada@example.com")
    world.run()
    world.b.redefine("leads", FieldInfo("Company", FieldType.BOOL, inferred=True))
    assert not [w for w in findings(asked(world, ledger=True), "warning") if w["about"] == "drift"]


def test_what_new_records_alone_take_is_told_by_its_parts_and_an_opt_out_is_a_warning(make_world: Any) -> None:
    out = FieldInfo("out", FieldType.BOOL)
    world = make_world(
        marketing=(*map(FieldInfo, ("email", "first", "last", "phone", "company")), out),
        sales=(FieldInfo("Name", create_only=True), replace(out, create_only=True), FieldInfo("Email")),
    )
    text = world.file.read_text().replace("first_name: FirstName, last_name: LastName", "full_name: Name")
    text = text.replace("phone: Phone, company: Company", "email_opt_out: out").replace(
        "company: company}}", "company: company, email_opt_out: out}}"
    )
    world.write(text)
    found = asked(world)
    (note,) = [f["say"] for f in findings(found, "note") if "new record only" in f["say"]]
    assert note.startswith("sales.leads: sales takes full_name, email_opt_out with a new record only")
    (warning,) = [f for f in findings(found, "warning") if "opt-out" in f["say"]]
    assert (
        "never reaches a record that is there (email_opt_out)" in warning["say"]
        and "sales lets us change" in warning["do"]
    )


def test_what_no_connection_maps_is_a_warning(world: Any) -> None:
    text = world.file.read_text().replace(
        "jobs:", "definitions:\n  mql: {when: lead.journey == 'decision_late' and lead.company is not None}\njobs:"
    )
    world.write(text)
    found = asked(world)
    assert found["ok"]
    unread, unreachable = findings(found, "warning")
    assert "reads lead.journey, which no connection maps" in unread["say"]
    assert "no lead can ever pass `mql`: `lead.journey == 'decision_late'` reads lead.journey" in unreachable["say"]


def test_a_time_that_each_side_has_for_itself_is_a_warning_but_in_where(world: Any) -> None:
    world.write(
        world.file.read_text().replace(
            "jobs:", "definitions:\n  mql: {when: days_since(lead.created_at) > 3 and lead.company is not None}\njobs:"
        )
    )
    (warning,) = findings(asked(world), "warning")
    assert "reads lead.created_at, which each side has for itself and nobody agrees on" in warning["say"]


def test_a_rule_that_does_nothing_is_a_failure(world: Any) -> None:
    world.write(world.file.read_text().replace("merge: newest}}", "merge: newest}, website: {owner: sales}}"))
    found = asked(world)
    assert found["exit_code"] == 2
    (finding,) = findings(found)
    assert "the rule for website does nothing" in finding["say"]


def test_a_delete_policy_that_a_system_cannot_carry_out_is_named_with_what_it_can(world: Any) -> None:
    world.b.streams["leads"].can -= {Can.ARCHIVE}
    world.write(world.file.read_text() + "    deletes: {sales: archive}\n")
    found = asked(world)
    (finding,) = findings(found)
    assert found["exit_code"] == 2
    assert "`deletes: archive`: sales:leads cannot archive records." in finding["say"]
    assert finding["do"] == "Write `delete` or `unlink` or `ignore` there."
    with pytest.raises(ConfigError, match="cannot archive"):
        world.run()


def test_creates_in_a_system_that_takes_none_are_refused_before_anything_is_planned(world: Any) -> None:
    """Else each run would plan them, and end at the first one."""
    world.b.streams["leads"].can -= {Can.CREATE}
    found = asked(world)
    (finding,) = findings(found)
    assert found["exit_code"] == 2
    assert (
        "smarksync.yaml:" in finding["say"] and "`create: always`: sales:leads takes no new records." in finding["say"]
    )
    assert finding["do"] == "Write `never` there, or allow the connection 'sales' to write."
    with pytest.raises(ConfigError, match="takes no new records"):
        world.run()


class Closed:
    """A plugin of a system whose records cannot get further fields."""

    @hookimpl
    def smarksync_connectors(self) -> Iterable[ConnectorSpec]:
        return (replace(MEMORY, name="closed", closed="Its people have three fields: keep it in another system."),)


def test_a_field_of_the_configs_own_is_mapped_where_a_system_can_have_it(world: Any) -> None:
    text = world.file.read_text().replace("marketing: {connector: memory", "marketing: {connector: closed")
    own = "entities: {lead: {fields: {product: {type: text}}}}\ndefinitions: {mql: {when: 'lead.product == \"scanner\"'}}\n"
    world.write(text + own)
    (finding,) = [f for f in findings(asked(world, Closed()), "warning") if "is null there" in f["say"]]
    assert finding["do"] == (
        "Map it (`mappings.sales.leads.fields: {product: …}`), or leave it out of the expression. "
        "Its people have three fields: keep it in another system."
    )


def test_a_mapped_field_that_nobody_can_add_says_so_and_what_else(world: Any) -> None:
    text = world.file.read_text().replace("marketing: {connector: memory", "marketing: {connector: closed")
    text = text.replace("email: email, ", "email: email, product: product, ", 1)
    world.write(text + "entities: {lead: {fields: {product: {type: text}}}}\n")
    for fix in (False, True):
        found = asked(world, Closed(), fix=fix)
        assert found["exit_code"] == 2 and found["connections"][0]["fixable"] == {}
        (told,) = [f for f in findings(found, "warning") if "cannot be added" in f["say"]]
        assert told["say"] == "marketing.contacts: product cannot be added there."
        assert told["do"] == "Its people have three fields: keep it in another system."
    assert found["connections"][0]["fixed"] == ["marketing:contacts gets no field product. " + told["do"]]
    assert "create_fields" not in {call.kind for call in world.a.calls}
