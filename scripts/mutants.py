"""Seeds bugs into a copy of the sources and shows that the machine's tests kill them. `make mutants`.

Each bug is a textual patch; one whose text is no longer there is an error, because it proves nothing. A control
run without a bug must pass. Exit code 0: the control passed and at least nine of ten bugs died, all named ones
among them.
"""

from __future__ import annotations

import sys
import time
from typing import NamedTuple

from seeded import ROOT, passes, stands_once

QUICK = "tests/machine/test_regressions.py"
PEOPLE = "tests/machine/test_regressions_people.py"
RANDOM = "tests/machine/test_machine.py"
KILL = "tests/machine/test_kill.py"
FOUND = "tests/machine/test_found.py"
CHANGED = "tests/machine/test_config_changes.py"
FORESEEN = "tests/scenarios/test_foresight.py"
SPEAKS = "tests/machine/test_who_speaks.py"
GAPS = "tests/machine/test_gaps.py"
ONCE = "tests/machine/test_once.py"
SHORT = "tests/unit/plan/test_short_ways.py"


class Mutant(NamedTuple):
    """``patches``: (file under src/smarksync, text, text instead). ``named``: asked for by name, must die."""

    name: str
    patches: tuple[tuple[str, str, str], ...]
    named: bool = False
    tests: tuple[str, ...] = (QUICK, PEOPLE, RANDOM)


MUTANTS = (
    Mutant("base moved at T1", ((
        "engine/observe.py", "        mark_stamp(side, record.fields, ref, new=\"external_id\" in lane.adopts)\n",
        "        mark_stamp(side, record.fields, ref, new=\"external_id\" in lane.adopts)\n        if not side.memo.get('n'):\n"
        "            side._put('b', {**(side.memo.get('b') or {}), **{n: side.observed(n, values) for n in side.dirty()}})\n"),), True),
    Mutant("the (sent, stored) pair kept after a foreign edit", (
        ("engine/observe.py", "            side.drop_pair(vendor)\n", "            pass\n"),), True),
    Mutant("inbox rows deleted whole instead of by sequence", (
        ("ledger/inbox.py", "DELETE FROM inbox WHERE seq <= ? AND {which}", "DELETE FROM inbox WHERE seq + 0 * ? < 9e15 AND {which}"),), True),
    Mutant("what a job owes cleared whole, with what was put down since it looked", (
        ("ledger/states.py", "DELETE FROM due WHERE job = ? AND looked_at = 1", "DELETE FROM due WHERE job = ?"),), True),
    Mutant("what a job owes struck out with a planning that is not released yet", (
        ("ledger/states.py", "UPDATE due SET looked_at = 1 WHERE job", "DELETE FROM due WHERE job"),), True, (FOUND,)),
    Mutant("rows that left dealt with in the order in which systems were asked", (
        ("ledger/departed.py", "ORDER BY d.at, s.connection, s.object, d.rid, d.seq", "ORDER BY d.seq"),), True),
    Mutant("restorations counted when they are planned", (
        ("engine/decide.py", "sid, wanted_hash({\"v\": ours}), since)\n", "sid, wanted_hash({\"v\": ours}), since)\n        flips.add(run.ledger, [(person.eid, field, sid, wanted_hash({\"v\": ours}), run.stamp())])\n"),), tests=(FOUND,)),
    Mutant("planned rows re-sent by recovery after a guard stopped them", (
        ("engine/recover.py", "\"job = ? AND sid = ? AND status = 'released'\"", "\"job = ? AND sid = ? AND status IN ('released', 'held')\""),
        ("engine/apply.py", "AND status = 'released' AND seq > ?", "AND status IN ('released', 'held') AND seq > ?")), True),
    Mutant("our own write taken as edit time", (
        ("engine/observe.py", "        return record.changed_by == OWN_USER  # a", "        return False  # a"),
        ("engine/settle.py", "target.changed_at = target.changed_at or lane.ours(receipt.changed_at)", "target.changed_at = lane.ours(receipt.changed_at)")), True),
    Mutant("a one-sided untick of an opt-out passed on", (
        ("plan/consent.py", "evidence = BASIS_EVIDENCE.get(str(basis), 0) if name == \"email_opt_out\" else 0", "evidence, at = 2, at or now"),), True),
    Mutant("an act of somebody's own counts however early it was", (
        ("model/consent.py", "elif latest_act is not None and _later(latest_act, latest_out):", "elif latest_act is not None:"),)),
    Mutant("any basis is an act of somebody's own", (
        ("plan/consent.py", "BASIS_EVIDENCE.get(str(basis), 0) if", "BASIS_EVIDENCE.get(str(basis), 2) if"),)),
    Mutant("whoever is not opted out has opted in", (
        ("plan/consent.py", "act = evidence >= OWN_ACT and at is not None", "act = at is not None"),
        ("plan/consent.py", "basis, evidence) if act else None", "basis, max(evidence, 2)) if act else None"))),
    Mutant("a value that waits in quarantine counts as settled", (
        ("plan/build.py", "problem, verdict.value))\n            outcome.held.add(name)\n", "problem, verdict.value))\n"),), tests=("tests/scenarios/test_values.py",)),
    Mutant("a new record is not told since when somebody has opted out", (
        ("engine/consents.py", "frozenset(name for name in EVIDENCE_FIELDS if", "frozenset(name for name in () if"),), tests=(PEOPLE,)),
    Mutant("deletion inferred from an incomplete scan", (
        ("engine/departures.py", "        if lane.failed is not None:\n            continue\n", ""),), True),
    Mutant("receipts by position", ((
        "engine/apply.py", "    for receipt in receipts:\n        seq = int(receipt.ref) if receipt.ref.isdigit() else -1\n",
        "    for place, receipt in enumerate(receipts):\n        seq = batch[place].seq\n"),), True),
    Mutant("second candidate dropped", (("plan/match.py", "        elif len(strong) > 1:\n", "        elif False:\n"),), True),
    Mutant("alias lost on merge", (
        ("ledger/entities.py", "\"UPDATE entities SET state = ?, into_eid = ? WHERE eid = ?\", (ALIAS, survivor, loser)", "\"UPDATE entities SET state = ?, into_eid = NULL WHERE ? AND eid = ?\", (ALIAS, survivor, loser)"),), True),
    Mutant("a conflict blocks the entity instead of the field", (
        ("plan/build.py", "    decided = {n: v for n, v in verdicts.items() if v.conflict is None}\n    values =", "    decided = {n: v for n, v in verdicts.items() if v.conflict is None and not outcome.questions}\n    values ="),), True),
    Mutant("cursor committed before rows", ((
        "engine/intake.py", "            elif records:\n                self._store(records)\n            if page.complete:\n                facts.leave(self.run, lane, page.complete)\n            streams.save_cursor(ledger, lane.sid, page.cursor, lane.mapping.version)\n",
        "            if page.complete:\n                facts.leave(self.run, lane, page.complete)\n            streams.save_cursor(ledger, lane.sid, page.cursor, lane.mapping.version)\n        with ledger.tx():\n            if records:\n                self._store(records)\n"),), True, (KILL,)),
    Mutant("the job's mark moved past what it planned", (
        ("engine/release.py", "states.set_mark(ledger, job.name, top)", "states.set_mark(ledger, job.name, states.top(ledger) + 9)"),)),
    Mutant("a losing value leaves no trace", (
        ("plan/reconcile.py", "                verdict.beaten[view.connection] = view.observed\n", "                pass\n"),
        ("engine/notes.py", "{\"before\": before.get(v), \"after\": a}", "{\"after\": a}")),),
    Mutant("tie ignored", (("plan/reconcile.py", "    if rule.tie is not None:\n        chosen = next((v for v in voices", "    if False:\n        chosen = next((v for v in voices"),)),
    Mutant("an emptied field overwrites", (("plan/reconcile.py", "elif blank(view.observed) and not blank(view.base) and not rule.clear:", "elif False:"),)),
    Mutant("an empty owner empties the others", (("plan/reconcile.py", "if owner is None or blank(owner.observed):", "if owner is None:"),)),
    Mutant("overlapping times decide", (("plan/evidence.py", "best_after > until + skew for until in others", "True for until in others"),)),
    Mutant("a beaten value taken for what an overwritten side stands at", (
        ("engine/settle.py", "for f, v in taken.get(side.key, {}).items() if _still_shows(side, f, v, before)}", "for f, v in taken.get(side.key, {}).items()}"),)),
    Mutant("a lease that was lost goes unnoticed", (("ledger/db.py", "if found.get(name) != epoch:", "if False:"),)),
    Mutant("an unknown answer taken for not applied", ((
        "engine/refusals.py", "        plans.set_status(run.ledger, [row.seq], \"unknown\")\n", "        plans.remove(run.ledger, [row.seq])\n"),)),
    Mutant("deleted records created again", ((
        "engine/lookup.py", "for link in group if link.sid in run.connection_of)", "for link in group if link.sid in run.connection_of and link.state == 'live')"),)),
    Mutant("a guard holds opt-outs back", (("engine/release.py", "WHERE job = ? AND status = 'planned' AND consent = 1", "WHERE job = ? AND status = 'planned' AND consent = 2"),)),
    Mutant("a corrected duplicate keeps its old key", (("engine/observe.py", "                keys.forget_strong(ledger, [link.eid])", "                pass"),)),
    Mutant("a doubtful record that was merged forgets its address", (
        ("engine/observe.py", "keys.forget_strong(ledger, [link.eid])", "keys.forget(ledger, link.eid)"),), tests=(GAPS,)),
    Mutant("what was edited outside `where` taken for the only edit", (
        ("plan/build.py", "if \"o\" in side.memo:", "if False:"),), tests=(GAPS,)),
    Mutant("what is agreed while a record is outside `where` not noted with a write", (
        ("engine/settle.py", "if side.key in body.get(\"outside\", ()):", "if False:"),), tests=(RANDOM,)),
    Mutant("former addresses link", (("ledger/keys.py", "UPDATE keys SET weak = 1 WHERE", "UPDATE keys SET weak = 0 WHERE"),)),
    Mutant("doubtful records miss opt-outs", (("engine/decide.py", "    people += doubtful\n", ""),)),
    Mutant("servers' clocks taken as ours", (("engine/context.py", " - self.ahead)", ")"),)),
    Mutant("the breaker never trips", (("engine/decide.py", "if count >= FLIPS:", "if False:"),)),
    Mutant("union keeps one side", (("plan/reconcile.py", "sorted({item for v in voices for item in (v.observed or ())})", "sorted({item for v in voices[:1] for item in (v.observed or ())})"),)),
    Mutant("nothing is looked for before a create", (("engine/rivals.py", "    keys_there = lookup_keys(lane)\n", "    keys_there = []\n"),)),
    Mutant("rejected fills settled beside a create", (("engine/settle.py", "            if losers:  # still owed", "            if False:  # still owed"),)),
    Mutant("what a record was never sent taken for emptied when another one is made", (
        ("engine/settle.py", "            apart = side.memo.get(\"b\") or {}\n", "            apart = {}\n"),), tests=(QUICK,)),
    Mutant("a record made by one job settles what another job merges", (
        ("plan/creates.py", " or held or apart)", " or held)"),), tests=(QUICK,)),
    Mutant("the address of a record that left stays a key", (
        ("engine/departures.py", "        former_keys(run, person)\n", ""),), tests=(PEOPLE,)),
    Mutant("what was said of consent goes with the record", (
        ("engine/last_words.py", "    if said:\n        _take(run, eid, said)\n", ""),), tests=("tests/scenarios/test_departures.py",)),
    Mutant("last words are dated when they are heard", (
        ("engine/last_words.py", "_opt_outs(side, agreed, min(at, run.stamp()))", "_opt_outs(side, agreed, run.stamp())"),), tests=("tests/scenarios/test_last_words.py",)),
    Mutant("nobody remembers that last words were taken", (
        ("engine/last_words.py", "    if said and left is not None:\n", "    if not said and left is not None:\n"),), tests=("tests/scenarios/test_last_words.py",)),
    Mutant("what a doubtful record said in the end is forgotten with it", (
        ("engine/departures.py", "        last_words.spread(run, eid, said)\n", ""),), tests=("tests/scenarios/test_last_words.py",)),
    Mutant("the last words of who was never read are nobody's", (
        ("engine/departures.py", " or _stranger(run, lane, gone, at)\n", " or True\n"),), tests=("tests/scenarios/test_last_words.py",)),
    Mutant("the last words for who is matched later in the run wait for another run", (
        ("engine/run.py", "    departures.deal_with(run)\n", ""),), tests=("tests/scenarios/test_last_words.py",)),
    Mutant("the last words of who was merged twice are lost on the way", (
        ("engine/departures.py", " or row.rid in leaned_on", ""),), tests=("tests/scenarios/test_last_words.py",)),
    Mutant("what a record was left with is news once it was merged", (
        ("engine/lookup.py", "and side.observed(name, before) == base:", "and False:"),), tests=("tests/machine/test_once.py",)),
    Mutant("what a record was left with is news of the one that it became", (
        ("engine/conversions.py", "if link is not None and (mapping", "if False and (mapping"),), tests=("tests/machine/test_once.py",)),
    Mutant("a planned write is sent although the field is of new records now", (
        ("engine/recover.py", "if any(codec.create_only and", "if any(False and"),), tests=("tests/machine/test_once.py",)),
    Mutant("the last words for who could not be read are dropped", (
        ("engine/departures.py", "if target.failed is not None or inbox", "if inbox"),), tests=("tests/scenarios/test_last_words.py",)),
    Mutant("our id on the person's other record bars this one", (
        ("engine/refusals.py", "    if holders == {row.eid} and codec is not None and", "    if row is None and codec is not None and"),), tests=("tests/scenarios/test_marketo_salesforce_sync.py",)),
    Mutant("somebody is asked whether they are themselves", (
        ("engine/refusals.py", "(eid == row.eid or entities.apart(run.ledger, row.eid, eid))", "entities.apart(run.ledger, row.eid, eid)"),), tests=("tests/scenarios/test_refused_fields.py",)),
    Mutant("a duplicate that left bars for ever", (
        ("engine/departures.py", "        quarantine.unbar(ledger, person, lane.sid)\n", ""),), tests=("tests/scenarios/test_refused_fields.py",)),
    Mutant("a merge dates an opt-out anew", (
        ("engine/lookup.py", "    out = [name for name in CHANNELS.values() if _opted_out(side, name, before)]\n", "    out: list[str] = []\n"),),
        tests=("tests/machine/test_who_speaks.py",)),
    Mutant("a merge of a record that was deleted before is no news", (
        ("engine/departures.py", "(link.state == links.GONE and gone.into is None)", "link.state == links.GONE"),),
        tests=("tests/machine/test_who_speaks.py",)),
    Mutant("other jobs are not told", (("engine/shared.py", "for kind, eid in told if kind in run.shared", "for kind, eid in told if kind in ()"),)),
    Mutant("a new record's fields that it was not sent taken for emptied", (
        ("engine/settle.py", "        _unsent(target, body.get(\"after\", {}), after)\n", "        pass\n"),), tests=(FOUND,)),
    Mutant("who shares an address told a round late", (("engine/decide.py", "    while run.heirs:\n", "    while False:\n"),), tests=(FOUND,)),
    Mutant("an edit saves only the edited record from a delete", (
        ("engine/removals.py", "        if wanted:\n", "        if side.connection in (wanted if isinstance(wanted, list) else ()):\n"),), tests=(FOUND,)),
    Mutant("deletes reach who is outside `where`", (("engine/removals.py", " or side.sid in outcome.outside:\n            if left", ":\n            if left"),), tests=(FOUND,)),
    Mutant("a connection that comes back believed to show what was agreed without it", (
        ("engine/absent.py", "    if not run.absent:\n        return\n    news", "    return\n    news"),), tests=(CHANGED,)),
    Mutant("what was read for another job thrown away", (
        ("ledger/inbox.py", "    which = \"sid IN", "    which = \"1 OR sid IN"),), tests=(CHANGED,)),
    Mutant("a new field of a mapping taken for edited", (
        ("engine/intake.py", "return frozenset(name for name, vendor in _places(lane).items() if before.get(name) != vendor)", "return frozenset()"),), tests=(CHANGED, RANDOM)),
    Mutant("changed rules look at nobody", (
        ("engine/decide.py", "    everything = daily or states.rules_of(ledger, job.name) != job.rules_hash\n", "    everything = daily\n"),), tests=(CHANGED,)),
    Mutant("old deletions acted on once deletes are turned on", (("engine/removals.py", "        side.memo[\"d\"] = 1\n", "        pass\n"),), tests=(CHANGED,)),
    Mutant("a wider `where` lets nobody in", (("engine/intake.py", "    links.look_again_outside(run.ledger, lane.sid)\n", ""),), tests=(CHANGED,)),
    Mutant("a new record's address looked for in what its row moves", (
        ("engine/rivals.py", "        self._known = entities.load(run.ledger, {row.eid for row in rows if row.source is None})\n", "        self._known: dict[int, Any] = {}\n"),), tests=(FOUND,)),
    Mutant("our own write lets nobody out of `where`", (("engine/settle.py", "    tell_where(run, (row for row, _ in done))\n", ""),), tests=(FOUND,)),
    Mutant("a lost answer leaves a record outside `where` to nobody", (
        ("engine/matching.py", " and not _among(run, lane, values, ours)", ""),), tests=(FOUND,)),
    Mutant("a new record unsettled in what was agreed before", (
        ("plan/creates.py", "            row.fields += [n for n in job.rules", "            row.fields += [n for n in ()"),), tests=(SPEAKS,)),
    Mutant("a record that we made the newest word of all", (
        ("engine/settle.py", "        target.changed_at = _as_old_as(side for side in sides if side is not target)\n", ""),
        ("engine/settle_plain.py", "changed_at = since or run", "changed_at = run")), tests=(SPEAKS,)),
    Mutant("what was agreed while a connection was away taken for an edit of it", (
        ("engine/observe.py", "            not edited or", "            not moved or"),), tests=(SPEAKS,)),
    Mutant("a table passed by for a word that is spelt in another way", (
        ("mapping/choices.py", "if not closed and spelled in loose:", "if False:"),), tests=(CHANGED,)),
    Mutant("answers lost with the name of their job", (("engine/decide.py", "            _take_over_answers(run, job)\n", "            pass\n"),), tests=(CHANGED,)),
    Mutant("two behind one desk taken for one", (("engine/rivals.py", "(desk or entities.apart(run.ledger, row.eid, eid))", "entities.apart(run.ledger, row.eid, eid)"),), tests=(FOUND,)),
    Mutant("a converted lead's place taken by whichever record has the lowest id", (
        ("engine/conversions.py", "link[:2] != heir, ", ""),), tests=(SPEAKS,)),
    Mutant("what a record said forgotten when it leaves", (("plan/build.py", "            since=since(gone, name, person.agreed),\n", ""),), tests=(SPEAKS,)),
    Mutant("what another person's record said taken for the survivor's", (
        ("plan/evidence.py", " and s.base(name, agreed) is not ABSENT)", ")"),), tests=(SPEAKS,)),
    Mutant("what was agreed a rival of an edit of it", (("plan/reconcile.py", "    if not any(v.edited for v in filled):\n", "    if True:\n"),), tests=(SPEAKS,)),
    Mutant("a deletion after a restoration taken for the one before", (
        ("engine/observe.py", "            side._put(\"d\", None)  # if", "            pass  # if"),), tests=(PEOPLE,)),
    Mutant("a deletion that was dealt with is news after a merge", (("engine/lookup.py", "    if \"d\" in was:\n", "    if False:\n"),), tests=(PEOPLE,)),
    Mutant("two records of one object are one person's by two of their keys", (
        ("plan/match.py", "            places.setdefault(strong[0], set()).update(streams)\n", ""),), tests=(PEOPLE,)),
    Mutant("an emptied source filled when somebody is met", (
        ("plan/reconcile.py", "            if view.connection == rule.source and view.edited:\n", "            if False:\n"),), tests=(SPEAKS,)),
    Mutant("a restored record speaks beside the one that took its place", (
        ("engine/observe.py", "record.id, rank_of(run, lane, link.eid))", "record.id, link.rank)"),), tests=(SPEAKS,)),
    Mutant("a no that was nothing taken for an edit", (("engine/observe.py", " or _only_respelt(lane, was, side.memo)", ""),), tests=(QUICK,)),
    Mutant("a plan made ahead outlives a change", (("ledger/foreseen.py", "AND f.eid = c.eid AND c.seq > f.seq", "AND f.eid = c.eid AND 0"),), tests=(FORESEEN,)),
    Mutant("our own write taken for a look at the record", (
        ("ledger/links.py", "SET fp = NULL, own_at", "SET fp = NULL, seen_at = '2999', own_at"),), tests=(FORESEEN,)),
    Mutant("a create-only field changed in a record that is there", (
        ("plan/build.py", "        if codec.create_only:\n", "        if False:\n"),), tests=(ONCE,)),
    Mutant("the same by the short way", (("plan/edited.py", "        if codec.create_only:\n", "        if False:\n"),), tests=(ONCE, SHORT)),
    Mutant("a create-only field not told when it stays", (
        ("plan/edited.py", "            if not codec.agrees(shown, value):\n                outcome.left", "            if False:\n                outcome.left"),), tests=(ONCE, SHORT)),
    Mutant("people asked about what no answer could change, and a lost ledger overwrites", (
        ("plan/staying.py", "    if codec.create_only:\n        return False\n", ""),), tests=(ONCE,)),
    Mutant("a create-only field owed to a record that was left alone", (
        ("plan/side.py", " and not codec.create_only\n", "\n"),), tests=(ONCE,)),
    Mutant("a plan made ahead of no round is kept", (("engine/run.py", "        job.ahead.drop()\n", ""),), tests=(FORESEEN,)),
)  # fmt: skip


def main(words: list[str]) -> int:
    """Runs the control, then each bug (or those whose name contains a word given). ``--check`` only asks whether all fit."""
    chosen = [m for m in MUTANTS if not words or any(w in m.name for w in words)]
    broken = [m.name for m in MUTANTS if not _applies(m)]
    if broken:
        print("These bugs cannot be seeded any more; write them anew:", *broken, sep="\n  ")
        return 2
    if words == ["--check"]:
        print(f"{len(MUTANTS)} bugs can be seeded")
        return 0
    if not chosen:
        print(f"No bug's name contains {' or '.join(map(repr, words))}, so nothing is shown")
        return 2
    if not words and not _passes(None):
        print("control: the tests fail without any bug, so nothing is shown")
        return 2
    print("control: passes without a bug" if not words else "control: left out", flush=True)
    survived = []
    for mutant in chosen:
        began = time.monotonic()
        alive = _passes(mutant)
        print(f"{'SURVIVED' if alive else 'killed  '} {time.monotonic() - began:5.1f} s  {mutant.name}", flush=True)
        if alive:
            survived.append(mutant)
    print(f"{len(chosen) - len(survived)} of {len(chosen)} killed")
    return 1 if any(m.named for m in survived) or len(survived) * 10 > len(chosen) else 0


def _patches(mutant: Mutant | None) -> list[tuple[str, str, str]]:
    return [(f"smarksync/{name}", text, instead) for name, text, instead in (mutant.patches if mutant else ())]


def _applies(mutant: Mutant) -> bool:
    return stands_once(ROOT / "src", _patches(mutant))


def _passes(mutant: Mutant | None) -> bool:
    every = dict.fromkeys(test for known in MUTANTS for test in known.tests)
    tests = mutant.tests if mutant else tuple(every)
    return passes(ROOT / "src", _patches(mutant), tests, SMARKSYNC_SHRINK="0")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
