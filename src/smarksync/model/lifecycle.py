"""Whose turn it is: the lifecycle ladder, who may move a lead along it, and how two moves become one.

The default moves are the table of schema.md. A config may bring its own list
(``lifecycle.moves: [{from, to, who, back}]``). An illegal move is reported and never written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

LADDER = ("subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "evangelist")
OFF_LADDER = ("recycled", "disqualified", "lost")
VALUES = LADDER + OFF_LADDER
#: Who makes a move: a system's role, a rule of ours, or a person who decides by hand. ``any`` is all of them.
WHO = ("marketing", "sales", "rule", "person", "any")

_RUNG = {value: number for number, value in enumerate(LADDER)}
_ORDER = {value: number for number, value in enumerate(VALUES)}


def rung(value: str | None) -> int:
    """0 (subscriber) to 7 (evangelist); -1 off the ladder and for null."""
    return _RUNG.get(value, -1) if value is not None else -1


class Edit(NamedTuple):
    """Somebody wants the lead at ``to``."""

    who: str
    to: str


class Report(NamedTuple):
    """What became of the edits. ``illegal`` are told to people; ``beaten`` were legal and gave way; ``skipped``
    are the rungs that the standing move jumped over; ``by`` made it (None: nothing moved)."""

    by: str | None = None
    illegal: tuple[Edit, ...] = ()
    beaten: tuple[Edit, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Move:
    """From any of ``frm`` to any of ``to``, by any of ``who``; ``back`` allows the way back, too."""

    frm: tuple[str, ...]
    to: tuple[str, ...]
    who: frozenset[str]
    back: bool = False


def _move(frm: str, to: str, *who: str) -> Move:
    return Move(tuple(frm.split()), tuple(to.split()), frozenset(who))


_DEFAULT = (
    _move("subscriber", "lead", "any"),
    _move("subscriber lead recycled", "mql", "rule", "marketing"),
    _move("mql", "sal", "sales"),
    _move("mql sal", "sql", "sales"),
    _move("sql", "opportunity", "sales"),
    _move("opportunity", "customer lost", "sales"),
    _move("customer", "evangelist", "any"),
    _move("mql sal sql lost", "recycled", "sales", "rule"),
    _move("mql sal sql recycled lead", "disqualified", "sales", "rule"),
    _move("disqualified lost", "recycled", "rule", "person"),
)


class Moves:
    """The moves that are allowed. ``jumps``: sales may jump over rungs."""

    def __init__(self, moves: Sequence[Move] = _DEFAULT, *, jumps: bool = True) -> None:
        self.moves = tuple(moves)
        self.jumps = jumps
        self._who: dict[tuple[str, str], set[str]] = {}
        for move in moves:
            for frm in move.frm:
                for to in move.to:
                    self._who.setdefault((frm, to), set()).update(move.who)
                    if move.back:
                        self._who.setdefault((to, frm), set()).update(move.who)

    @classmethod
    def default(cls) -> Moves:
        """The table of schema.md."""
        return cls()

    @classmethod
    def from_config(cls, moves: Iterable[Mapping[str, Any]]) -> Moves:
        """From ``[{from, to, who, back}]``; each of the first three is a word or a list of words.

        Raises ValueError, with what is wrong, for a word that is no lifecycle value or nobody's name.
        """
        return cls([_read(move) for move in moves])

    def legal(self, frm: str | None, to: str, who: str) -> bool:
        """May ``who`` move a lead from ``frm`` to ``to``? From null everything may be filled in."""
        if to not in _ORDER:
            return False
        return frm is None or frm == to or self._allowed(frm, to, who) or self._jump(frm, to, who)

    def skipped(self, frm: str | None, to: str) -> tuple[str, ...]:
        """The rungs that a move passes without stopping: to be filled in the case, marked *skipped*."""
        start = rung(frm)
        # a sale that was opened and lost between two runs has passed `opportunity` unseen
        end = _RUNG["opportunity"] + 1 if to == "lost" else rung(to)
        return LADDER[start + 1 : end] if start >= 0 else ()

    def merge(self, agreed: str | None, edits: Iterable[tuple[str, str]], offered: bool) -> tuple[str | None, Report]:
        """One value from the moves made since the last agreement, whatever their order.

        ``edits`` are (who, to); ``offered`` is true once the lead's case has been offered to sales.
        """
        wanted = sorted({Edit(who, to) for who, to in edits if to != agreed}, key=_place)
        legal = [edit for edit in wanted if self.legal(agreed, edit.to, edit.who)]
        illegal = tuple(edit for edit in wanted if not self.legal(agreed, edit.to, edit.who))
        if not legal:
            return agreed, Report(illegal=illegal)
        by_sales = [edit for edit in legal if edit.who == "sales"]
        best = max(by_sales if offered and by_sales else legal, key=_place)
        beaten = tuple(edit for edit in legal if edit.to != best.to)
        return best.to, Report(best.who, illegal, beaten, self.skipped(agreed, best.to))

    def _allowed(self, frm: str, to: str, who: str) -> bool:
        allowed = self._who.get((frm, to))
        return allowed is not None and (who in allowed or "any" in allowed)

    def _jump(self, frm: str, to: str, who: str) -> bool:
        """Sales may go over several rungs at once, to where sales may go from a rung on the way."""
        if not self.jumps or who != "sales" or frm not in _RUNG:
            return False
        top = _RUNG[to] if to in _RUNG else (len(LADDER) if to == "lost" else 0)
        return any(self._allowed(step, to, who) for step in LADDER[_RUNG[frm] : top])


def _place(edit: Edit) -> tuple[int, int, bool, str]:
    """Higher rungs last; the rest only makes the order total, so that no merge depends on who came first."""
    return rung(edit.to), _ORDER.get(edit.to, -1), edit.who == "sales", edit.who + edit.to


def _read(move: Mapping[str, Any]) -> Move:
    unknown = set(move) - {"from", "to", "who", "back"}
    if unknown or "from" not in move or "to" not in move:
        raise ValueError("a lifecycle move is {from, to, who, back}")
    back = move.get("back", False)
    if not isinstance(back, bool):
        raise ValueError("`back` is true or false")
    frm, to = _words(move["from"], VALUES, "from"), _words(move["to"], VALUES, "to")
    return Move(frm, to, frozenset(_words(move.get("who", "any"), WHO, "who")), back)


def _words(given: Any, known: Sequence[str], key: str) -> tuple[str, ...]:
    words = (given,) if isinstance(given, str) else tuple(given)
    if key != "who" and words == ("any",):
        return tuple(known)
    wrong = [str(word) for word in words if word not in known]
    if wrong or not words:
        raise ValueError(f"`{key}`: {', '.join(wrong) or 'nothing'} is not among {', '.join(known)}")
    return words
