"""Expressions: a small safe subset of Python over leads, accounts and activities (schema.md, "Expressions").

A text is parsed, checked against the canonical schema and compiled to closures once, when the config loads;
evaluating it then costs well under a microsecond a comparison. Unknown names, wrong types and words that an enum
does not have are errors of that line. Logic is three-valued: ``None`` is *unknown*.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from pydantic_core import core_schema

from .compiler import Compiler, ExpressionProblem, Run, Scope
from .problems import Place, shown, stop
from .values import wrong

__all__ = ["Clause", "Expression", "ExpressionProblem", "Scope", "compile_expression"]

MAX_LENGTH, MAX_NODES, MAX_NESTING = 4_000, 1_000, 40


class Clause(NamedTuple):
    """One clause as it went: its text, True, False or None (unknown), the values it saw, and its parts."""

    text: str
    result: Any
    seen: tuple[tuple[str, Any], ...] = ()
    parts: tuple[Clause, ...] = ()

    def lines(self, indent: str = "") -> list[str]:
        """The clause for people, parts indented."""
        word = {True: "yes", False: "no", None: "unknown"}.get(self.result, repr(self.result))
        seen = ", ".join(f"{name} = {'null' if value is None else repr(value)}" for name, value in self.seen)
        own = f"{indent}{self.text}: {word}" + (f"  ({seen})" if seen else "")
        return [own, *(line for part in self.parts for line in part.lines(indent + "  "))]


@dataclass(eq=False)
class Expression:
    """An expression of the config: its text, and once the config is loaded, its compiled form.

    ``names`` are the names in scope that it uses (``now`` among them when it measures time), ``fields`` the
    (entity, field) pairs it reads, ``definitions`` those it refers to.
    """

    text: str
    names: frozenset[str] = frozenset()
    fields: frozenset[tuple[str, str]] = frozenset()
    definitions: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    _run: Run | None = None
    _tree: ast.expr | None = None
    _parts: Mapping[int, Run] | None = None

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @property
    def always(self) -> bool:
        """Whether this is simply true."""
        return self.text.lower() == "true"

    @property
    def never(self) -> bool:
        """Whether this is simply false."""
        return self.text.lower() == "false"

    @property
    def tree(self) -> ast.expr:
        """The syntax tree of the compiled expression."""
        if self._tree is None:
            raise RuntimeError(f"the expression {self.text!r} is not compiled")
        return self._tree

    def evaluate(self, scope: Mapping[str, Any]) -> Any:
        """True, False or None (unknown) for a condition; else the value.

        ``scope`` has an entry for each of :attr:`names`: entities as dicts of wire values (None = there is none),
        ``activities`` a list of such dicts, newest first, ``definitions`` name → True, False or None, ``persona``
        an id or None, ``now`` the run's start (aware).
        """
        if self._run is None:
            raise RuntimeError(f"the expression {self.text!r} is not compiled")
        return self._run(scope)

    def passes(self, scope: Mapping[str, Any]) -> bool:
        """Whether the expression is true; unknown is not."""
        return self.evaluate(scope) is True

    def compile(self, scope: Scope, *, wants: Literal["condition", "value"] = "condition") -> None:
        """Checks the text against what is in scope and makes it ready. Raises :class:`ExpressionProblem`."""
        tree = _parse(self.text)
        compiler = Compiler(scope, " ".join(self.text.split()))
        self._run = compiler.condition(tree) if wants == "condition" else compiler.value(tree).run
        self._tree, self._parts = tree, compiler.parts
        self.names = frozenset(compiler.names)
        self.fields = frozenset(compiler.fields)
        self.definitions = frozenset(compiler.definitions)
        self.warnings = tuple(compiler.warnings)

    def explain(self, scope: Mapping[str, Any]) -> Clause:
        """How the expression came out, clause by clause, with the values it saw."""
        tree, parts = self.tree, self._parts
        assert parts is not None  # they come together
        return self._clause(tree, parts, scope)

    def _clause(self, node: ast.expr, parts: Mapping[int, Run], scope: Mapping[str, Any]) -> Clause:
        text, result = ast.unparse(node), parts[id(node)](scope)
        inner: list[ast.expr] = []
        if isinstance(node, ast.BoolOp):
            inner = node.values
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = [node.operand]
        if inner:
            return Clause(text, result, (), tuple(self._clause(one, parts, scope) for one in inner))
        seen: dict[str, Any] = {}
        for one in ast.walk(node):
            if isinstance(one, (ast.Attribute, ast.Call)) and id(one) in parts and one is not node:
                seen.setdefault(ast.unparse(one), parts[id(one)](scope))
            elif isinstance(one, ast.Name) and one.id == "persona":
                seen.setdefault("persona", scope.get("persona"))
        return Clause(text, result, tuple(seen.items()))

    @classmethod
    def from_config(cls, value: Any) -> Expression:
        """The expression that a YAML value writes: text, or a bare true or false."""
        if isinstance(value, Expression):
            return value
        if isinstance(value, bool):
            return cls("true" if value else "false")
        if isinstance(value, str) and value.strip():
            return cls(value.strip())
        raise wrong(f"{shown(value)} is not an expression.", "Write text such as `lead.score >= 60`.")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Callable[[Any], Any]) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.from_config, serialization=core_schema.plain_serializer_function_ser_schema(lambda e: e.text)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": ["string", "boolean"], "description": "An expression, such as `lead.score >= 60`."}


def compile_expression(
    text: str, *, types: Scope, place: Place, wants: Literal["condition", "value"] = "condition"
) -> Expression:
    """A compiled expression. Raises ConfigError with the place, what is wrong and what would be right."""
    expression = Expression(text)
    try:
        expression.compile(types, wants=wants)
    except ExpressionProblem as e:
        raise stop(place, e.message, e.hint) from None
    return expression


def _parse(text: str) -> ast.expr:
    if len(text) > MAX_LENGTH:
        raise ExpressionProblem(
            f"the expression is longer than {MAX_LENGTH:,} characters.", "Split it into definitions."
        )
    line = " ".join(text.split("\n"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `"\d"` in a pattern is as good as `r"\d"`
            tree = ast.parse(line.strip(), mode="eval").body
    except SyntaxError as e:
        near = line[max(0, (e.offset or 1) - 1) :][:20].strip()
        at = f" near {shown(near)}" if near else ""
        hint = "Compare with `==`." if "==" in str(e.msg) else "Write it as in Python: `lead.score >= 60 and …`."
        raise ExpressionProblem(f"{shown(text)} cannot be read{at}.", hint) from None
    except (ValueError, MemoryError, RecursionError):
        raise ExpressionProblem(f"{shown(text)} cannot be read.", "It may be nested too deeply.") from None
    level: list[ast.AST] = [tree]
    count = depth = 0
    while level:
        count += len(level)
        depth += 1
        if count > MAX_NODES or depth > MAX_NESTING:
            raise ExpressionProblem(
                f"the expression {shown(text)} is too large or too deep.", "Split it into definitions."
            )
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return tree
