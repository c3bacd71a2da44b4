"""Peculiarities that an org may have or lack: the connector bears both. Each has its switch in the simulator."""

from __future__ import annotations

import pytest
from salesforce_org import Org

from smarksync.plugin import Op, WriteResult

both = pytest.mark.parametrize("on", [True, False])


@pytest.mark.parametrize("every", [0, 2])
def test_an_empty_page_is_no_end(org: Org, every: int) -> None:
    org.sim.quirks.page, org.sim.quirks.empty_pages = 200, every
    ids = org.leads(450)
    pages = org.pages()
    assert sorted(row.id for page in pages for row in page.records) == sorted(ids)
    assert any(not page.records for page in pages[:-1]) == bool(every)


@both
def test_the_owner_that_was_chosen_stays_whatever_the_rules_say(org: Org, on: bool) -> None:
    org.sim.quirks.assignment_rules = on
    seller = org.sim.rows("User")[1]["Id"]
    made = org.create(OwnerId=seller)
    assert org.sim.get("Lead", str(made.id))["OwnerId"] == seller


@both
def test_results_of_a_job_belong_to_their_rows_in_any_order(org: Org, on: bool) -> None:
    org.sim.quirks.bulk_unordered = on
    org.open(bulk_write_above=5)
    rows = [{"LastName": f"L{n}", "Company": "Engines"} for n in range(10)]
    receipts = org.write(Op.CREATE, *rows)
    assert [org.sim.get("Lead", str(one.id))["LastName"] for one in receipts] == [row["LastName"] for row in rows]


@both
def test_a_country_that_the_org_does_not_list_is_refused_by_name(org: Org, on: bool) -> None:
    org.sim.quirks.country_picklists = on
    (receipt,) = org.write(Op.UPDATE, {"Country": "Atlantis"}, ids=[org.lead()])
    assert (receipt.result is WriteResult.REJECTED, receipt.field == "Country") == (on, on)
