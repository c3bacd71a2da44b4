"""From an expression's syntax tree to closures, checking names, types and words on the way."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from smarksync.model import Entity, Field

from . import logic
from .functions import FUNCTIONS
from .problems import shown, suggest
from .types import ExpressionProblem, Run, Type, Typed, field_type, item_type

__all__ = ["Compiler", "ExpressionProblem", "Run", "Scope"]

_ORDER: dict[type[ast.cmpop], tuple[str, Callable[[Any, Any], Any]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: logic.divide,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_LARGEST = 10**15
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Scope:
    """What an expression may name.

    ``names``: the entities, and ``activities``, ``definitions``, ``persona``, that stand in scope. ``country``
    and ``currency`` are the config's: phone numbers in it are read with the one, amounts in another currency
    than the other are unknown.
    """

    schema: Mapping[str, Entity]
    names: tuple[str, ...] = ("lead", "account", "activities", "definitions", "persona")
    definitions: tuple[str, ...] = ()
    personas: tuple[str, ...] = ()
    country: str | None = None
    currency: str | None = None
    #: names that exist elsewhere: a better message than "unknown"
    elsewhere: Mapping[str, str] = field(default_factory=dict)


class Compiler:
    """Compiles one expression. ``parts`` keeps the closure of every node, for ``explain``."""

    def __init__(self, scope: Scope, text: str) -> None:
        self.scope = scope
        self.text = text
        self.parts: dict[int, Run] = {}
        self.names: set[str] = set()
        self.fields: set[tuple[str, str]] = set()
        self.definitions: set[str] = set()
        self.warnings: list[str] = []

    def condition(self, node: ast.expr) -> Run:
        """A node that must be true, false or unknown."""
        typed = self.value(node)
        if typed.type.kind not in ("bool", "null"):
            said = ast.unparse(node)
            hint = f"Compare it: `{said} is not None`."
            if typed.type.kind == "number":
                hint = f"Compare it: `{said} > 0`."
            raise ExpressionProblem(f"`{said}` is {typed.type.word}, not true or false.", hint)
        return typed.run

    def value(self, node: ast.expr) -> Typed:
        """A node of any type."""
        visit = getattr(self, f"_{type(node).__name__.lower()}", None)
        if visit is None:
            raise ExpressionProblem(
                f"`{shown(ast.unparse(node))[1:-1]}` is not part of expressions.",
                "There are comparisons, `and`, `or`, `not`, `in`, arithmetic and functions.",
            )
        typed: Typed = visit(node)
        self.parts[id(node)] = typed.run
        return typed

    # -- leaves

    def _constant(self, node: ast.Constant) -> Typed:
        value: Any = node.value
        if isinstance(value, float):
            value = Decimal(repr(value))
        if value is None or isinstance(value, (bool, str)):
            return logic.constant(value)
        if not isinstance(value, (int, Decimal)):
            said = ast.unparse(node)
            raise ExpressionProblem(f"`{said}` is not a value here.", "Write text, a number, True, False or None.")
        if not -_LARGEST < value < _LARGEST:
            raise ExpressionProblem(f"the number {shown(ast.unparse(node))} is too large.")
        return logic.constant(value)

    def _name(self, node: ast.Name) -> Typed:
        name = node.id
        if name in _WORDS:
            return logic.constant(_WORDS[name])
        if name not in self.scope.names:
            if why := self.scope.elsewhere.get(name):
                raise ExpressionProblem(f"`{name}` is not in scope here: {why}.", f"There are {self._known()}.")
            fields = [f"lead.{f}" for f in self.scope.schema["lead"].fields] if "lead" in self.scope.names else []
            if f"lead.{name}" in fields:
                raise ExpressionProblem(f"`{name}` is not a name.", f"Did you mean `lead.{name}`?")
            known = [*self.scope.names, *FUNCTIONS, *_WORDS]
            raise ExpressionProblem(f"`{name}` is not a name known here.", suggest(name, known))
        self.names.add(name)
        if name == "definitions":
            raise ExpressionProblem(
                "`definitions` needs a name.", suggest("", [f"definitions.{d}" for d in self.scope.definitions])
            )
        if name == "persona":
            return Typed(Type("text", "a persona", words=self.scope.personas), operator.itemgetter("persona"))
        kind = "activities" if name == "activities" else "entity"
        return Typed(
            Type(kind, f"a whole {name}" if kind == "entity" else "the list of activities"), operator.itemgetter(name)
        )

    def _known(self) -> str:
        return ", ".join(f"`{n}`" for n in self.scope.names)

    def _attribute(self, node: ast.Attribute) -> Typed:
        if not isinstance(node.value, ast.Name):
            said = ast.unparse(node.value)
            raise ExpressionProblem(f"`{said}` has no `{node.attr}`.", "A name is written `entity.field`.")
        owner, name = node.value.id, node.attr
        if owner == "definitions" and "definitions" in self.scope.names:
            return self._definition(name)
        base = self.value(node.value)
        if base.type.kind != "entity":
            raise ExpressionProblem(f"`{owner}` is {base.type.word} and has no `{name}`.")
        entity = self.scope.schema[owner]
        if name not in entity.fields:
            raise ExpressionProblem(f"{owner} has no field `{name}`.", suggest(name, entity.fields))
        self.fields.add((owner, name))
        one: Field = entity.fields[name]
        return Typed(field_type(one, self.scope.country), logic.getter(owner, one, self.scope.currency))

    def _definition(self, name: str) -> Typed:
        if name not in self.scope.definitions:
            raise ExpressionProblem(f"there is no definition `{name}`.", suggest(name, self.scope.definitions))
        self.names.add("definitions")
        self.definitions.add(name)
        return Typed(Type("bool", "true or false"), lambda scope: scope["definitions"].get(name))

    def _list(self, node: ast.List | ast.Tuple | ast.Set) -> Typed:
        items = [self.value(item) for item in node.elts]
        for item, one in zip(node.elts, items, strict=True):
            if one.type.kind in ("list", "set", "entity", "activities"):
                raise ExpressionProblem(f"`{ast.unparse(item)}` cannot stand in a list.", "A list holds plain values.")
        runs = [item.run for item in items]
        typed = Typed(Type("list", "a list"), lambda scope: [run(scope) for run in runs])
        typed.items = items
        return typed

    _tuple = _list
    _set = _list

    # -- operators

    def _boolop(self, node: ast.BoolOp) -> Typed:
        runs = tuple(self.condition(value) for value in node.values)
        return Typed(
            Type("bool", "true or false"), logic.all_of(runs) if isinstance(node.op, ast.And) else logic.any_of(runs)
        )

    def _unaryop(self, node: ast.UnaryOp) -> Typed:
        if isinstance(node.op, ast.Not):
            return Typed(Type("bool", "true or false"), logic.negated(self.condition(node.operand)))
        operand = self._number(node.operand)
        if not isinstance(node.op, (ast.USub, ast.UAdd)):
            raise ExpressionProblem(f"`{ast.unparse(node)}` is not part of expressions.", "Write `not`.")
        sign = -1 if isinstance(node.op, ast.USub) else 1
        if operand.literal:
            return logic.constant(sign * operand.run({}))
        return Typed(operand.type, logic.arithmetic(operator.mul, operand.run, lambda _: sign))

    def _binop(self, node: ast.BinOp) -> Typed:
        operation = _ARITHMETIC.get(type(node.op))
        if operation is None:
            hint = "Write `and` or `or`." if isinstance(node.op, (ast.BitAnd, ast.BitOr)) else "There are + - * / // %."
            raise ExpressionProblem(f"`{shown(ast.unparse(node))[1:-1]}` is not part of expressions.", hint)
        left, right = self._number(node.left), self._number(node.right)
        return Typed(left.type, logic.arithmetic(operation, left.run, right.run))

    def _number(self, node: ast.expr) -> Typed:
        typed = self.value(node)
        if typed.type.kind not in ("number", "null"):
            hint = (
                "For times use `days_since(…)`."
                if typed.type.kind in ("date", "instant")
                else "Arithmetic is for numbers."
            )
            raise ExpressionProblem(f"`{ast.unparse(node)}` is {typed.type.word}, not a number.", hint)
        return Typed(Type("number", "a number"), typed.run, typed.literal)

    def _compare(self, node: ast.Compare) -> Typed:
        runs: list[Run] = []
        nodes = [node.left, *node.comparators]
        sides = [self.value(one) for one in nodes]
        for index, op in enumerate(node.ops):
            left, right = sides[index], sides[index + 1]
            said = (ast.unparse(nodes[index]), ast.unparse(nodes[index + 1]))
            if isinstance(op, (ast.Is, ast.IsNot)):
                runs.append(self._identity(op, left, right, said))
            elif isinstance(op, (ast.In, ast.NotIn)):
                found = self._membership(left, right, said)
                runs.append(logic.negated(found) if isinstance(op, ast.NotIn) else found)
            else:
                runs.append(self._comparison(op, left, right, said))
        return Typed(Type("bool", "true or false"), runs[0] if len(runs) == 1 else logic.all_of(tuple(runs)))

    def _identity(self, op: ast.cmpop, left: Typed, right: Typed, said: tuple[str, str]) -> Run:
        value = right.run({}) if right.literal else 0
        if value is not None and not isinstance(value, bool):
            raise ExpressionProblem(
                f"`is` compares with None, True or False, not with `{said[1]}`.", f"Write `{said[0]} == {said[1]}`."
            )
        if value is not None and left.type.kind not in ("bool", "null"):
            raise ExpressionProblem(
                f"`{said[0]}` is {left.type.word}, never {value}.", f"Write `{said[0]} is not None`."
            )
        return logic.identity(left.run, value, negate=isinstance(op, ast.IsNot))

    def _comparison(self, op: ast.cmpop, left: Typed, right: Typed, said: tuple[str, str]) -> Run:
        sign, operation = _ORDER[type(op)]
        for side in (left, right):
            if side.type.kind in ("entity", "activities"):
                raise ExpressionProblem(
                    f"{side.type.word} cannot be compared.", "Compare one of its fields, or write `is None`."
                )
        if "null" in (left.type.kind, right.type.kind):
            self.warnings.append(f"`{said[0]} {sign} {said[1]}` is always unknown; `is None` asks for null")
            return lambda _: None
        left, right = self._aligned(left, right, said), self._aligned(right, left, (said[1], said[0]))
        kinds = {left.type.kind, right.type.kind}
        if kinds == {"set", "list"} and sign in ("==", "!="):
            return logic.same_set(left.run, right.run, equal=sign == "==")
        if len(kinds) > 1 or "list" in kinds:
            raise ExpressionProblem(
                f"`{said[0]}` is {left.type.word} and `{said[1]}` is {right.type.word}: they cannot be compared.",
                "Both sides of a comparison have one type.",
            )
        if sign in ("==", "!="):
            return logic.compare(operation, left, right)
        order = left.type.order or right.type.order
        if left.type.kind in ("bool", "set") or (not order and (left.type.words or right.type.words)):
            raise ExpressionProblem(f"`{said[0]}` has no order: `{sign}` means nothing.", "Use `==` or `in [...]`.")
        if order:
            for side, text in zip((left, right), said, strict=True):
                if side.literal and side.run({}) not in order:
                    raise ExpressionProblem(f"`{text}` stands outside the order.", f"The order is {', '.join(order)}.")
            left, right = logic.ranked(left, order), logic.ranked(right, order)
        return logic.compare(operation, left, right)

    def _aligned(self, one: Typed, other: Typed, said: tuple[str, str]) -> Typed:
        """A literal brought to the canonical form of what it is compared with."""
        if not one.literal or not isinstance(one.run({}), str) or other.type.kind not in ("text", "date", "instant"):
            return one
        return logic.constant(other.type.literal(one.run({}), said[1]), other.type)

    def _membership(self, left: Typed, right: Typed, said: tuple[str, str]) -> Run:
        if right.type.kind == "text" and left.type.kind == "text":
            return logic.contains(left.run, right.run)
        if right.type.kind == "set":
            return logic.contains(self._aligned(left, Typed(item_type(right.type), right.run), said).run, right.run)
        if right.type.kind != "list":
            raise ExpressionProblem(
                f"`{said[1]}` is {right.type.word}: nothing can be in it.", 'Write a list: `["a", "b"]`.'
            )
        if left.type.kind in ("set", "list", "entity", "activities"):
            raise ExpressionProblem(
                f"`{said[0]}` is {left.type.word} and cannot be in a list.", "Use `any_of(set, [...])`."
            )
        items: list[Typed] = []
        for item in right.items:
            one = self._aligned(item, left, (said[1], said[0]))
            if "null" not in (one.type.kind, left.type.kind) and one.type.kind != left.type.kind:
                raise ExpressionProblem(
                    f"`{said[0]}` is {left.type.word}, but {said[1]} holds {one.type.word}.",
                    "A list holds values of that type.",
                )
            items.append(one)
        return logic.member(left.run, items)

    # -- functions

    def _call(self, node: ast.Call) -> Typed:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        function = FUNCTIONS.get(name)
        if function is None:
            raise ExpressionProblem(f"`{name}` is not a function.", suggest(name, FUNCTIONS))
        if any(isinstance(a, ast.Starred) for a in node.args) or any(k.arg is None for k in node.keywords):
            raise ExpressionProblem(
                f"`{ast.unparse(node)}`: `*` is not part of expressions.", f"Write `{function.usage}`."
            )
        if len(node.args) != function.positional:
            raise ExpressionProblem(
                f"`{name}` takes {function.positional} values, not {len(node.args)}.", f"Write `{function.usage}`."
            )
        named: dict[str, Typed] = {}
        for keyword in node.keywords:
            if keyword.arg not in function.named:
                raise ExpressionProblem(f"`{name}` has no `{keyword.arg}`.", f"Write `{function.usage}`.")
            named[str(keyword.arg)] = self.value(keyword.value)
        if function.uses_now(named):
            self.names.add("now")
        arguments = [self.value(a) for a in node.args]
        for typed, one in zip(arguments, node.args, strict=True):
            typed.said = ast.unparse(one)
        return function.build(arguments, named, self.scope.schema)
