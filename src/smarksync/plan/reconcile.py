"""One field of one entity over any number of sides: what stands, who gets it, who is asked.

Read :func:`decide` aloud: nobody moved → nothing; one moved → it stands; several moved → the rule
decides, and when it cannot, a person does. What a rule leaves alone is said with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smarksync.model import ABSENT

from .evidence import Evidence, later, seconds


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field is reconciled (engine.md, Rules per field)."""

    name: str  # job.field or job.*: what a plan row says as its rule
    source: str | None = None  # direction: from X
    owner: str | None = None
    restore: bool = True  # enforce: restore | leave
    merge: str = "newest"  # newest min max earliest latest union lifecycle ask
    tie: str | None = None  # None = ask, else a connection
    clear: bool = False  # blank: clear
    prefer: str | None = None  # adopt: {prefer: CONNECTION}


@dataclass(slots=True)
class View:
    """What one side brings to one field's decision."""

    side: int  # index into the entity's sides
    connection: str
    observed: Any  # wire value, None, or ABSENT when unknown
    base: Any  # wire value, None, or ABSENT when never settled
    evidence: Evidence

    @property
    def edited(self) -> bool:
        """Whether the side moved since its base; a side without a base is adopted, not edited."""
        return self.observed is not ABSENT and self.base is not ABSENT and self.observed != self.base

    @property
    def new(self) -> bool:
        """Whether the side shows a value that was never settled."""
        return self.observed is not ABSENT and self.base is ABSENT


@dataclass(slots=True)
class Verdict:
    """The decision for one field.

    ``value`` is ABSENT when nothing is decided (a conflict). ``left`` are sides whose differing value
    is left alone, with the reason; ``beaten`` the losing values by connection; ``winner`` a connection.
    """

    value: Any
    moved: bool = False
    winner: str | None = None
    how: str = ""
    at: str | None = None
    by: str | None = None
    beaten: dict[str, Any] = field(default_factory=dict)
    left: dict[int, str] = field(default_factory=dict)
    conflict: str | None = None  # the question for a person
    put_back: list[int] = field(default_factory=list)  # sides whose own edit is overwritten


Equal = Callable[[Any, Any], bool]
Kept = Callable[[list[View]], View | None]


def blank(value: Any) -> bool:
    """No value to speak of: null, an empty text or an empty set."""
    return value is None or value == "" or value == []


def decide(
    rule: Rule,
    agreed: Any,
    views: Sequence[View],
    equal: Equal,
    *,
    skew: float,
    answer: Any = ABSENT,
    special: Callable[[Any, Sequence[View]], tuple[Any, str | None, str]] | None = None,
    kept: Kept | None = None,
    since: str | None = None,
) -> Verdict:
    """The verdict for one field.

    ``agreed`` is the standing value (None when there is none). ``answer`` is what a person decided on
    an open conflict. ``special`` merges fields with a state machine (lifecycle): it gets the agreed
    value and the moved views and returns (value, winning connection, report). ``kept`` knows which of several values that
    meet again stood before, where our memory of it is lost. ``since``: what is agreed was said no earlier than this instant,
    by a record that has left and bears no witness to it any more.
    """
    moved = [v for v in views if v.edited or v.new]
    if answer is not ABSENT:
        return _finish(Verdict(answer, winner="person", how="answered"), agreed, moved, equal)
    if not moved:
        return Verdict(agreed)
    if any(v.new for v in moved):
        return _adopt(rule, agreed, views, equal, skew, special, kept, since)
    return _merge(rule, agreed, moved, views, equal, skew, special)


def _merge(
    rule: Rule, agreed: Any, moved: list[View], views: Sequence[View], equal: Equal, skew: float, special: Any
) -> Verdict:
    """Edits since the last settlement."""
    left: dict[int, str] = {}
    voices: list[View] = []
    for view in moved:
        if rule.source is not None and view.connection != rule.source:
            left[view.side] = f"one way: only {rule.source} may change it"
        elif blank(view.observed) and not blank(view.base) and not rule.clear:
            left[view.side] = "emptied: blank is kept, an empty value never overwrites"
        else:
            voices.append(view)
    if rule.owner is not None and voices:
        voices = _owned(rule, voices, views, left)
    if not voices:
        return Verdict(agreed, left=left, how="left")
    verdict = _choose(rule, agreed, voices, equal, skew, special)
    verdict.left.update(left)
    return _finish(verdict, agreed, moved, equal)


def _owned(rule: Rule, voices: list[View], views: Sequence[View], left: dict[int, str]) -> list[View]:
    """The owner's value stands whenever it arrives; while the owner is empty, others may fill it."""
    owner = next((v for v in views if v.connection == rule.owner and v.observed is not ABSENT), None)
    if owner is None or blank(owner.observed):
        return voices
    if not rule.restore:
        for view in voices:
            if view.connection != rule.owner:
                left[view.side] = f"owned by {rule.owner}; differences are left (enforce: leave)"
        return [v for v in voices if v.connection == rule.owner]
    return [owner]


def _choose(rule: Rule, agreed: Any, voices: list[View], equal: Equal, skew: float, special: Any) -> Verdict:
    """One value out of those that may speak."""
    if special is not None:
        value, winner, report = special(agreed, voices)
        return Verdict(value, winner=winner, how=report or "lifecycle")
    first = voices[0]
    if all(equal(first.observed, v.observed) for v in voices[1:]):
        how = "edited" if len(voices) == 1 else "same edit on several sides"
        if rule.owner == first.connection:
            how = f"owned by {rule.owner}"
        elif rule.source == first.connection:
            how = f"from {rule.source}"
        return _by(first, how)
    return _contest(rule, voices, equal, skew)


def _contest(rule: Rule, voices: list[View], equal: Equal, skew: float) -> Verdict:
    """Several sides brought different values."""
    if rule.merge in _PICKS:
        filled = [v for v in voices if not blank(v.observed)] or voices
        return _by(_PICKS[rule.merge](filled), f"merge: {rule.merge}")
    if rule.merge == "union":
        joined = sorted({item for v in voices for item in (v.observed or ())})
        return Verdict(joined, winner=voices[0].connection, how="merge: union")
    if rule.merge == "ask":
        return _ask(voices, "the rule says merge: ask")
    best = later(voices, skew, equal)
    if best is not None:
        return _by(best, "merge: newest")
    if rule.tie is not None:
        chosen = next((v for v in voices if v.connection == rule.tie), None)
        if chosen is not None:
            return _by(chosen, f"tie: {rule.tie}")
    return _ask(voices, "the times of the edits do not tell which came last")


def _number(view: View) -> Any:
    value = view.observed
    if isinstance(value, list):  # money: [amount, currency]
        value = value[0]
    try:
        return (0, float(value))
    except (TypeError, ValueError):
        return (1, str(value))


_PICKS: Mapping[str, Callable[[list[View]], View]] = {
    "min": lambda views: min(views, key=lambda v: (_number(v), v.connection)),
    "max": lambda views: max(views, key=lambda v: (_number(v), v.connection)),
    "earliest": lambda views: min(views, key=lambda v: (str(v.observed), v.connection)),
    "latest": lambda views: max(views, key=lambda v: (str(v.observed), v.connection)),
}


def _adopt(
    rule: Rule, agreed: Any, views: Sequence[View], equal: Equal, skew: float, special: Any, kept: Kept | None,
    since: str | None,
) -> Verdict:  # fmt: skip
    """First link: one decision over all sides at once; equal agrees, a value fills an empty place."""
    known = [v for v in views if v.observed is not ABSENT]
    filled = [v for v in known if not blank(v.observed)]
    left: dict[int, str] = {}
    if rule.source is not None:
        for view in known:
            if equal(view.observed, agreed) or (view.new and blank(view.observed)):
                continue  # an empty place is filled with what was agreed
            if view.connection == rule.source and view.edited:
                left[view.side] = "emptied: blank is kept, an empty value never overwrites"
            elif view.connection != rule.source and (view.new or view.edited):
                left[view.side] = f"one way: only {rule.source} may change it"
        filled = [v for v in filled if v.connection == rule.source]
        if not filled:
            return Verdict(agreed, left=left, how="left")
        left = {}  # the source has a value: it is written everywhere
    if not filled:
        # nobody has a value; an agreed one that all sides emptied stays with the `blank` rule of the edited sides
        emptied = {v.side: "emptied: blank is kept" for v in known if v.edited and not rule.clear}
        empty = known[0].observed if known else None
        return Verdict(agreed if not blank(agreed) else empty, left=emptied, how="empty")
    owners = [v for v in filled if v.connection == rule.owner]
    if owners and not rule.restore:
        for view in filled:
            moved = view.new or view.edited  # a side that stands at what was agreed gets the news
            if moved and view.connection != rule.owner and not equal(view.observed, owners[0].observed):
                left[view.side] = f"owned by {rule.owner}; differences are left (enforce: leave)"
    filled = owners or _news(filled, agreed, equal)
    if all(equal(filled[0].observed, v.observed) for v in filled[1:]):
        best = filled[0]
        verdict = _by(best, f"owned by {rule.owner}" if rule.owner == best.connection else "adopted")
    elif special is not None:
        value, winner, report = special(agreed, filled)
        verdict = Verdict(value, winner=winner, how=report or "lifecycle")
    else:
        verdict = _prefer(rule, filled, equal, skew, kept, since)
    verdict.left.update(left)
    return _finish(verdict, agreed, [v for v in known if v.new or v.edited], equal)


def _news(filled: list[View], agreed: Any, equal: Equal) -> list[View]:
    """What was agreed is no rival of somebody's edit of it, whoever is met beside: only news compete with news."""
    if not any(v.edited for v in filled):
        return filled
    return [v for v in filled if v.edited or (v.new and not equal(v.observed, agreed))]


def _prefer(rule: Rule, filled: list[View], equal: Equal, skew: float, kept: Kept | None, since: str | None) -> Verdict:
    """Different values met at the first link."""
    if rule.prefer is not None:
        chosen = next((v for v in filled if v.connection == rule.prefer), None)
        if chosen is not None:
            return _by(chosen, f"adopt: prefer {rule.prefer}")
    if rule.merge == "newest":
        if kept is not None and (stood := kept(filled)) is not None:
            return _by(stood, "stood before, and others have no word for it")
        timed = [View(v.side, v.connection, v.observed, v.base, _record_time(v, since)) for v in filled]
        best = later(timed, skew, equal)
        if best is not None:
            return _by(best, "adopted: newest record")
        if rule.tie is not None:
            chosen = next((v for v in filled if v.connection == rule.tie), None)
            if chosen is not None:
                return _by(chosen, f"tie: {rule.tie}")
        return _ask(filled, "the records' times do not tell which is newer")
    return _contest(rule, filled, equal, skew)


def _record_time(view: View, since: str | None) -> Evidence:
    """By which records are compared; one that stands at what was agreed is as new as whoever said it."""
    evidence = view.evidence.as_record_time()
    if since is None or view.new or view.edited or seconds(since) <= seconds(evidence.until):
        return evidence
    return Evidence(since, since, evidence.by, since)


def _by(view: View, how: str) -> Verdict:
    return Verdict(view.observed, winner=view.connection, how=how, at=view.evidence.until, by=view.evidence.by)


def _ask(views: Sequence[View], why: str) -> Verdict:
    return Verdict(ABSENT, conflict=why, beaten={v.connection: v.observed for v in views})


def _finish(verdict: Verdict, agreed: Any, moved: Sequence[View], equal: Equal) -> Verdict:
    """Adds what the decision beat, and whom it overwrites."""
    if verdict.conflict is not None:
        return verdict
    verdict.moved = not equal(verdict.value, agreed)
    for view in moved:
        if view.side in verdict.left:
            if verdict.moved:
                del verdict.left[view.side]  # news flows to every side, also to one that had been left alone
            else:
                continue
        if not equal(view.observed, verdict.value):
            if not blank(view.observed):
                verdict.beaten[view.connection] = view.observed
            if view.edited:
                verdict.put_back.append(view.side)
    return verdict
