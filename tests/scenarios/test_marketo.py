"""Marketo in a whole run: the engine, the preset, `check --fix`, and a simulated CRM on the other side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import smarksync_marketo
from smarksync_marketo.simulator import MarketoSimulator, Quirks

from smarksync.config import load
from smarksync.engine.check import check
from smarksync.engine.explain import explain
from smarksync.engine.offline import Desk
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.kit.session import OpenSession
from smarksync.ledger.db import Ledger
from smarksync.plugin import FieldInfo, FieldType
from smarksync.testing import SYSTEMS, Clock, MemoryPlugin, MemoryStream, MemorySystem, text_fields

CONFIG = """
version: 1
workspace: acme
ledger: sqlite:///acme.db
connections:
  marketing:
    connector: marketo
    role: marketing
    settings:
      base_url: ${MARKETO_URL}
      client_id: ${MARKETO_CLIENT_ID}
      client_secret: ${MARKETO_CLIENT_SECRET}
      rate_limit: 1000/20s
  sales: {connector: memory, role: sales, settings: {system: crm}}
mappings:
  marketing: preset
  sales:
    people:
      entity: lead
      fields: {email: email, first_name: first, last_name: last, phone: phone, company: company, score: score,
               lifecycle: lifecycle, email_opt_out: opted_out}
jobs:
  people:
    sync: lead
    between: [marketing, sales]
    match: [email]
    create: {marketing: always, sales: always}
    deletes: {marketing: ignore, sales: ignore}
    fields:
      "*": {direction: both, merge: newest}
      score: {direction: from marketing}
      email_opt_out: {direction: both, merge: most_restrictive}
"""


class Pair:
    """A Marketo and a CRM, and the config between them."""

    def __init__(self, root: Path, sim: MarketoSimulator, crm: MemorySystem, clock: Clock) -> None:
        self.root, self.sim, self.crm, self.clock = root, sim, crm, clock
        self.path = root / "smarksync.yaml"
        self.path.write_text(CONFIG)
        self.registry = Registry([MemoryPlugin(), smarksync_marketo])

    def session(self, name: str, settings: Any) -> OpenSession:
        return OpenSession(name, root=str(self.root), clock=self.clock)

    def check(self, fix: bool = False) -> dict[str, Any]:
        config = load(self.path)
        ledger = Ledger(config.ledger_url, root=str(self.root))
        try:
            return check(config, self.registry, self.session, ledger, self.clock, fix=fix)
        finally:
            ledger.close()

    def run(self, after: float = 900.0, **how: Any) -> Result:
        self.clock.advance(after)
        result = execute(
            load(self.path),
            Options(threads=False, allow=frozenset({"first_run"}), **how),
            registry=self.registry,
            make_session=self.session,
            now=self.clock,
        )
        result.run.ledger.close()
        assert self.sim.problems == []
        return result

    def explain(self, email: str) -> dict[str, Any]:
        config = load(self.path)
        with closing(Ledger(config.ledger_url, root=str(self.root))) as ledger:
            return explain(Desk(config, self.registry, ledger, self.clock), email)

    def lead(self, number: int) -> dict[str, Any]:
        return self.sim.world.shown(number)

    def person(self, email: str) -> dict[str, Any] | None:
        rows = [r.now.fields for r in self.crm.stores["people"].rows.values() if r.now is not None]
        found = [dict(fields) for fields in rows if str(fields["email"]).lower() == email.lower()]
        assert len(found) <= 1
        return found[0] if found else None

    def person_id(self, email: str) -> str:
        return next(
            i
            for i, r in self.crm.stores["people"].rows.items()
            if r.now is not None and str(r.now.fields["email"]).lower() == email.lower()
        )


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pair]]:
    started: list[MarketoSimulator] = []

    def make(people: int = 60, **quirks: Any) -> Pair:
        clock = Clock()
        sim = MarketoSimulator(people=people, now=clock, quirks=Quirks(**quirks)).start()
        started.append(sim)
        for name, value in sim.environment.items():
            monkeypatch.setenv(name, value)
        infos = (
            *text_fields("email", "first", "last", "phone", "company", "lifecycle"),
            FieldInfo("score", FieldType.INT),
            FieldInfo("opted_out", FieldType.BOOL),
        )
        crm = MemorySystem("crm", [MemoryStream("people", fields=infos)], clock)
        monkeypatch.setitem(SYSTEMS, "crm", crm)
        return Pair(tmp_path, sim, crm, clock)

    yield make
    for sim in started:
        sim.stop()


def wrote(result: Result) -> int:
    return sum(f["written"] for job in result.report["jobs"] for side in job["sides"].values() for f in side.values())


def test_own_fields_are_made_by_check_fix_and_found_from_then_on(pair: Callable[..., Pair]) -> None:
    p = pair(people=10)
    before = p.check()
    fields = {name for one in before["connections"] for names in one["fixable"].values() for name in names}
    assert {"smarkSyncId", "smarkSyncLifecycle", "smarkSyncAcceptedAt"} <= fields
    fixed = p.check(fix=True)
    said = [text for one in fixed["connections"] for text in one["fixed"]]
    assert len(said) == 18 and all("was made" in text for text in said)
    assert p.check()["ok"]
    assert not p.check()["connections"][0]["fixable"]


def test_first_run_brings_everybody_over_and_the_third_is_silent_in_three_calls(pair: Callable[..., Pair]) -> None:
    p = pair(people=60)
    p.check(fix=True)
    known = len(p.sim.world.leads)
    first = p.run()
    assert first.exit_code == 0, first.sentences
    assert len([r for r in p.crm.stores["people"].rows.values() if r.now]) == known
    stamped = [row for row in p.sim.world.leads.values() if row.get("smarkSyncId")]
    assert len(stamped) == known  # adopted or created, every lead knows our id
    second = p.run()
    assert (second.exit_code, wrote(second)) == (0, 0)
    before = len(p.sim.calls)
    third = p.run()
    assert (third.exit_code, wrote(third)) == (0, 0)
    paths = [c.path for c in p.sim.calls[before:]]
    feeds = [path for path in paths if path.startswith("/rest/v1/activities") and not path.endswith("types.json")]
    assert len(feeds) == 3
    assert third.report["connections"]["marketing"]["calls"]["read"] == 3 if "connections" in third.report else True
    assert "/rest/v1/leads.json" not in paths


def test_edits_go_both_ways(pair: Callable[..., Pair]) -> None:
    p = pair(people=20, own_fields=True)
    p.run()
    number = min(p.sim.world.leads)
    email = p.lead(number)["email"]
    p.sim.world.edit(number, lastName="Renamed", leadScore=88)
    assert wrote(p.run()) == 1
    person = p.person(email)
    assert person is not None and (person["last"], person["score"]) == ("Renamed", 88)
    p.crm.edit("people", p.person_id(email), first="Changed", phone="+12125550100")
    assert wrote(p.run()) == 1
    assert (p.lead(number)["firstName"], p.lead(number)["phone"]) == ("Changed", "+12125550100")
    assert wrote(p.run()) == 0 and wrote(p.run()) == 0


def test_new_people_on_either_side_are_created_once_on_the_other(pair: Callable[..., Pair]) -> None:
    p = pair(people=10, own_fields=True)
    p.run()
    p.sim.world.add(email="new.one@example.com", firstName="New", lastName="One", company="One Ltd")
    p.crm.insert("people", email="new.two@example.com", first="New", last="Two", company="Two Ltd")
    p.run()
    assert p.person("new.one@example.com") is not None
    (made,) = [row for row in p.sim.world.leads.values() if row.get("email") == "new.two@example.com"]
    assert (made["company"], bool(made["smarkSyncId"])) == ("Two Ltd", True)
    assert wrote(p.run()) == 0


def test_lead_that_marketo_has_already_is_matched_and_not_made_twice(pair: Callable[..., Pair]) -> None:
    p = pair(people=10, own_fields=True)
    p.run()
    # both appear at the same moment, and Marketo shows its own only later
    p.sim.quirks.late = 3600.0
    p.sim.world.add(email="twice@example.com", firstName="Tw", lastName="Ice")
    p.crm.insert("people", email="Twice@Example.com", first="Tw", last="Ice")
    p.run()
    p.run(after=4000)
    assert len([r for r in p.sim.world.leads.values() if str(r.get("email")).lower() == "twice@example.com"]) == 1
    assert p.person("twice@example.com") is not None
    assert wrote(p.run()) == 0


def test_opt_out_goes_both_ways_and_a_bare_flag_does_not_take_it_back(pair: Callable[..., Pair]) -> None:
    p = pair(people=20, own_fields=True)
    p.run()
    first, second = [n for n, row in sorted(p.sim.world.leads.items()) if not row["unsubscribed"]][:2]
    p.sim.world.unsubscribe(first)
    p.crm.edit("people", p.person_id(p.lead(second)["email"]), opted_out=True)
    p.run()
    person = p.person(p.lead(first)["email"])
    assert person is not None and person["opted_out"] is True
    assert p.lead(second)["unsubscribed"] is True
    p.sim.world.edit(first, unsubscribed=False)
    p.run()
    assert p.lead(first)["unsubscribed"] is True
    assert wrote(p.run()) == 0


def test_company_of_a_known_lead_stays_which_is_told_and_not_called_a_write(pair: Callable[..., Pair]) -> None:
    p = pair(people=20, own_fields=True)
    p.run()
    number = min(n for n, row in p.sim.world.leads.items() if not row.get("externalCompanyId"))
    was, email, name = (p.lead(number)[key] for key in ("company", "email", "lastName"))
    p.crm.edit("people", p.person_id(email), company="Somewhere Else", last="Married")
    said = "people: company of 1 record in marketing stays as it is: marketing takes company with a new record only."
    assert said in p.run(dry_run=True).sentences
    run = p.run()
    assert said in run.sentences and run.exit_code == 0
    (known,) = p.explain(email)["people"]
    (company,) = [one for one in known["fields"] if one["field"] == "company"]
    assert (company["differ"], company["because"]) == (
        [record := f"marketing:leads:{number}"], [f"{record}: left as it is: marketing takes company with a new record only"]
    )  # fmt: skip
    assert [one["what"] for one in known["timeline"]][:2] == [
        f"updated {record}: lastName: '{name}' → 'Married' (last_name: edited (sales))",
        "agreed without a write: company = 'Somewhere Else' (edited, sales)",
    ]
    assert (p.lead(number)["company"], p.lead(number)["lastName"]) == (was, "Married")
    person = p.person(email)
    assert person is not None and person["company"] == "Somewhere Else"
    again = p.run()
    assert wrote(again) == 0 and said not in again.sentences
    p.sim.world.edit(number, company="Elsewhere Still")  # by people, in Marketo
    p.run()
    person = p.person(email)
    assert person is not None and person["company"] == "Elsewhere Still"
    assert wrote(p.run()) == 0


def test_check_names_what_marketo_takes_with_a_new_lead_only(pair: Callable[..., Pair]) -> None:
    report = pair(people=3, own_fields=True).check()
    (note,) = [f for f in report["findings"] if "new record only" in f["say"]]
    said = "marketing.leads: marketing takes company with a new record only: a later change elsewhere is not written there."
    assert (note["level"], note["say"]) == ("note", said)  # of website and industry the CRM has no place


def test_merge_in_marketo_is_followed_and_nobody_is_created_again(pair: Callable[..., Pair]) -> None:
    p = pair(people=20, own_fields=True)
    p.run()
    winner, loser = sorted(p.sim.world.leads)[:2]
    p.sim.world.merge(winner, [loser])
    many = len(p.sim.world.leads)
    run = p.run()
    assert run.exit_code in (0, 3), run.sentences
    p.run()
    p.run()
    assert len(p.sim.world.leads) == many
    assert wrote(p.run()) == 0


def test_lead_deleted_in_marketo_is_reported_and_not_made_again(pair: Callable[..., Pair]) -> None:
    p = pair(people=20, own_fields=True)
    p.run()
    number = min(p.sim.world.leads)
    email = p.lead(number)["email"]
    p.sim.world.remove(number)
    p.run()
    p.crm.edit("people", p.person_id(email), first="Edited")
    p.run()
    assert not [row for row in p.sim.world.leads.values() if row.get("email") == email]
    assert p.person(email) is not None


def test_lost_answer_to_a_create_makes_no_second_lead(pair: Callable[..., Pair]) -> None:
    p = pair(people=5, own_fields=True)
    p.run()
    p.crm.insert("people", email="lost@example.com", first="Lo", last="St")
    p.sim.faults.drop(after=True, method="POST", path="/rest/v1/leads.json")
    p.run()
    p.run()
    assert len([r for r in p.sim.world.leads.values() if r.get("email") == "lost@example.com"]) == 1
    assert wrote(p.run()) == 0


def test_companies_are_synced_as_accounts_where_they_are_there(pair: Callable[..., Pair]) -> None:
    p = pair(people=10, own_fields=True, native_crm="hidden")
    report = p.check()
    assert any("companies" in f["say"] for one in report["connections"] for f in one["findings"])
    assert p.run().exit_code == 0
