"""Named histories of people, their addresses and their consent: as test_regressions.py."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from .by_hand import NEWEST, edit, go, insert, row, world
from .world import Kind


def test_an_opt_out_reaches_doubtful_records(place: Path) -> None:
    """Two records share an address, so neither is linked; who opted out must not be mailed from either."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "s", email="ann@x.org")
    insert(w, "s", email="ann@x.org")
    insert(w, "m", email="ann@x.org", email_opt_out=True)
    assert go(w).exit_code == 3
    assert row(w, "s", "p1")["email_opt_out"] is True
    assert row(w, "s", "p2")["email_opt_out"] is True


def test_an_opt_out_belongs_to_a_role_address_too(place: Path) -> None:
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "m", email="info@x.org", last_name="Ore", email_opt_out=True)
    insert(w, "s", email="info@x.org", last_name="Pit")
    go(w)
    assert row(w, "s", "p1")["email_opt_out"] is True


def test_who_gets_an_address_gets_its_opt_out(place: Path) -> None:
    """Bea opted out, and her address becomes Ann's: mail to it must stop everywhere."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "m", email="ann@x.org")
    bea = insert(w, "m", email="bea@x.org", email_opt_out=True)
    go(w)
    edit(w, "m", bea, email="ann@x.org")
    go(w)
    assert all(r[f"{k}_email_opt_out"] for (k, _, _), r in w.true_rows().items())


def test_a_corrected_duplicate_holds_nobody_up(place: Path) -> None:
    """Two rows shared an address and wait; one address is corrected: both go on."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "m", email="ann@x.org")
    second = insert(w, "m", email="ann@x.org")
    assert go(w).exit_code == 3
    edit(w, "m", second, email="bea@x.org")
    assert go(w).exit_code == 0
    assert sorted(r["s_email"] for r in w.systems["s"].rows("people").values()) == ["ann@x.org", "bea@x.org"]


def test_a_deleted_duplicate_is_no_news_for_ever(place: Path) -> None:
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "m", email="ann@x.org")
    second = insert(w, "m", email="ann@x.org")
    go(w)
    w.systems["m"].delete("people", second)
    assert go(w).exit_code == 0
    assert len(w.systems["s"].rows("people")) == 1


def test_a_former_address_never_links(place: Path) -> None:
    """Ann became Anna elsewhere; whoever has her old address next is proposed, not taken for her."""
    w = world(place, Kind("m"), Kind("s"))
    ann = insert(w, "m", email="ann@x.org")
    go(w)
    w.systems["s"].delete("people", "p1")
    edit(w, "m", ann, email="anna@x.org")
    go(w)
    insert(w, "s", email="ann@x.org", first_name="Other")
    assert go(w).exit_code == 3
    assert row(w, "m", ann)["first_name"] is None


def test_an_opt_out_passes_a_guard(place: Path) -> None:
    w = world(place, Kind("m"), Kind("s"), guards="{updates: {count: 0, share: 0%}, share: {count: 1000}}")
    ann = insert(w, "m", email="ann@x.org", first_name="Ann")
    go(w)
    edit(w, "m", ann, first_name="Bea", email_opt_out=True)
    assert go(w).exit_code == 4
    assert row(w, "s")["email_opt_out"] is True and row(w, "s")["first_name"] == "Ann"


def test_a_one_sided_untick_is_put_back(place: Path) -> None:
    """Somebody unticks an opt-out in one system: no act of the person's own, so nobody is mailed again."""
    w = world(place, Kind("m"), Kind("s"))
    ann = insert(w, "m", email="ann@x.org", email_opt_out=True)
    go(w)
    edit(w, "s", "p1", email_opt_out=False)
    go(w)
    assert row(w, "m", ann)["email_opt_out"] is True and row(w, "s")["email_opt_out"] is True
    assert w.sql("SELECT status FROM consent") == [("opted_out",)]


def test_two_candidates_are_nobodys_luck(place: Path) -> None:
    """Two people have come to share an address; the next record with it waits for a person's decision."""
    w = world(place, Kind("m"), Kind("s"), Kind("g", create="never"))
    insert(w, "m", email="ann@x.org")
    bea = insert(w, "m", email="bea@x.org")
    go(w)
    edit(w, "m", bea, email="ann@x.org")
    go(w)
    insert(w, "g", email="ann@x.org", first_name="Who")
    assert go(w).exit_code == 3
    assert [r["m_first_name"] for r in w.systems["m"].rows("people").values()] == [None, None]


def test_an_alias_still_names_its_survivor(place: Path) -> None:
    """Ann was merged into Bea; a record that carries Ann's id (taken back from the bin, imported) is Bea's."""
    w = world(place, Kind("m"), Kind("s", external_id=True))
    ann = insert(w, "m", email="ann@x.org")
    bea = insert(w, "m", email="bea@x.org", first_name="Bea")
    go(w)
    refs = {r["s_email"]: (i, r["s_external_id"]) for i, r in w.systems["s"].rows("people").items()}
    w.systems["m"].merge("people", bea, ann)
    go(w)
    for rid, _ in refs.values():
        w.systems["s"].delete("people", rid)
    go(w)
    insert(w, "s", email="new@x.org", external_id=refs["ann@x.org"][1])
    go(w)
    people = [rows for rows in w.links().values() if ("m", "people", bea) in rows]
    assert any(k[0] == "s" for k in people[0]), "the record with the alias's id is a stranger"


@pytest.mark.parametrize("between", ["".join(order) for order in permutations("msg")])
@pytest.mark.parametrize("first", ["m", "s"])
def test_of_two_merges_in_two_systems_the_later_one_says_who_goes_on(place: Path, between: str, first: str) -> None:
    """m merges Ann into Bea, s merges Ann into Cyd, and no run came between: the three are one. With a run in between, who
    survived the second merge would speak for all of them; whichever system is asked first, nothing else comes of it."""
    w = world(place, *(Kind(k) for k in between), rules=(NEWEST, ("company", "{direction: both, owner: g}")))
    for name, company in (("ann", "Acme"), ("bea", "Bolt"), ("cyd", "Corp")):
        insert(w, "m", email=f"{name}@x.org", company=company)
    go(w)
    ids = {k: {r["email"]: i for i in w.systems[k].rows("people") for r in (row(w, k, i),)} for k in "ms"}
    into = {"m": "bea@x.org", "s": "cyd@x.org"}
    for system in (first, "s" if first == "m" else "m"):
        w.clock.advance(60)
        w.systems[system].merge("people", ids[system][into[system]], ids[system]["ann@x.org"])
    go(w)
    last = into["s" if first == "m" else "m"]
    people = list(w.links().values())
    assert len(people) == 1
    spoken = w.sql(
        "SELECT l.rid, s.connection FROM links l JOIN streams s ON s.sid = l.sid WHERE l.state = 'live' AND l.rank = 0"
    )
    assert {row(w, system, rid)["email"] for rid, system in spoken if system != "g"} == {last}
    assert not go(w).writes()


def test_two_merges_in_a_chain_leave_an_edit_where_it_was_made(place: Path) -> None:
    """m merges Ann into Cyd, s merges Cyd, whose company was just edited, into Bea. The three are one; Bea's records speak
    for her, and the company reaches the other one of them."""
    w = world(place, Kind("m"), Kind("s"))
    for name in ("ann", "bea", "cyd"):
        insert(w, "m", email=f"{name}@x.org")
    go(w)
    ids = {r["email"]: i for i in w.systems["s"].rows("people") for r in (row(w, "s", i),)}
    w.systems["m"].merge("people", "p3", "p1")
    edit(w, "s", ids["cyd@x.org"], company="Acme")
    w.systems["s"].merge("people", ids["bea@x.org"], ids["cyd@x.org"])
    go(w)
    assert row(w, "m", "p2")["company"] == row(w, "s", ids["bea@x.org"])["company"] == "Acme"
    assert row(w, "m", "p3")["company"] is None, "a secondary record hears of consent alone"
    assert not go(w).writes()


def test_a_former_address_of_a_doubtful_record_is_proposed_too(place: Path) -> None:
    """Two pairs of duplicates wait. One of the first pair is merged into one of the second: who still shows its address
    may be the same person, and is nobody's until somebody says so."""
    w = world(place, Kind("m"), Kind("s"))
    left = insert(w, "m", email="bea@x.org")
    gone = insert(w, "m", email="bea@x.org")
    kept = insert(w, "m", email="ann@x.org")
    insert(w, "m", email="ann@x.org")
    assert go(w).exit_code == 3
    w.systems["m"].merge("people", kept, gone)
    assert go(w).exit_code == 3
    assert not w.systems["s"].rows("people")
    edit(w, "m", left, email="new@x.org")
    go(w)
    assert [r["s_email"] for r in w.systems["s"].rows("people").values()] == ["new@x.org"]


def test_who_is_merged_into_somebody_opted_out_brings_the_opt_out_to_namesakes(place: Path) -> None:
    """A doubtful record shares Cyd's address. Cyd is merged into Ann, who has opted out: mail to that address must stop
    there, too."""
    w = world(place, Kind("m"), Kind("s"), Kind("g", full_scan=True))
    insert(w, "m", email="cyd@x.org")
    insert(w, "m", email="ann@x.org", email_opt_out=True)
    go(w)
    double = insert(w, "g", email="cyd@x.org")
    assert go(w).exit_code == 3
    w.systems["m"].merge("people", "p2", "p1")
    go(w)
    assert row(w, "g", double)["email_opt_out"] is True


def test_an_address_that_a_record_still_shows_is_no_former_one(place: Path) -> None:
    """Ann's address changes, and her record in s, which takes no part, keeps the old one. Who comes in with it is Ann, and her
    opt-out is theirs."""
    w = world(
        place, Kind("m"), Kind("s"), Kind("g", create="never"), where=(("s", "lead.score is None or lead.score < 5"),)
    )
    insert(w, "m", email="ann@x.org", score=9)
    go(w)
    edit(w, "m", "p1", email="anna@x.org", email_opt_out=True)
    go(w)
    assert row(w, "s")["email"] == "ann@x.org"
    insert(w, "g", email="ann@x.org", first_name="Ann")
    assert go(w).exit_code == 0
    assert row(w, "g")["email_opt_out"] is True
    assert row(w, "m")["first_name"] == "Ann"
    edit(w, "s", "p1", email="anna@x.org")
    edit(w, "g", "p1", email="anna@x.org")
    go(w)
    insert(w, "g", email="ann@x.org")
    assert go(w).exit_code == 3, "now nobody shows it, and it proposes"


def test_duplicates_of_somebody_whom_two_systems_brought_a_page_before(place: Path) -> None:
    """Bea comes with a page of m and one of s, and two more of her with the next page of s: all four wait for a decision. The
    first load ended with "UNIQUE constraint failed", for two of them got one number."""
    w = world(place, Kind("m"), Kind("s", page_size=2))
    insert(w, "m", email="bea@x.org")
    insert(w, "s", email="bea@x.org")
    insert(w, "s", email="ann@x.org")
    insert(w, "s", email="bea@x.org", first_name="Bea")
    insert(w, "s", email="bea@x.org", first_name="Ann")
    assert go(w).exit_code == 3
    assert w.sql("SELECT count(*) FROM entities WHERE state = 'provisional'") == [(4,)]
    assert [r["m_email"] for r in w.systems["m"].rows("people").values()] == ["bea@x.org", "ann@x.org"]


def test_who_is_deleted_again_after_a_restoration_is_deleted(place: Path) -> None:
    """s deletes Ann while m edits her, so that she is kept; s takes her back, and deletes her once more: that is news."""
    w = world(place, Kind("m"), Kind("s"), deletes=(("m", "delete"),))
    insert(w, "m", email="ann@x.org")
    go(w)
    kept = dict(w.systems["s"].rows("people")["p1"])
    w.systems["s"].delete("people", "p1")
    edit(w, "m", "p1", company="Acme")
    go(w)
    assert w.systems["m"].rows("people")
    w.systems["s"].restore("people", "p1", kept)
    go(w)
    assert row(w, "s")["company"] == "Acme"
    w.systems["s"].delete("people", "p1")
    go(w)
    assert not w.systems["m"].rows("people")


def test_a_deletion_that_was_dealt_with_follows_nobody_into_a_merge(place: Path) -> None:
    """Bea's record in s was deleted, and she was kept since m had edited her. Then m merges her into Ann, who has no record in
    s: Ann was deleted in m for it."""
    w = world(place, Kind("m"), Kind("s", create="never"), deletes=(("m", "delete"),))
    ann, bea = insert(w, "m", email="ann@x.org", company="Bolt"), insert(w, "m", email="bea@x.org")
    there = insert(w, "s", email="bea@x.org")
    go(w)
    w.systems["s"].delete("people", there)
    edit(w, "m", bea, company="Acme")
    go(w)
    w.systems["m"].merge("people", ann, bea)
    go(w)
    go(w)
    assert list(w.systems["m"].rows("people")) == [ann]


def test_two_records_with_two_addresses_of_one_person_are_not_both_theirs(place: Path) -> None:
    """Ann's address was changed in m and not yet in s, and two records of g turn up at once, one with either address: the
    second was hers as well, without a question, and everybody had opted out with it."""
    w = world(place, Kind("m"), Kind("s"), Kind("g", create="never"))
    w.match_at_once = 500
    insert(w, "s", email="old@x.org")
    go(w)
    edit(w, "m", "p1", email="ann@x.org")
    insert(w, "g", email="ann@x.org")
    insert(w, "g", email="old@x.org", first_name="Bea")
    assert go(w).exit_code == 3
    assert row(w, "g", "p2")["first_name"] == "Bea"
    assert {("g", "people", "p1"), ("g", "people", "p2")} not in [
        {k for k in rows if k[0] == "g"} for rows in w.links().values()
    ]


def test_duplicates_are_let_go_once_their_rival_has_another_address(place: Path) -> None:
    """Three records show Cyd's address, two of them in s. Ann is merged into one of these, and it gets her address: what is
    left is one person, nobody's rival, and made known; of Ann and the record that she became there is nobody twice."""
    w = world(
        place, Kind("m"), Kind("s"), Kind("g"), rules=(NEWEST, ("email", "{direction: both, merge: newest, tie: g}"))
    )
    insert(w, "s", email="cyd@x.org", last_name="Pit")
    insert(w, "s", email="cyd@x.org")
    insert(w, "g", email="cyd@x.org")
    ann = insert(w, "s", email="ann@x.org")
    assert go(w).exit_code == 3
    w.systems["s"].merge("people", "p1", ann)
    go(w)
    assert go(w).exit_code == 0
    shown = {k: sorted(r[f"{k}_email"] for r in w.systems[k].rows("people").values()) for k in "msg"}
    assert shown == {k: ["ann@x.org", "cyd@x.org"] for k in "msg"}
    assert not go(w).writes()


def test_a_new_record_is_told_since_when_somebody_has_opted_out(place: Path) -> None:
    """s has a flag and no place for more, m keeps the time beside it. Ann's record in m was made without one, though any record
    that was there already would have got it."""
    w = world(place, Kind("m", acts=True), Kind("s"))
    insert(w, "s", email="ann@x.org", email_opt_out=True)
    insert(w, "s", email="bea@x.org")
    go(w)
    shown = {r["m_email"]: r["m_consent_at"] for r in w.systems["m"].rows("people").values()}
    assert shown == {"ann@x.org": w.sql("SELECT at FROM consent")[0][0], "bea@x.org": None}
    assert not go(w).writes()


def test_whoever_may_be_mailed_again_because_of_a_merge_has_the_act_in_the_log(place: Path) -> None:
    """Ann opted out; Cyd opted in by a box of his own, later, and is then merged into Ann. That act stood in the log of the one
    who is nobody any more, and the one who may be mailed again had none."""
    w = world(place, Kind("m", acts=True), Kind("s"))
    ann = insert(w, "m", email="ann@x.org", email_opt_out=True)
    go(w)
    at = (w.clock() + timedelta(seconds=60)).isoformat()
    w.clock.advance(120)
    cyd = insert(w, "m", email="cyd@x.org", email_opt_out=False, consent_at=at, consent_basis="checkbox")
    go(w)
    w.systems["m"].merge("people", ann, cyd)
    go(w)
    ((eid, status),) = [(eid, status) for eid, status in w.standing().items() if eid in w.survivors().values()]
    assert status == "opted_in"
    last = [body["fields"]["email"] for one, body in w.audit() if one == eid and body["op"] == "consent"][-1]
    assert (last["after"], last["evidence"], last["basis"]) == ("opted_in", 2, "checkbox")


@pytest.mark.parametrize(
    ("seconds", "basis", "opted_out"),
    [(60, "own_act", False), (-3600, "own_act", True), (60, "legal", True), (60, None, True)],
    ids=["their own, later", "their own, before the opt-out", "not their own", "of no basis"],
)
def test_who_opted_out_is_mailed_again_by_a_later_act_of_their_own_only(
    place: Path, seconds: int, basis: str | None, opted_out: bool
) -> None:
    w = world(place, Kind("m", acts=True), Kind("s"))
    ann = insert(w, "m", email="ann@x.org", email_opt_out=True)
    go(w)
    at = (w.clock() + timedelta(seconds=seconds)).isoformat()
    w.clock.advance(120)
    edit(w, "m", ann, email_opt_out=False, consent_at=at, consent_basis=basis)
    go(w)
    assert (row(w, "m", ann)["email_opt_out"], row(w, "s")["email_opt_out"]) == (opted_out, opted_out)
    assert not go(w).writes()


@pytest.mark.parametrize(("basis", "standing"), [("own_act", ["opted_in"]), ("legal", []), (None, [])])
def test_who_never_opted_out_has_not_opted_in_by_a_time_alone(
    place: Path, basis: str | None, standing: list[str]
) -> None:
    """The flag says "not opted out" as before, which is silence; a time comes beside it."""
    w = world(place, Kind("m", acts=True), Kind("s"))
    ann = insert(w, "m", email="ann@x.org", email_opt_out=False)
    go(w)
    edit(w, "m", ann, consent_at=w.clock().isoformat(), consent_basis=basis)
    go(w)
    assert [status for status in w.standing().values() if status != "no_claim"] == standing
