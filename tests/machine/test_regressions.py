"""Named histories: what random ones found, and what each seeded bug of `make mutants` would break, said plainly."""

from __future__ import annotations

from pathlib import Path

import pytest

from smarksync.errors import LeaseLost, Throttled, Transient
from smarksync.ledger import inbox, lease, states
from smarksync.ledger.db import Ledger
from smarksync.plugin import Can, WriteResult

from .by_hand import NEWEST, edit, go, insert, meanwhile, row, world
from .world import JobPlan, Kind, Profile, World


def test_a_value_edited_back_to_the_beaten_one_is_an_edit(place: Path) -> None:
    """Three systems meet; m's value loses and is overwritten. Put back by hand it must travel, not be undone."""
    w = world(place, Kind("m"), Kind("s"), Kind("g"))
    insert(w, "m", email="ann@x.org", company="Acme")
    insert(w, "s", email="ann@x.org", company="Acme")
    w.clock.advance(60)
    insert(w, "g", email="ann@x.org", company="Bolt")
    go(w)
    edit(w, "m", "p1", company="Acme")
    go(w)
    assert [row(w, k)["company"] for k in "msg"] == ["Acme"] * 3


def test_a_fill_that_failed_beside_a_create_is_tried_again(place: Path) -> None:
    """f lacks the score, s lacks the record: the create succeeds, the fill is throttled, and must not be forgotten."""
    w = world(place, Kind("m"), Kind("s"), Kind("f"))
    insert(w, "m", email="ann@x.org", score=7)
    insert(w, "f", email="ann@x.org")
    w.faults.fail(lambda: Throttled("later"), system="f", kind="write")
    assert go(w).exit_code == 5
    go(w)
    assert row(w, "f")["score"] == 7


def test_servers_with_other_clocks(place: Path) -> None:
    """m's clock is an hour ahead; its edit was the earlier one and must not win by that."""
    w = world(place, Kind("m", skew=3600.0, tells_history=True), Kind("s", tells_history=True))
    ann = insert(w, "m", email="ann@x.org", company="Acme")
    go(w)
    edit(w, "m", ann, company="Early")
    w.clock.advance(600)
    edit(w, "s", "p1", company="Late")
    go(w)
    assert row(w, "m", ann)["company"] == row(w, "s")["company"] == "Late"


def test_our_own_write_is_no_edit_in_time(place: Path) -> None:
    """We wrote s a minute before a person edited m; s was not edited by anybody then, and later an old value there is old."""
    w = world(place, Kind("m"), Kind("s"), Kind("g"), rules=(("*", "{direction: both, merge: newest}"),))
    insert(w, "m", email="ann@x.org", company="Acme", job_title="CEO")
    w.clock.advance(60)
    insert(w, "s", email="ann@x.org", company="Bolt")
    w.systems["m"].faults = w.faults
    go(w)  # s is newer: m gets Bolt, s gets the title
    w.clock.advance(60)
    insert(w, "g", email="dot@x.org", company="Corp")
    go(w)
    assert row(w, "m")["company"] == "Bolt"
    # the two records meet a third by address: m's own time is the person's, not that of our write
    assert w.sql("SELECT count(DISTINCT changed_at) FROM links WHERE eid = 1 AND state = 'live'")[0][0] >= 2
    first = w.sql(
        "SELECT l.changed_at FROM links l JOIN streams s ON s.sid = l.sid WHERE s.connection = 'm' AND l.rid = 'p1'"
    )[0][0]
    assert first < "2026-03-01T09:01", "a write of ours made m's record newer"


def test_what_a_side_keeps_instead_counts_only_while_it_shows_it(place: Path) -> None:
    """m keeps lower case. A person's edit ends that, and a later 'ann' there is an edit like any other."""
    w = world(place, Kind("m", lowers=frozenset({"first_name"})), Kind("s"))
    ann = insert(w, "s", email="ann@x.org", first_name="Ann")
    go(w)
    edit(w, "m", "p1", first_name="bea")
    go(w)
    assert row(w, "s", ann)["first_name"] == "bea"
    edit(w, "m", "p1", first_name="ann")
    go(w)
    assert row(w, "s", ann)["first_name"] == "ann"


def test_an_edit_held_by_a_guard_is_still_an_edit(place: Path) -> None:
    """Nothing moves a base before its write: after three stopped runs the edit arrives once the guard is allowed."""
    guards = "{updates: {count: 0, share: 0%}, share: {count: 1000}}"
    w = world(place, Kind("m"), Kind("s"), guards=guards)
    ann = insert(w, "m", email="ann@x.org", first_name="Ann")
    go(w)
    edit(w, "m", ann, first_name="Bea")
    for _ in range(3):
        stopped = go(w)
        assert stopped.exit_code == 4 and not stopped.writes(), "a stopped plan was sent"
    go(w, allow=("updates",))
    assert row(w, "s")["first_name"] == "Bea"


def test_an_incomplete_reading_deletes_nobody(place: Path) -> None:
    """The second page fails: the rows on it are not gone, even where the vendor cannot be asked for them."""
    blind = Kind("m", full_scan=True, page_size=1, explains=False, without=frozenset({Can.FETCH, Can.GONE, Can.SWEEP}))
    w = world(place, blind, Kind("s"), deletes=(("s", "delete"),))
    for name in ("ann", "bea", "cyd"):
        insert(w, "m", email=f"{name}@x.org")
    go(w)
    w.faults.fail(lambda: Transient("gone away"), system="m", kind="read", skip=1)
    assert go(w).exit_code == 5
    assert w.sql("SELECT count(*) FROM links WHERE state = 'gone'") == [(0,)]
    go(w)
    assert len(w.systems["s"].rows("people")) == 3
    assert w.sql("SELECT count(*) FROM links WHERE state = 'gone'") == [(0,)]


def test_a_question_blocks_its_field_only(place: Path) -> None:
    w = world(place, Kind("m"), Kind("s"))
    ann = insert(w, "m", email="ann@x.org", company="Acme")
    go(w)
    edit(w, "m", ann, company="Bolt", first_name="Ann")
    edit(w, "s", "p1", company="Corp")
    assert go(w).exit_code == 3
    assert row(w, "s")["first_name"] == "Ann"
    assert (row(w, "m", ann)["company"], row(w, "s")["company"]) == ("Bolt", "Corp")


def test_mixed_answers_are_taken_by_ref(place: Path) -> None:
    """Receipts come in any order; the third row is refused, and only that one."""
    w = world(place, Kind("m"), Kind("s", max_batch=10))
    for name in ("ann", "bea", "cyd", "dot", "eve"):
        insert(w, "m", email=f"{name}@x.org", first_name=name)
    w.faults.answer(WriteResult.REJECTED, lambda one: one.fields.get("s_first_name") == "cyd")
    assert go(w).exit_code == 3
    for rid, shown in w.systems["s"].rows("people").items():
        sql = "SELECT e.agreed FROM links l JOIN streams s ON s.sid = l.sid JOIN entities e ON e.eid = l.eid WHERE s.connection = 's' AND l.rid = ?"
        assert shown["s_email"] in str(w.sql(sql, (rid,))[0][0]), f"{rid} is linked to somebody else"
    assert len(w.systems["s"].rows("people")) == 4


def test_a_lost_answer_makes_no_second_record(place: Path) -> None:
    """The create arrived and its answer did not: it is looked for before anything is sent again."""
    silent = frozenset({Can.UPSERT_BY_KEY, Can.FIND})
    for how in ("raise", "receipt"):
        w = world(place, Kind("m"), Kind("s", without=silent))
        insert(w, "m", email="ann@x.org", first_name="Ann")
        w.faults.lose(how, system="s")
        go(w)
        go(w)
        go(w)
        assert len(w.systems["s"].rows("people")) == 1


def test_a_create_found_again_is_ours(place: Path) -> None:
    """The answer was lost and m keeps lower case: that is no second opinion about the company, and nobody is asked."""
    w = world(place, Kind("m", lowers=frozenset({"company"})), Kind("s"))
    insert(w, "s", email="ann@x.org", company="Acme")
    w.faults.lose("receipt", system="m")
    go(w)
    assert go(w).exit_code == 0
    assert row(w, "s")["company"] == "Acme" and not w.questions()


def test_news_reaches_sides_that_did_not_move(place: Path) -> None:
    """owner m, differences left: m's new value goes to g, which stood at the agreed one, also beside a first meeting."""
    rules = (("*", "{direction: both, owner: m, enforce: leave}"),)
    w = world(place, Kind("m"), Kind("g"), Kind("s", streams=("people", "contacts")), rules=rules)
    ann = insert(w, "m", email="ann@x.org", first_name="Ann")
    go(w)
    w.systems["s"].convert("people", "p1", "contacts")
    edit(w, "m", ann, first_name="Bea")
    go(w)
    assert row(w, "g")["first_name"] == "Bea"


def test_tags_of_both_sides_are_joined(place: Path) -> None:
    rules = (NEWEST, ("tags", "{direction: both, merge: union}"))
    w = world(place, Kind("m"), Kind("s"), rules=rules)
    ann = insert(w, "m", email="ann@x.org")
    go(w)
    edit(w, "m", ann, tags=["a"])
    edit(w, "s", "p1", tags=["b"])
    go(w)
    assert row(w, "m", ann)["tags"] == row(w, "s")["tags"] == ["a", "b"]


def test_a_record_that_no_page_shows_yet_is_looked_for(place: Path) -> None:
    """s indexes a minute late; a search finds the record that somebody made there just now, and no second one is made."""
    w = world(place, Kind("m"), Kind("s", late=60.0))
    go(w)
    insert(w, "m", email="ann@x.org")
    w.clock.advance(30)
    insert(w, "s", email="ann@x.org")
    w.run()
    go(w)
    assert len(w.systems["s"].rows("people")) == 1


def test_a_limit_forgets_nothing(place: Path) -> None:
    w = world(place, Kind("m"), Kind("s"))
    for name in ("ann", "bea", "cyd"):
        insert(w, "m", email=f"{name}@x.org")
    for expected in (1, 2, 3):
        go(w, limit=1)
        assert len(w.systems["s"].rows("people")) == expected


def test_a_deleted_record_stays_deleted(place: Path) -> None:
    w = world(place, Kind("m"), Kind("s"))
    ann = insert(w, "m", email="ann@x.org")
    go(w)
    w.systems["s"].delete("people", "p1")
    go(w)
    edit(w, "m", ann, first_name="Ann")
    go(w)
    assert not w.systems["s"].rows("people")


def test_two_writers_that_never_rest_are_parked(place: Path) -> None:
    """I13: somebody's script puts a value back each time; after three restorations the field rests, with a question."""
    w = world(place, Kind("m"), Kind("s"), rules=(("*", "{direction: both, owner: m}"),))
    insert(w, "m", email="ann@x.org", company="Acme")
    go(w)
    wrote = 0
    for _ in range(8):
        edit(w, "s", "p1", company="Bolt")
        wrote += len(go(w).writes())
    assert wrote == 3
    assert [kind for _, _, kind, _ in w.questions()] == ["flip"]


def test_a_run_that_lost_its_lease_writes_nothing_more(place: Path) -> None:
    """A suspended machine wakes up; another run has taken over: not one commit of the sleeper may pass."""
    w = world(place, Kind("m"), Kind("s"))
    insert(w, "m", email="ann@x.org")
    ledger = Ledger(f"sqlite:///{w.path}")
    lease.take(ledger, ["connection:m"], "sleeper", w.clock())
    w.sql_write("UPDATE leases SET epoch = epoch + 1, holder = 'another'")
    with pytest.raises(LeaseLost), ledger.tx():
        ledger.run("INSERT INTO meta (key, value) VALUES ('x', 'y')")
    ledger.close()


def test_queues_are_cleared_by_sequence(place: Path) -> None:
    """What arrived while somebody was looking stays: in the inbox, and among what a job owes."""
    w = world(place, Kind("m"), Kind("s"))
    ledger = Ledger(f"sqlite:///{w.path}")
    inbox.add(ledger, [inbox.Waiting(1, rid, b"", b"{}") for rid in ("a", "b", "a")])
    inbox.add(ledger, [inbox.Waiting(2, "another job's", b"", b"{}")])
    inbox.drop(ledger, [1], 2)
    assert [(r.sid, r.rid) for r in inbox.take(ledger, [1], 0, 9)] == [(1, "a")]
    inbox.drop(ledger, [1], 9)
    assert [(r.sid, r.rid) for r in inbox.take(ledger, [1, 2], 0, 9)] == [(2, "another job's")]
    states.set_due(ledger, "people", [(1, "old"), (2, "old"), (3, "not looked at")], "now")
    states.looked_at(ledger, "people", [1, 2])
    states.set_due(ledger, "people", [(2, "put down meanwhile")], "now")
    states.clear_due(ledger, "people")
    assert ledger.rows("SELECT eid FROM due ORDER BY eid") == [(2,), (3,)]
    ledger.close()


def test_an_edit_during_the_run_is_not_lost(place: Path) -> None:
    """Between our pull and the end of the run a person edits another field of the very record we write."""
    w = world(place, Kind("m"), Kind("s", echo="sent"))
    ann = insert(w, "m", email="ann@x.org")
    go(w)
    edit(w, "m", ann, first_name="Ann")
    hit = meanwhile(w, "s.people.write", lambda: edit(w, "s", "p1", company="Acme"))
    go(w)
    go(w)
    assert hit and row(w, "m", ann)["company"] == "Acme" and row(w, "s")["first_name"] == "Ann"


def test_a_shared_system_between_two_jobs(place: Path) -> None:
    """I1 over two pairs: m with s, s with g. An edit in m reaches g by way of s, once, whichever job comes first."""
    for order in (0, 1):
        jobs = [
            JobPlan("left", ("m", "s"), (("first_name", "{direction: both}"), ("email", "{direction: both}"))),
            JobPlan("right", ("s", "g"), (("company", "{direction: both}"), ("first_name", "{direction: from s}"))),
        ]
        w = World(Profile((Kind("m"), Kind("s"), Kind("g")), tuple(jobs if order == 0 else jobs[::-1])), place)
        insert(w, "s", email="ann@x.org", company="Acme")
        go(w)
        go(w)
        edit(w, "m", "p1", first_name="Ann")
        edit(w, "g", "p1", company="Bolt")
        go(w)
        go(w)
        assert row(w, "g")["first_name"] == "Ann" and row(w, "s")["company"] == "Bolt"
        assert not go(w).writes()


@pytest.mark.parametrize("blank", ["keep", "clear"])
def test_a_record_made_by_one_job_does_not_settle_what_another_job_merges(place: Path, blank: str) -> None:
    """The company is merged by s and g alone. A record at s that shows none, met while it gets one at m, has emptied nothing."""
    plain = tuple((name, "{direction: both}") for name in ("email", "last_name"))
    company = f"{{direction: both, merge: newest, tie: g, blank: {blank}}}"
    jobs = (
        JobPlan("left", ("m", "s"), plain),
        JobPlan("right", ("s", "g"), (("company", company),), create=(("s", "never"),)),
    )
    w = World(Profile((Kind("m"), Kind("s"), Kind("g")), jobs), place)
    insert(w, "g", email="ann@x.org", company="Bolt")
    go(w)
    insert(w, "s", email="ann@x.org", last_name="Pit")
    go(w)
    assert [row(w, k).get("company") for k in "sg"] == ["Bolt", "Bolt"] and row(w, "m")["last_name"] == "Pit"
    assert not go(w).writes()


def test_a_record_is_no_newer_because_we_could_not_write_it(place: Path) -> None:
    """Nobody knows which of two sets of tags is the newer one. g's record is touched, and the opt-out that we send there is
    refused because of it: read again, it shows nothing where it had showed no. That made it the newest record."""
    w = world(place, Kind("m"), Kind("s"), Kind("g"))
    insert(w, "g", email="ann@x.org", tags=["a"])
    insert(w, "s", email="ann@x.org", tags=["b"])
    assert go(w).exit_code == 3
    w.clock.advance(130)
    w.systems["g"].touch("people", "p1")
    edit(w, "m", "p1", email_opt_out=True)
    w.faults.answer(WriteResult.CONFLICT, applied=False, times=3)
    assert go(w).exit_code == 3
    w.faults.clear()
    assert go(w).exit_code == 3
    assert [name for _, name, _, _ in w.questions()] == ["tags"]
    assert all(row(w, k)["email_opt_out"] for k in "msg")


def test_an_edit_that_beat_a_deletion_is_not_forgotten_because_a_guard_stopped_others(place: Path) -> None:
    """Bea's record in s is deleted while her score is edited in m, where it is only read: nothing has to be written for her.
    Ann's deletion stops the job; when it is let pass, Bea is kept."""
    w = world(place, Kind("m", reads=frozenset({"score"})), Kind("s"), deletes=(("m", "archive"),),
              guards="{deletes: {count: 0, share: 0}}")  # fmt: skip
    ann, bea = insert(w, "s", email="ann@x.org"), insert(w, "s", email="bea@x.org")
    go(w)
    ids = {r["m_email"]: i for i, r in w.systems["m"].rows("people").items()}
    w.systems["s"].delete("people", ann)
    w.systems["s"].delete("people", bea)
    edit(w, "m", ids["bea@x.org"], score=5)
    assert go(w).exit_code == 4
    go(w, allow=("deletes",))
    go(w)
    assert [r["m_email"] for r in w.systems["m"].rows("people").values()] == ["bea@x.org"]


def test_what_a_record_was_never_sent_is_not_emptied_by_the_next_record(place: Path) -> None:
    """g cannot be written Cyd's first name, and m fails for a run. When m's record is made after all, g agreed to nothing:
    its empty field was taken for one that somebody emptied then, and emptied s and m with its next edit."""
    rules = (NEWEST, ("first_name", "{direction: both, merge: newest, tie: g, blank: clear}"))
    w = world(place, Kind("m"), Kind("s"), Kind("g", reads=frozenset({"first_name"})), rules=rules)
    insert(w, "s", email="cyd@x.org", first_name="Cyd")
    w.faults.fail(lambda: Transient("gone away"), system="m", kind="write")
    assert go(w).exit_code == 5 and w.systems["g"].rows("people") and not w.systems["m"].rows("people")
    assert go(w).exit_code == 0
    edit(w, "g", "p1", company="Bolt")
    go(w)
    assert [(row(w, name)["first_name"], row(w, name)["company"]) for name in "ms"] == [("Cyd", "Bolt")] * 2
    assert not go(w).writes()
