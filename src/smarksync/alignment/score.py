"""Computed scores: points for what is true, those for deeds fading with time, each point with its reason.

Rules that name ``activities`` add to engagement, the others to fit; the score is their sum. A rule with a decay gives
half of its points after each half-life, counted in whole days since the newest deed that it is about, so a score
moves once a day at most.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from smarksync.config.agreement import Score

FIELDS = ("score", "fit_score", "engagement_score")


class Point(NamedTuple):
    """What one rule gave. ``days``: how old the deed is that fades; ``result`` False or None (unknown) gave nothing."""

    field: str
    points: int
    of: int
    why: str
    result: Any
    days: int | None
    lines: tuple[str, ...] = ()


class Scores(NamedTuple):
    """The three figures, with the points they are made of."""

    score: int
    fit_score: int
    engagement_score: int
    points: tuple[Point, ...]

    def values(self) -> dict[str, int]:
        """As fields of the lead."""
        return {"score": self.score, "fit_score": self.fit_score, "engagement_score": self.engagement_score}


class Scoring:
    """The scoring rules of a config, made ready once."""

    def __init__(self, rules: Sequence[Score]) -> None:
        self._rules = [(rule, _types(rule.when.tree) if rule.decay else frozenset()) for rule in rules]

    def __bool__(self) -> bool:
        return bool(self._rules)

    @property
    def fades(self) -> bool:
        """Whether scores move by themselves as time passes."""
        return any(rule.decay or "now" in rule.when.names for rule, _ in self._rules)

    def of(self, scope: Mapping[str, Any], *, explain: bool = False) -> Scores:
        """The scores of one lead."""
        points: list[Point] = []
        for rule, types in self._rules:
            result = rule.when.evaluate(scope)
            days = _age(scope, types) if result is True and rule.decay else None
            given = 0
            if result is True:
                given = (
                    rule.points
                    if days is None or rule.decay is None
                    else faded(rule.points, days, rule.decay.half_life_days)
                )
            lines = tuple(rule.when.explain(scope).lines()) if explain else ()
            points.append(Point(rule.field, given, rule.points, rule.why, result, days, lines))
        fit = sum(point.points for point in points if point.field == "fit_score")
        engagement = sum(point.points for point in points if point.field == "engagement_score")
        return Scores(fit + engagement, fit, engagement, tuple(points))


def faded(points: int, days: int, half_life: float) -> int:
    """What is left of points after so many days, rounded to the nearest whole point."""
    return int(round(points * 0.5 ** (days / half_life), 0))


def _age(scope: Mapping[str, Any], types: frozenset[str]) -> int | None:
    """Whole days since the newest activity of these types; None when there is none."""
    found = [one["at"] for one in scope["activities"] or () if not types or one.get("type") in types]
    if not found:
        return None
    now: datetime = scope["now"]
    return max(0, (now - datetime.fromisoformat(max(found))).days)


def _types(tree: ast.expr) -> frozenset[str]:
    """The types of activity that an expression names; none = all."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "type":
            found |= {n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return frozenset(found)
