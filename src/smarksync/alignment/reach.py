"""Can it ever be true? Definitions, points and routing rules against what the connected systems can tell at all.

Judged is what no lead whatever could bring about: a field that no connection maps is null, an activity that no system
tells of is never counted, computed scores lie between what their rules can give, and two comparisons of one thing may
leave no value for it. Everything else is taken as possible, so a warning is never wrong.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from smarksync.config import Config, Problem
from smarksync.config.agreement import Score
from smarksync.config.expressions import Expression
from smarksync.config.types import ExpressionProblem, field_type

_OPERATORS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}  # fmt: skip
_SWAPPED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt,
    ast.LtE: ast.GtE,
    ast.Gt: ast.Lt,
    ast.GtE: ast.LtE,
}
_OPPOSITE: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


#: what is compared, how, with which value or values
Literal = tuple[str, type[ast.cmpop], Any]


class Told(NamedTuple):
    """What the connected systems can tell: fields that are always null, and the types of activities (None = any)."""

    null: frozenset[tuple[str, str]]
    activities: frozenset[str] | None


def unreachable(config: Config, told: Told) -> Iterator[Problem]:
    """Every definition, scoring rule and routing rule that can never be true, with its place and the reason."""
    judge = _Judge(config, told)
    for number, rule in enumerate(config.scoring, 1):
        why = judge.why(rule.when)
        if why:
            yield rule.problem(
                f"rule {number} of `scoring` ({rule.why or f'{rule.points:+d}'}) gives no points, to nobody: {why}.",
                "Connect a system that tells it, map it, or leave the rule out.", at=("when",),
            )  # fmt: skip
    for name, definition in config.definitions.items():
        why = judge.why(definition.when)
        at: tuple[str | int, ...] = ("when",)
        if not why:
            missing = [(n, f) for n, f in enumerate(definition.require) if ("lead", f) in told.null]
            if missing:
                at, why = ("require", missing[0][0]), f"no connection maps {missing[0][1]}, which it requires"
        if not why:
            shut = next((n for n, never in enumerate(definition.never) if judge.contradicts(definition.when, never)), None)  # fmt: skip
            if shut is not None:
                at, why = (
                    ("never", shut),
                    f"`when` asks for what `never` excludes: {_plain(definition.never[shut].text)}",
                )
        if why:
            yield definition.problem(
                f"no lead can ever pass `{name}`: {why}.", "Nobody will be handed over by it.", at=at
            )
    for number, route in enumerate(config.routing, 1):
        if route.when is not None and (why := judge.why(route.when)):
            yield route.problem(
                f"rule {number} of `routing` never gives anybody: {why}.", "The rules after it decide.", at=("when",)
            )


class _Judge:
    def __init__(self, config: Config, told: Told) -> None:
        self.config, self.told = config, told
        self._inside: set[str] = set()
        self._scores: dict[str, tuple[int, int]] = {}
        if config.scoring:
            fit, engagement = (
                _range([r for r in config.scoring if r.field == field], self)
                for field in ("fit_score", "engagement_score")
            )
            self._scores = {"fit_score": fit, "engagement_score": engagement,
                            "score": (fit[0] + engagement[0], fit[1] + engagement[1])}  # fmt: skip

    # -- reasons ---------------------------------------------------------------------------------
    def why(self, one: Expression) -> str:
        """Why an expression can never be true; empty when it can."""
        if self.can(one.tree, True):
            return ""
        for part in _conjuncts(one.tree):
            if not self.can(part, True):
                return self._of(part)
        return f"{_plain(one.text)} contradicts itself"

    def _of(self, node: ast.expr) -> str:
        said = ast.unparse(node)
        if isinstance(node, ast.Attribute) and _named(node.value) == "definitions":
            return f"`{said}` can never pass"
        for one in ast.walk(node):
            field = _field(one)
            if field is not None and field in self.told.null:
                return f"`{said}` reads {field[0]}.{field[1]}, which no connection maps"
        for one in ast.walk(node):
            types = _activity_types(one)
            if types and self._untold(types):
                return f"`{said}` needs {' or '.join(types)}, which no connected system tells of"
        for one in ast.walk(node):
            field = _field(one)
            if field is not None and field[0] == "lead" and field[1] in self._scores:
                low, high = self._scores[field[1]]
                return f"`{said}` cannot be: by the rules of `scoring` {field[1]} lies between {low} and {high}"
        return f"`{said}` contradicts itself"

    def contradicts(self, when: Expression, never: Expression) -> bool:
        """Whether everything that ``when`` lets pass is excluded by ``never``, as far as their comparisons say."""
        spared = self._literal(never.tree, False)
        # a `never` that spares no value whatever spares those of whom nothing is known
        return not _empty(spared) and _empty([*self._literal(when.tree, True), *spared])

    # -- can it be? ------------------------------------------------------------------------------
    def can(self, node: ast.expr, want: bool) -> bool:
        """Whether the expression can come out as wanted, for some lead. Yes when in doubt."""
        if isinstance(node, ast.BoolOp):
            every = isinstance(node.op, ast.And) == want
            if not every:
                return any(self.can(one, want) for one in node.values)
            return all(self.can(one, want) for one in node.values) and not _empty(self._literal(node, want))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.can(node.operand, not want)
        if isinstance(node, ast.Constant):
            return bool(node.value) is want
        if isinstance(node, ast.Name) and node.id.lower() in ("true", "false"):
            return (node.id.lower() == "true") is want
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self._compare(node.left, node.ops[0], node.comparators[0], want)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "definitions":
            return not want or self._definition(node.attr)
        return not self._null(node)  # a field that is null is neither true nor false

    def _definition(self, name: str) -> bool:
        if name in self._inside or name not in self.config.definitions:
            return True
        self._inside.add(name)
        try:
            one = self.config.definitions[name]
            return self.can(one.when.tree, True) and not any(("lead", f) in self.told.null for f in one.require)
        finally:
            self._inside.discard(name)

    def _compare(self, left: ast.expr, op: ast.cmpop, right: ast.expr, want: bool) -> bool:
        if isinstance(op, (ast.Is, ast.IsNot)):
            to_none = (isinstance(right, ast.Constant) and right.value is None) or _named(right) == "null"
            if to_none and self._null(left):
                return isinstance(op, ast.Is) is want
            return True
        if self._null(left) or self._null(right):
            return False  # unknown, whatever is asked
        if not isinstance(op, tuple(_OPERATORS)):
            return True
        kind = type(op)
        if isinstance(left, ast.Constant):
            left, right, kind = right, left, _SWAPPED.get(kind, kind)
        span, value = self._span(left), _number(right)
        if span is None or value is None:
            return True
        if not want:
            kind = _OPPOSITE[kind]
        low, high = span
        return {
            ast.Lt: low < value, ast.LtE: low <= value, ast.Gt: high > value, ast.GtE: high >= value,
            ast.Eq: low <= value <= high, ast.NotEq: not low == high == value,
        }[kind]  # fmt: skip

    def _span(self, node: ast.expr) -> tuple[float, float] | None:
        """Between which figures it lies, as far as that is known."""
        field = _field(node)
        if field is not None and field[0] == "lead":
            return self._scores.get(field[1])
        if isinstance(node, ast.Call) and _named(node.func) == "count":
            types = _activity_types(node)
            return (0, 0) if types and self._untold(types) else (0, float("inf"))
        return None

    def _null(self, node: ast.expr) -> bool:
        """Whether it is null for every lead."""
        field = _field(node)
        if field is not None:
            return field in self.told.null
        if isinstance(node, ast.Call):
            if _named(node.func) == "latest":
                types = _activity_types(node)
                return bool(types) and self._untold(types)
            if _named(node.func) == "count":
                return False
            return any(self._null(one) for one in node.args)
        if isinstance(node, ast.BinOp):
            return self._null(node.left) or self._null(node.right)
        return False

    def _untold(self, types: Sequence[str]) -> bool:
        return self.told.activities is not None and not self.told.activities & set(types)

    # -- comparisons with literals ---------------------------------------------------------------
    def _literal(self, node: ast.expr, want: bool) -> list[Literal]:
        """Comparisons with literals that all have to hold for the expression to come out as wanted."""
        if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) == want:
            return [found for one in node.values for found in self._literal(one, want)]
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self._literal(node.operand, not want)
        if isinstance(node, ast.Attribute):
            return [(ast.unparse(node), ast.Eq, want)]
        if not isinstance(node, ast.Compare) or len(node.ops) != 1:
            return []
        kind, values = type(node.ops[0]), _values(node.comparators[0])
        several = isinstance(values, tuple)
        if values is None or kind not in _OPPOSITE or several is not (kind in (ast.In, ast.NotIn)):
            return []  # a set is equal to a list in any order, and a text may stand within another
        fixed = tuple(self._canonical(node.left, one) for one in (values if several else (values,)))
        return [(ast.unparse(node.left), kind if want else _OPPOSITE[kind], fixed if several else fixed[0])]

    def _canonical(self, left: ast.expr, value: Any) -> Any:
        """A literal as it is compared with what stands to its left: `Germany` is DE."""
        if not isinstance(value, str):
            return value
        root, name = _field(left) or ("", "")
        schema = self.config.schema_
        one = schema[root].fields.get(name) if root in schema else None
        if one is None:
            return value.lower() if isinstance(left, ast.Call) else value  # functions over text answer in lower case
        try:
            return field_type(one, self.config.defaults.country).literal(value, name)
        except ExpressionProblem:
            return value


def _range(rules: Sequence[Score], judge: _Judge) -> tuple[int, int]:
    possible = [rule.points for rule in rules if judge.can(rule.when.tree, True)]
    return sum(p for p in possible if p < 0), sum(p for p in possible if p > 0)


# -- reading expressions -----------------------------------------------------------------------------------------


def _plain(text: str) -> str:
    return f"`{' '.join(text.split())}`"


def _conjuncts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for one in node.values:
            yield from _conjuncts(one)
    else:
        yield node


def _field(node: ast.AST) -> tuple[str, str] | None:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id != "definitions":
        return node.value.id, node.attr
    return None


def _named(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def _number(node: ast.expr) -> float | None:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        return sign * node.value
    return None


def _activity_types(node: ast.AST) -> list[str]:
    """The types that a count or a latest asks for; none = all."""
    if not isinstance(node, ast.Call) or _named(node.func) not in ("count", "latest"):
        return []
    asked = next((k.value for k in node.keywords if k.arg == "type"), None)
    if asked is None:
        return []
    return [n.value for n in ast.walk(asked) if isinstance(n, ast.Constant) and isinstance(n.value, str)]


# -- comparisons that leave nothing --------------------------------------------------------------------------------


def _values(node: ast.expr) -> Any:
    """The literal, or the tuple of literals; None when it is none."""
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        found = [one.value for one in node.elts if isinstance(one, ast.Constant)]
        return tuple(found) if len(found) == len(node.elts) else None
    number = _number(node)
    if number is not None:
        return number
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, (str, bool)) else None


def _empty(found: Iterable[Literal]) -> bool:
    """Whether no value of one of the things compared meets all that is asked of it."""
    of: dict[str, list[tuple[type[ast.cmpop], Any]]] = {}
    for what, kind, value in found:
        of.setdefault(what, []).append((kind, value))
    return any(_nothing_left(asked) for asked in of.values())


def _nothing_left(asked: list[tuple[type[ast.cmpop], Any]]) -> bool:
    chosen: set[Any] | None = None
    for kind, value in asked:
        if kind in (ast.Eq, ast.In):
            these = set(value) if kind is ast.In else {value}
            chosen = these if chosen is None else chosen & these
    if chosen is not None:
        return not any(all(_holds(one, kind, value) for kind, value in asked) for one in chosen)
    low = max((v for k, v in asked if k in (ast.Gt, ast.GtE) and isinstance(v, (int, float))), default=None)
    high = min((v for k, v in asked if k in (ast.Lt, ast.LtE) and isinstance(v, (int, float))), default=None)
    if low is None or high is None or low < high:
        return False
    strict = any((k is ast.Gt and v == low) or (k is ast.Lt and v == high) for k, v in asked)
    return low > high or strict


def _holds(one: Any, kind: type[ast.cmpop], value: Any) -> bool:
    if kind is ast.In:
        return one in value
    if kind is ast.NotIn:
        return one not in value
    if isinstance(value, str) and kind not in (ast.Eq, ast.NotEq):
        return True  # words of a scale stand in its order, not in that of the alphabet
    try:
        return _OPERATORS[kind](one, value)
    except TypeError:
        return True


__all__ = ["Told", "unreachable"]
