"""Values with a comma: a look-up cannot name them, and nothing is taken for absent because of that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from smarksync.plugin import Op, WriteResult

from .conftest import Instance

Make = Callable[..., Instance]
ADDRESS = '"ada,first"@example.com'


@pytest.mark.parametrize("key", ["company", "externalCompanyId"])
def test_a_company_with_a_comma_is_found_beside_those_without(marketo: Make, key: str) -> None:
    m = marketo(people=20)
    m.world.put_company("C,9", {"company": "Example, Inc."})
    m.world.put_company("C-plain", {"company": "Plain"})
    m.world.put_company("9", {"company": "Inc."})  # what a list of values makes of the two halves
    wanted = {"company": ["EXAMPLE, inc.", "Plain"], "externalCompanyId": ["c,9", "C-plain"]}[key]
    found = list(m.connector.find("companies", key, wanted, fields=["company"]))
    assert sorted((r.id, r.fields["company"]) for r in found) == [("C,9", "Example, Inc."), ("C-plain", "Plain")]
    assert all(r.fields.keys() == {"company"} for r in found)


def test_a_company_whose_id_has_a_comma_is_fetched(marketo: Make) -> None:
    m = marketo(people=20)
    m.world.put_company("C,9", {"company": "Example"})
    (found,) = m.connector.fetch("companies", ["C,9"], fields=["company"])
    assert (found.id, found.fields) == ("C,9", {"company": "Example"})


def test_a_lead_with_a_comma_in_its_address_is_not_made_twice_by_the_lookup_field(marketo: Make) -> None:
    m = marketo()
    m.world.add(email=ADDRESS, lastName="Lovelace")
    m.world.add(email='"ada', lastName="Another")  # what a list of values makes of the first half
    assert list(m.connector.find("leads", "email", [ADDRESS], fields=["email"])) == []
    (receipt,) = m.write(Op.CREATE, {"email": ADDRESS, "lastName": "Lovelace"})
    assert (receipt.result, receipt.code) == (WriteResult.REJECTED, "SMK-DUPLICATE")
    assert receipt.duplicate_of == () and len(m.world.leads) == 2


def test_a_lead_that_nobody_can_look_up_is_refused_in_words_and_the_others_are_made(marketo: Make) -> None:
    m = marketo()
    m.connector.create_fields("leads", ["smarkSyncId"])
    m.again(lookup_field="smarkSyncId")
    m.world.add(email=ADDRESS, lastName="Lovelace")
    hidden, plain = m.write(
        Op.CREATE, {"email": ADDRESS, "smarkSyncId": "P-1"}, {"email": "bob@example.com", "smarkSyncId": "P-2"}
    )
    assert (hidden.result, hidden.code, hidden.field) == (WriteResult.REJECTED, "SMK-INVALID", "email")
    assert "comma" in str(hidden.message) and "by hand" in str(hidden.message) and "ada" not in str(hidden.message)
    assert plain.result is WriteResult.CREATED
    assert [row["email"] for row in m.world.leads.values()] == [ADDRESS, "bob@example.com"]
