"""The oracle machine: random histories over several systems, each run compared with a second reading of engine.md.

`make machine` plays many more of them: ``SMARKSYNC_HISTORIES=2000`` (per world) and ``SMARKSYNC_SEED=…``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from smarksync.plugin import Can

from .drawing import draw
from .histories import History, prove
from .place import folder
from .terms import Extras
from .world import Kind, World

HISTORIES = int(os.environ.get("SMARKSYNC_HISTORIES", "16"))
FIRST = int(os.environ.get("SMARKSYNC_SEED", "0"))

WORLDS: dict[str, tuple[Kind, ...]] = {
    "two": (Kind("m"), Kind("s")),
    "three": (Kind("m"), Kind("s"), Kind("g")),
    # lower case, whole seconds; no echo, a clock an hour ahead, leads that become contacts
    "odd": (
        Kind("m", lowers=frozenset({"first_name", "company"}), resolution=1.0),
        Kind("s", echo="none", skew=3600.0, streams=("people", "contacts")),
    ),
    # half an echo and our own id; a field history; read whole, anonymous, hides deletes, maps less
    "mixed": (
        Kind("m", echo="sent", skew=-900.0, external_id=True),
        Kind("s", streams=("people", "contacts"), tells_history=True),
        Kind("g", full_scan=True, echo="none", tells_user=False, strips=True, lowers=frozenset({"job_title"}),
             lacks=frozenset({"tags", "score"}), hard_deletes=True),
    ),
    # four, one never written to by creates, one that is swept for deletes
    "four": (
        Kind("m", without=frozenset({Can.GONE}), hard_deletes=True),
        Kind("s", without=frozenset({Can.FETCH, Can.CONDITIONAL})),
        Kind("g", create="never", empty_every=1, restamps=True),
        Kind("f", full_scan=True, lacks=frozenset({"tags", "email_opt_out"}), resolution=1.0),
    ),
}  # fmt: skip

#: name: systems, what the jobs say beside their rules, how many people the histories are about
TIGHT: dict[str, tuple[tuple[Kind, ...], Extras, int]] = {
    # every plan is weighed: stopped runs, and some that are let pass
    "guarded": ((Kind("m"), Kind("s"), Kind("g")), Extras(guards={"first_run": 2, "creates": 1, "updates": 1}), 4),
    # a high score takes no part, on two sides of three
    "partial": (
        (Kind("m", reads=frozenset({"score"})), Kind("s", reads=frozenset({"score"})), Kind("g")),
        Extras(where={"m": 9, "s": 5}), 2,
    ),
    # the same where our own writes let records in and out
    "crossing": ((Kind("m"), Kind("s"), Kind("g")), Extras(where={"m": 9, "s": 5}), 2),
    # each policy that a side can have
    "removing": (
        (Kind("m"), Kind("s"), Kind("g"), Kind("f", full_scan=True)),
        Extras(deletes={"m": "delete", "s": "archive", "g": "unlink", "f": "ignore"}), 2,
    ),
    # both at once, and deletions are weighed as well
    "strict": (
        (Kind("m", reads=frozenset({"score"})), Kind("s", streams=("people", "contacts"))),
        Extras(deletes={"m": "archive", "s": "delete"}, where={"m": 9}, guards={"first_run": 3, "updates": 2, "deletes": 0}), 3,
    ),
    # two sides tell whether an opt-in is an act of the person's own, and one has no more than a flag
    "acting": ((Kind("m", acts=True), Kind("s", acts=True), Kind("g")), Extras(), 2),
    # one side has no word for some titles, so that they wait in quarantine until somebody edits them again
    "closed": ((Kind("m"), Kind("s", titles=("CEO",)), Kind("g", full_scan=True)), Extras(), 2),
    "shut": ((Kind("m"), Kind("s", titles=("CEO",))), Extras(), 2),
    # some fields are only read on a side
    "one-way": (
        (Kind("m", reads=frozenset({"score", "company"})), Kind("s"), Kind("g", reads=frozenset({"first_name", "tags"}))),
        Extras(), 2,
    ),
    # some fields are taken with a new record only
    "once": ((Kind("m", once=frozenset({"company", "score"})), Kind("s"), Kind("g", once=frozenset({"first_name", "tags"}))), Extras(), 2),
}  # fmt: skip


#: worlds whose config people edit, and what they must have done to it
EDITED = {
    "three": ("change connection", "change second"), "four": ("change connection",), "odd": ("change where",),
    "mixed": ("change connection",), "guarded": ("stopped",), "removing": ("change deletes",), "acting": ("came back",),
    "once": ("change connection",),
}  # fmt: skip


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with folder() as path:
        yield path


@pytest.mark.parametrize("name", WORLDS)
def test_random_histories(name: str, place: Path) -> None:
    """Whoever edits, merges, converts, deletes or opts out: every field of every record is what engine.md says."""
    done: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + HISTORIES):
        done += prove(draw(seed, WORLDS[name]), place)
    _worked(name, done, "writes", "asked")


@pytest.mark.parametrize("name", ["three", "odd", "mixed", "four"])
def test_random_histories_with_faults(name: str, place: Path) -> None:
    """Killed, throttled, limited, unanswered: with the runs that follow, the same as if nothing had happened."""
    done: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + HISTORIES * 2 // 3):
        done += prove(draw(seed, WORLDS[name], faults=True), place)
    _worked(name, done, "killed", "repaired", "exit 5")


#: what the histories of a world must have had
SEEN = {
    "guarded": ("stopped",), "partial": ("met anew",), "crossing": ("met anew",), "one-way": ("writes",), "once": ("writes",), "acting": ("came back", "opted in", "put back"), "closed": ("withheld", "released"), "shut": ("withheld", "released"), "strict": ("stopped", "deletes archive"),
    "removing": ("deletes delete", "deletes archive", "deletes unlink"),
}  # fmt: skip


@pytest.mark.parametrize("name", TIGHT)
def test_guards_filters_policies_and_one_way_fields(name: str, place: Path) -> None:
    """What a guard stops waits with nothing forgotten, opt-outs flow; who is outside takes no part; nobody is deleted by mistake."""
    kinds, extras, people = TIGHT[name]
    done: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + HISTORIES):
        done += prove(draw(seed, kinds, extras=extras, people=people, faults=seed % 4 == 3), place)
    _worked(name, done, *SEEN[name])


@pytest.mark.parametrize("name", ["two", *EDITED])
def test_people_edit_the_config_between_runs(name: str, place: Path) -> None:
    """Rules, mappings, tables, filters, policies, names and connections change: what was settled stays so, nothing is
    sent for a change's own sake, and what is new is adopted."""
    kinds, extras, people = TIGHT[name] if name in TIGHT else (WORLDS[name], Extras(), 2)
    done: Counter[str] = Counter()
    for seed in range(FIRST, FIRST + HISTORIES):
        history = draw(seed, kinds, extras=extras, people=people, faults=seed % 4 == 3, changes=3)
        done += prove(history, place)
    _worked(name, done, *EDITED.get(name, ()), "change rule", "change map", "change read_only")


@pytest.mark.parametrize("name", ["two", "three"])
def test_order_does_not_matter(name: str, place: Path) -> None:
    """I12: other pages, other batches, answers in another order, jobs that name their systems the other way round."""
    for seed in range(FIRST, FIRST + HISTORIES // 3):
        history = draw(seed, WORLDS[name])
        there = _state(history.run(place))
        other = [replace(k, page_size=2 + seed % 5, max_batch=1 + seed % 3) for k in history.kinds]
        jobs = [(n, tuple(reversed(b)), r) for n, b, r in history.jobs]
        again = History(seed, tuple(reversed(other)), jobs, history.steps, adopt=history.adopt)
        assert _state(again.run(place, order=seed + 1)) == there, history.script()


def _state(world: World) -> Counter[tuple[object, ...]]:
    return Counter(
        (k, s, *sorted((f, repr(v)) for f, v in row.items())) for (k, s, _), row in world.true_rows().items()
    )


def _worked(name: str, done: Counter[str], *more: str) -> None:
    """A machine that proves nothing would pass, too."""
    if HISTORIES >= 12:
        for what in ("creates", "propagated", "opted out", "consent passed on", "doubts", "departures", *more):
            assert done[what], f"{name}: no history had anything with {what!r}: {dict(done)}"
