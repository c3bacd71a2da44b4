"""The shared population: the same humans for every vendor, no human twice, nobody real."""

from __future__ import annotations

from smarksync.model import ENTITIES, normalise
from smarksync.simulator import campaigns, colleagues, companies, deals, in_vendor, people, spelled
from smarksync.simulator.names import FIRST, LAST

LEAD = ENTITIES["lead"].fields


def test_people_are_the_same_whoever_asks() -> None:
    assert people(1, 50)[10:20] == people(1, 10, start=10)
    assert people(1, 50) != people(2, 50)


def test_no_address_comes_twice() -> None:
    n = len(FIRST) * len(LAST) + 500
    assert len({p.email for p in people(3, n)}) == n
    assert len({c.domain for c in companies(3, 400)}) == 400


def test_nobody_is_real_and_every_value_is_well_formed() -> None:
    for person in people(1, 400):
        assert person.email.endswith(".example")
        assert normalise(LEAD["email"], person.email) == person.email
        assert normalise(LEAD["country"], person.country) == person.country
        if person.phone:
            assert normalise(LEAD["phone"], person.phone) == person.phone
            for vendor in ("hubspot", "salesforce", "marketo"):
                own = spelled(person, vendor).phone
                assert own is None or normalise(LEAD["phone"], own, country=person.country) == person.phone
        assert person.journey is None or normalise(LEAD["journey"], person.journey) == person.journey


def test_vendors_overlap_by_about_sixty_per_cent() -> None:
    everyone = people(1, 2000)
    one, other = ({p.number for p in everyone if in_vendor(p, v)} for v in ("hubspot", "salesforce"))
    assert 0.55 < len(one & other) / len(one | other) < 0.65


def test_spelling_differs_by_vendor_and_names_the_same_address() -> None:
    everyone = people(1, 300)
    assert sum(spelled(p, "hubspot") != spelled(p, "salesforce") for p in everyone) > 200
    assert all(spelled(p, "hubspot").email.lower() == p.email for p in everyone)


def test_scores_leads_and_deals_are_worth_a_hand_off() -> None:
    everyone = people(1, 300)
    assert any(
        p.score >= 60 and p.journey in ("consideration_late", "decision_early", "decision_late") for p in everyone
    )
    assert any(p.opted_out for p in everyone)
    made = deals(1, everyone)
    assert {d.kind for d in made} == {"won", "lost", "open"} and 15 < len(made) < 50
    assert all(companies(1, 100)[d.company_number].name in d.name for d in made)


def test_companies_colleagues_and_campaigns() -> None:
    firms = companies(1, 61)
    assert all(firms[p.company_number].name == p.company for p in people(1, 300))
    ours = colleagues(1)
    assert len({c.email for c in ours}) == 6 and [c.active for c in ours] == [True] * 5 + [False]
    assert {c.status for c in campaigns(1)} == {"done", "active", "planned"}
    assert all(campaigns(1)[i].start < campaigns(1)[i + 1].start for i in range(7))
