"""Who is created, and who takes part, may rest on all that is known of a person: definitions, personas, the account, deeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarksync.engine.registry import Registry
from smarksync.testing import registered

from .office import Office


@pytest.fixture
def office(office: Callable[..., Office]) -> Callable[..., Office]:
    """Makes the two teams with the sync job alone: ``office(create=EXPRESSION, where=EXPRESSION, section=…)``."""

    def make(create: str = "always", where: str | None = None, **top: Any) -> Office:
        people = {
            "sync": "lead", "between": ["marketing", "sales"], "match": ["email"], "create": {"marketing": "always", "sales": create},
            "fields": {"*": {}, "score": {"direction": "from marketing"}},
        }  # fmt: skip
        if where is not None:
            people["where"] = {"marketing": where}
        return office(jobs={"people": people, "handoff": None, "outcomes": None}, **top)

    return make


def names(o: Office) -> list[str]:
    """Whom sales has."""
    return sorted(row["first_name"] for row in o.sales_rows())


def test_who_passes_a_definition_is_created(office: Any) -> None:
    o = office("definitions.mql")
    bob = o.lead("Bob Noyce")
    o.ready("Ada Lovelace")
    o.ready("Nell Cropsey", company=None)  # lacks what the definition requires
    o.run()
    assert names(o) == ["Ada"]
    o.systems["marketing"].edit("people", bob, score=90, journey="decision_late")
    o.run()
    assert names(o) == ["Ada", "Bob"]
    o.quiet()


def test_a_definition_that_is_changed_is_asked_again_of_everybody(office: Any) -> None:
    o = office("definitions.mql")
    o.lead("Bob Noyce")
    o.run()
    assert names(o) == []
    o.config["definitions"]["mql"]["when"] = "lead.score >= 20"
    o.run()
    assert names(o) == ["Bob"]


def test_a_persona_decides(office: Any) -> None:
    personas = {"boss": {"name": "Boss", "when": 'matches(lead.job_title, "(?i)chief")'}}
    o = office('persona == "boss"', personas=personas)
    o.lead("Ada Lovelace", job_title="Chief of Engines")
    o.lead("Bob Noyce", job_title="Clerk")
    o.run()
    assert names(o) == ["Ada"]


def test_the_account_that_sales_has_decides(office: Any) -> None:
    o = office("account is not None and account.name == 'Looms'")
    o.systems["sales"].insert("accounts", {"name": "Looms", "domain": "looms.example"})
    o.lead("Ada Lovelace", email="ada@looms.example")
    o.lead("Bob Noyce")
    o.run()
    assert names(o) == ["Ada"]


def test_what_somebody_did_decides_when_it_is_known(office: Any) -> None:
    o = office('count(activities, type="content_downloaded", within_days=30) >= 1')
    ada = o.lead("Ada Lovelace")
    o.lead("Bob Noyce")
    o.run()
    assert names(o) == []
    o.did(ada, "content_downloaded")
    o.run()
    assert names(o) == ["Ada"]
    o.quiet()


def test_time_alone_may_let_somebody_in(office: Any) -> None:
    o = office('days_since(latest(activities, type="call")) >= 3')
    o.did(o.lead("Ada Lovelace"), "call")
    o.run()
    assert names(o) == []
    o.later(days=3)
    o.run()
    assert names(o) == ["Ada"]


def test_computed_scores_stand_in_for_the_vendors(office: Any) -> None:
    scoring = [{"when": 'matches(lead.job_title, "(?i)chief")', "points": 70, "why": "seniority"}]
    o = office("lead.score >= 60", scoring=scoring)
    o.lead("Ada Lovelace", job_title="Chief of Engines", score=0)
    o.lead("Bob Noyce", job_title="Clerk", score=99)
    o.run()
    assert names(o) == ["Ada"]


def test_a_definition_that_is_changed_lets_others_in(office: Any) -> None:
    """Bob did not pass, so his record was nobody's. Nothing about him changes; the definition does."""
    o = office("always", where="definitions.mql")
    o.lead("Bob Noyce", score=30)
    o.run()
    assert names(o) == []
    o.config["definitions"]["mql"]["when"] = "lead.score >= 20"
    o.run()
    assert names(o) == ["Bob"]
    o.quiet()


def test_where_sees_definitions_and_deeds_too(office: Any) -> None:
    o = office("always", where='definitions.mql or count(activities, type="call") > 0')
    o.ready("Ada Lovelace")
    bob = o.lead("Bob Noyce")
    o.run()
    assert names(o) == ["Ada"]
    o.did(bob, "call")
    o.run()
    assert names(o) == ["Ada", "Bob"]


def test_a_deal_is_made_for_the_accounts_that_are_meant(tmp_path: Path, registry: Registry) -> None:
    deals = ("name", "account", "leads", "stage", "stage_kind", "amount", "created_at")
    objects = {"marketing": {"deals": ("opportunity", deals), "accounts": ("account", ("name", "domain"))}}
    jobs = {
        "companies": {"sync": "account", "between": ["marketing", "sales"], "create": {"marketing": "always"}},
        "deals": {
            "sync": "opportunity", "between": ["marketing", "sales"], "match": ["name"], "fields": {"*": {}},
            "create": {"marketing": "account.domain == 'looms.example' and opportunity.amount > 10"},
        },
        "handoff": None, "outcomes": None,
    }  # fmt: skip
    o = Office(tmp_path, registry, objects=objects, jobs=jobs)
    with registered(*o.systems.values()):
        looms = o.systems["sales"].insert("accounts", {"name": "Looms", "domain": "looms.example"})
        other = o.systems["sales"].insert("accounts", {"name": "Mills", "domain": "mills.example"})
        for name, account, amount in (("Big", looms, "100"), ("Small", looms, "5"), ("Other", other, "100")):
            o.systems["sales"].insert("deals", {"name": name, "account": account, "amount": amount})
        o.run()
        assert [row["name"] for row in o.systems["marketing"].rows("deals").values()] == ["Big"]
