"""Consent: an opt-out is never lost, silence is never consent, and the order of arrival makes no difference."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smarksync.model import Claim, Status, consent
from smarksync.model.consent import Refusal, flag, from_flag, join, may_subscribe, spread, view

T = [f"2026-11-{day:02}T00:00:00.000000Z" for day in range(1, 6)]
claims = st.builds(
    Claim,
    status=st.sampled_from(Status),
    at=st.sampled_from([None, *T]),
    source=st.sampled_from(["a", "b"]),
    basis=st.sampled_from([None, "own_act"]),
    evidence=st.integers(0, 3),
)
# what a ledger can hold: silence and bare flags never became a standing opt-in
standing = st.one_of(
    st.none(), claims.filter(lambda c: c.status != "no_claim" and not (c.status == "opted_in" and c.evidence == 0))
)
some = st.lists(claims, max_size=4)


def claim(status, at, evidence, source="a"):
    return Claim(Status(status), at, source, None, evidence)


def oracle(everyone):
    """The status after all claims, told by the rules and not by the code: who was last, and may they?"""
    real = [c for c in everyone if c.status != "no_claim"]
    if any(c.status == "suppressed" for c in real):
        return "suppressed"
    outs = [c for c in real if c.status == "opted_out"]
    ins = [c for c in real if c.status == "opted_in" and c.evidence > 0]
    if not outs:
        return "opted_in" if ins else None
    for i in ins:
        if i.evidence >= 2 and i.at and all(o.at and i.at > o.at for o in outs):
            return "opted_in"
    return "opted_out"


@settings(max_examples=500)
@given(standing, some)
@example(None, [claim("opted_out", None, 0), claim("opted_out", T[0], 0), claim("opted_in", T[1], 2)])
def test_the_status_is_what_the_rules_say(before, shown):
    result = join(before, shown).standing
    assert (result and result.status) == oracle([*([before] if before else []), *shown])


@given(standing, some)
def test_order_does_not_count(before, shown):
    outcomes = {join(before, list(order)) for order in itertools.permutations(shown)}
    assert len(outcomes) == 1


@given(standing, some, some)
def test_runs_may_be_cut_anywhere(before, first, then):
    assert join(join(before, first).standing, then).standing == join(before, first + then).standing


@given(standing, some)
def test_the_same_again_changes_nothing(before, shown):
    once = join(before, shown)
    again = join(once.standing, shown)
    assert again.standing == once.standing
    assert again.move is None


@given(standing, some)
def test_an_opt_out_is_never_lost(before, shown):
    result = join(before, shown).standing
    outs = [c for c in [before, *shown] if c is not None and c.status in ("opted_out", "suppressed")]
    if outs:
        assert result is not None
        if result.status == "opted_in":
            assert result.evidence >= 2
            assert all(o.status == "opted_out" and o.at is not None and o.at < result.at for o in outs)


@given(standing, st.lists(claims.filter(lambda c: c.status == "no_claim" or c.evidence == 0), max_size=4))
def test_silence_is_never_consent(before, shown):
    result = join(before, shown).standing
    if before is None or before.status != "opted_in":
        assert result is None or result.status != "opted_in"


@given(standing, some)
def test_every_move_down_that_was_not_taken_is_named(before, shown):
    outcome = join(before, shown)
    named = {c for c, _ in outcome.refused}
    if outcome.standing and outcome.standing.status != "opted_in":
        assert named == {c for c in shown if c.status == "opted_in"}
    else:
        assert not named


def test_a_move_up_is_taken_at_once_on_any_evidence():
    outcome = join(claim("opted_in", T[0], 3), [claim("opted_out", T[1], 0)])
    assert outcome.standing.status == "opted_out" and outcome.move == "up"


def test_a_move_down_needs_an_own_act_that_is_later():
    out = claim("opted_out", T[1], 0)
    assert join(out, [claim("opted_in", T[2], 2)]).standing.status == "opted_in"
    assert join(out, [claim("opted_in", T[2], 2)]).move == "down"
    assert join(out, [claim("opted_in", T[2], 1)]).refused[0][1] == Refusal.EVIDENCE
    assert join(out, [claim("opted_in", T[1], 3)]).refused[0][1] == Refusal.EARLIER
    assert join(out, [claim("opted_in", None, 3)]).refused[0][1] == Refusal.EARLIER
    assert join(claim("opted_out", None, 0), [claim("opted_in", T[2], 3)]).standing.status == "opted_out"


def test_nothing_leaves_suppression():
    outcome = join(claim("suppressed", T[0], 1), [claim("opted_in", T[4], 3)])
    assert outcome.standing.status == "suppressed"
    assert outcome.refused[0][1] == Refusal.SUPPRESSED


def test_a_side_that_was_not_told_yet_does_not_take_a_fresh_opt_in_back():
    stale = claim("opted_out", T[0], 0, "b")
    after = join(stale, [claim("opted_in", T[2], 2)]).standing
    assert join(after, [stale]).standing == after


def test_views_and_flags():
    assert [view(s) for s in ("no_claim", "opted_in", "opted_out", "suppressed", None)] == [
        None,
        False,
        True,
        True,
        None,
    ]
    assert [flag(s) for s in ("no_claim", "opted_in", "opted_out", "suppressed")] == [False, False, True, True]
    assert from_flag(True, at=T[0], source="a").status == "opted_out"
    assert from_flag(False, at=T[0], source="a").status == "no_claim"
    assert from_flag(None, at=T[0], source="a").status == "no_claim"
    assert [s.rank for s in Status] == [0, 1, 2, 3]
    assert sorted(Status) == list(Status)  # `<` between the words is the order, too


def test_a_create_subscribes_only_with_consent():
    assert [may_subscribe(s) for s in ("no_claim", "opted_in", "opted_out")] == [False, True, False]
    assert [may_subscribe(s, "not_opted_out") for s in ("no_claim", "opted_in", "suppressed")] == [True, True, False]
    with pytest.raises(ValueError):
        may_subscribe("opted_in", "always")


@given(claims)
def test_a_claim_survives_storage(one):
    assert consent.from_wire(consent.as_wire(one)) == one


addresses = st.dictionaries(st.sampled_from("xyz"), st.frozensets(st.sampled_from(["1@a", "2@a", "3@a"])))


@given(st.dictionaries(st.sampled_from("xyz"), standing), addresses)
def test_an_opt_out_reaches_every_record_with_the_address(records, boxes):
    after = spread(records, boxes)
    assert spread(after, boxes) == after
    for one, other in itertools.permutations(records, 2):
        if boxes.get(one, frozenset()) & boxes.get(other, frozenset()) and records[one] and view(records[one].status):
            assert after[other] == join(records[other], [records[one]]).standing or view(after[other].status)
    for eid in records:
        if not any(records[o] and view(records[o].status) for o in records):
            assert after[eid] == records[eid]


def test_an_opt_in_stays_with_its_own_record():
    given_in, given_out = claim("opted_in", T[4], 2), claim("opted_out", T[1], 0)
    after = spread({"x": given_in, "y": given_out, "z": None}, {"x": ["1@a"], "y": ["1@a"], "z": ["1@a"]})
    assert after == {"x": given_in, "y": given_out, "z": given_out}
