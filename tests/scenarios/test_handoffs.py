"""A lead is handed over once, with its context, to the right colleague; what sales does with it comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smarksync.engine.registry import Registry
from smarksync.testing import registered

from .office import Office


@pytest.fixture
def office(tmp_path: Path, registry: Registry) -> Iterator[Callable[..., Office]]:
    """Makes the two teams: ``office(section=…)``."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def make(**top: Any) -> Office:
            one = Office(tmp_path, registry, **top)
            stack.enter_context(registered(*one.systems.values()))
            one.team()
            return one

        yield make


def test_a_qualified_lead_arrives_with_owner_task_and_note(office: Any) -> None:
    o = office()
    ada = o.ready(job_title="Head of IT")
    o.did(ada, "content_downloaded", subject="The eBook on scanners")
    bob = o.lead("Bob Noyce")
    o.run()
    (lead,) = o.sales_rows()
    assert (lead["last_name"], lead["company"], lead["owner"], lead["lifecycle"]) == (
        "Lovelace",
        "Lovelace GmbH",
        o.anna,
        "mql",
    )
    assert lead["handoff_state"] == "offered" and "eBook on scanners" in lead["handoff_note"]
    assert "mql@3" in lead["handoff_note"] and "Score: 80" in lead["handoff_note"]
    (task,) = o.sales_rows("tasks")
    assert (
        task["lead"] == lead["id"]
        and "First call: Ada Lovelace (Lovelace GmbH)" in task["subject"]
        and task["owner"] == o.anna
    )
    person = o.person(ada)
    assert (person["handoff_state"], person["lifecycle"], person["qualified_by"]) == ("offered", "mql", "mql@3")
    assert o.person(bob)["handoff_state"] is None
    (case,) = o.cases()
    assert (case.state, case.cycle, case.definition) == ("offered", 1, "mql@3")
    assert [m.state for m in o.moves(case)] == ["qualified", "offered"]
    o.quiet()


def test_what_sales_does_comes_back_to_marketing(office: Any) -> None:
    o = office()
    ada = o.ready()
    o.run()
    (lead,) = o.sales_rows()
    o.later(hours=1)
    o.tried(lead["id"])
    o.run()
    assert o.cases()[0].state == "offered", "an attempt is no acceptance"
    person = o.person(ada)
    assert person["attempts"] == 1 and person["first_attempt_at"] is not None
    o.status(lead["id"], "working")
    o.run()
    (case,) = o.cases()
    assert case.state == "working" and set(case.body["at"]) == {"qualified", "offered", "accepted", "working"}
    person = o.person(ada)
    assert (person["lifecycle"], person["handoff_state"], person["sales_status"]) == ("sal", "working", "working")
    assert person["accepted_at"] is not None
    o.quiet()


def test_from_conversion_to_revenue(office: Any) -> None:
    o = office()
    ada = o.ready()
    o.run()
    (lead,) = o.sales_rows()
    o.status(lead["id"], "working")
    o.run()
    account = o.systems["sales"].insert(
        "accounts", {"name": "Lovelace GmbH", "domain": "lovelace.example", "owner": o.ben}
    )
    contact = o.convert(lead["id"], account=account)
    o.run()
    (case,) = o.cases()
    assert case.state == "sql" and o.person(ada)["lifecycle"] == "sql"
    deal = o.systems["sales"].insert("deals", {"name": "Scanners", "account": account, "leads": [contact], "stage": "Proposal",
                                               "stage_kind": "open", "amount": "24000", "created_at": o.clock()})  # fmt: skip
    o.run()
    person = o.person(ada)
    assert (person["handoff_state"], person["opportunity_stage"], person["opportunity_kind"]) == (
        "opportunity",
        "Proposal",
        "open",
    )
    assert str(person["opportunity_amount"]) == "24000"
    o.later(days=9)
    o.systems["sales"].edit("deals", deal, {"stage": "Closed", "stage_kind": "won", "closed_at": o.clock()})
    o.run()
    (case,) = o.cases()
    assert [m.state for m in o.moves(case)] == [
        "qualified",
        "offered",
        "accepted",
        "working",
        "sql",
        "opportunity",
        "won",
    ]
    person = o.person(ada)
    assert (person["lifecycle"], person["handoff_state"], person["opportunity_kind"]) == ("customer", "won", "won")
    o.quiet()
