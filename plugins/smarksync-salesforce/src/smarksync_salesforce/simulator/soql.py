"""A small part of SOQL, and nothing beside it: what is not understood is refused, as the vendor refuses it.

``SELECT fields | COUNT() FROM Object [WHERE …] [ORDER BY …] [LIMIT n] [OFFSET n]`` with comparisons, IN, LIKE, NOT, AND,
OR and brackets, one step to a parent (``Account.Name``) and child selects without conditions
(``(SELECT ContactId FROM OpportunityContactRoles)``). AND and OR do not stand side by side without brackets (SOQL
reference, "WHERE"); OFFSET is at most 2,000 (vendors/crm.md 1.5).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .schema import CHILDREN, Field, SObject

Row = Mapping[str, Any]
Test = Callable[[Row], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')"
    r"|(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))|(?P<date>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*)|(?P<sign><=|>=|!=|<>|[=<>(),]))"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\", "_": "_", "%": "%"}


class QueryError(Exception):
    """``code`` and words of a 400."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Query:
    """A parsed query. ``columns`` are (Field) or (reference Field, parent field's name); ``order`` (name, descending)."""

    object: str
    count: bool = False
    columns: list[tuple[Field, str | None]] = field(default_factory=list)
    children: list[tuple[str, list[Field]]] = field(default_factory=list)
    where: Test | None = None
    names: set[str] = field(default_factory=set)
    order: list[tuple[str, bool]] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0


def parse(text: str, objects: Mapping[str, SObject]) -> Query:
    """The query; raises :class:`QueryError`."""
    return _Parser(text, objects).query()


class _Parser:
    def __init__(self, text: str, objects: Mapping[str, SObject]) -> None:
        self.text, self.objects = text, objects
        self.tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text.rstrip()):
            match = _TOKEN.match(text, at)
            if not match or match.end() == at:
                raise self.malformed(text[at : at + 10])
            kind = match.lastgroup or ""
            self.tokens.append((kind, match[kind]))
            at = match.end()
        self.at = 0

    def malformed(self, token: str) -> QueryError:
        return QueryError(
            "MALFORMED_QUERY", f"\n{self.text[:80]}\n^\nERROR at Row:1:Column:1\nunexpected token: '{token}'"
        )

    # tokens
    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else "<EOF>"

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        token = self.peek()
        if expected and token.upper() not in expected:
            raise self.malformed(token)
        self.at += 1
        return token

    def given(self, *words: str) -> bool:
        if self.peek().upper() in words and self.kind() != "string":
            self.at += 1
            return True
        return False

    # clauses
    def query(self) -> Query:
        self.take("SELECT")
        count, names, children = self.columns()
        self.take("FROM")
        name = self.take()
        found = next((o for o in self.objects.values() if o.name.lower() == name.lower()), None)
        if found is None:
            raise QueryError(
                "INVALID_TYPE", f"\nFROM {name}\n ^\nERROR at Row:1:Column:1\nsObject type '{name}' is not supported."
            )
        self.object = found
        query = Query(found.name, count)
        self.query_ = query
        query.columns = [self.column(n) for n in names]
        query.children = [self.child(relation, fields) for relation, fields in children]
        if self.given("WHERE"):
            query.where = self.condition()
        if self.given("ORDER"):
            self.take("BY")
            query.order.append(self.order())
            while self.given(","):
                query.order.append(self.order())
        if self.given("LIMIT"):
            query.limit = self.number()
        if self.given("OFFSET"):
            query.offset = self.number()
            if query.offset > 2000:
                raise QueryError("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        if self.at < len(self.tokens):
            raise self.malformed(self.peek())
        return query

    def columns(self) -> tuple[bool, list[str], list[tuple[str, list[str]]]]:
        names: list[str] = []
        children: list[tuple[str, list[str]]] = []
        while True:
            if self.given("COUNT"):
                self.take("(")
                self.take(")")
                return True, [], []
            if self.given("("):
                self.take("SELECT")
                inner = [self.take()]
                while self.given(","):
                    inner.append(self.take())
                self.take("FROM")
                children.append((self.take(), inner))
                self.take(")")
            elif self.kind() == "word" and self.peek().upper() != "FROM":
                names.append(self.take())
            else:
                raise self.malformed(self.peek())
            if not self.given(","):
                break
        if len({n.lower() for n in names}) < len(names):
            raise QueryError("INVALID_FIELD", "duplicate field selected")
        return False, names, children

    def column(self, name: str) -> tuple[Field, str | None]:
        relation, dot, inner = name.partition(".")
        if not dot:
            return self.field(name), None
        reference = next(
            (f for f in self.object.fields.values() if (f.relationship or "").lower() == relation.lower()), None
        )
        if reference is None:
            raise QueryError("INVALID_FIELD", f"Didn't understand relationship '{relation}' in field path.")
        targets = [self.objects[o] for o in reference.refers_to if o in self.objects]
        found = [f for f in (t.find(inner) for t in targets) if f is not None]
        if not found or (len(targets) > 1 and inner.lower() not in ("id", "name")):
            raise QueryError("INVALID_FIELD", f"No such column '{inner}' on entity '{relation}'.")
        return reference, found[0].name

    def child(self, relation: str, names: list[str]) -> tuple[str, list[Field]]:
        known = CHILDREN.get(self.object.name, {})
        if relation not in known:
            raise QueryError("INVALID_TYPE", f"Didn't understand relationship '{relation}' in FROM part of query call.")
        child = self.objects[known[relation][0]]
        found = [child.find(name) for name in names]
        missing = next((n for n, f in zip(names, found, strict=True) if f is None), None)
        if missing:
            raise QueryError("INVALID_FIELD", f"No such column '{missing}' on entity '{child.name}'.")
        return relation, [f for f in found if f is not None]

    def field(self, name: str) -> Field:
        found = self.object.find(name)
        if found is None:
            raise QueryError(
                "INVALID_FIELD",
                f"\nSELECT {name} FROM {self.object.name}\n^\nERROR at Row:1:Column:8\nNo such column '{name}' on entity "
                f"'{self.object.name}'. If you are attempting to use a custom field, be sure to append the '__c' after "
                "the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
            )
        return found

    def order(self) -> tuple[str, bool]:
        one = self.field(self.take())
        if one.long:
            raise QueryError("MALFORMED_QUERY", f"field '{one.name}' can not be sorted in a query call")
        down = self.given("DESC")
        if not down:
            self.given("ASC")
        if self.given("NULLS"):
            self.take("FIRST", "LAST")
        return one.name, down

    def number(self) -> int:
        text = self.take()
        if not text.isdigit():
            raise self.malformed(text)
        return int(text)

    # conditions
    def condition(self) -> Test:
        tests = [self.term()]
        word = ""
        while self.peek().upper() in ("AND", "OR"):
            joint = self.take().upper()
            if word and joint != word:
                raise self.malformed(joint)
            word = joint
            tests.append(self.term())
        if len(tests) == 1:
            return tests[0]
        return (lambda row: all(t(row) for t in tests)) if word == "AND" else (lambda row: any(t(row) for t in tests))

    def term(self) -> Test:
        if self.given("NOT"):
            inner = self.term()
            return lambda row: not inner(row)
        if self.given("("):
            inner = self.condition()
            self.take(")")
            return inner
        one = self.field(self.take())
        name = one.name
        fold = _as_it_is if one.type in ("id", "reference", "date", "datetime") else _fold
        if one.long or one.type == "address":
            raise QueryError("INVALID_FIELD", f"field '{name}' can not be filtered in a query call")
        self.query_.names.add(name)
        sign = self.take().upper()
        if sign in ("IN", "NOT"):
            if sign == "NOT":
                self.take("IN")
            self.take("(")
            members = {self.literal(one)}
            while self.given(","):
                members.add(self.literal(one))
            self.take(")")
            inside = sign == "IN"
            return lambda row: (fold(row[name]) in members) is inside
        value = self.literal(one)
        if sign == "=":
            return lambda row: bool(fold(row[name]) == value)
        if sign in ("!=", "<>"):
            return lambda row: bool(fold(row[name]) != value)
        if sign == "LIKE":
            pattern = re.compile(re.escape(str(value)).replace("%", ".*").replace("_", "."), re.DOTALL)
            return lambda row: row[name] is not None and pattern.fullmatch(fold(row[name])) is not None
        if sign in _COMPARE and value is not None:
            compare = _COMPARE[sign]
            return lambda row: row[name] is not None and compare(fold(row[name]), value)
        raise self.malformed(sign)

    def literal(self, one: Field) -> Any:
        kind, text = self.kind(), self.take()
        if kind == "word" and text.upper() == "NULL":
            return None
        if one.type == "boolean":
            fits = kind == "word" and text.upper() in ("TRUE", "FALSE")
            value: Any = text.upper() == "TRUE"
        elif one.type in ("int", "double", "currency", "percent"):
            fits, value = kind == "number", float(text) if kind == "number" else None
        elif one.type in ("date", "datetime"):
            fits, value = kind == one.type, normal_time(text) if kind == "datetime" else text
        else:
            fits, value = kind == "string", unquoted(text).lower()
            if one.type in ("id", "reference") and fits:
                from .ids import full, well_formed

                if not well_formed(unquoted(text)):
                    raise QueryError("INVALID_QUERY_FILTER_OPERATOR", f"{one.name}: invalid ID field: {unquoted(text)}")
                value = full(unquoted(text))
        if not fits:
            quoted = "should not be enclosed in quotes" if kind == "string" else "should be enclosed in quotes"
            raise QueryError(
                "INVALID_FIELD",
                f"value of filter criterion for field '{one.name}' must be of type {one.type} and {quoted}",
            )
        return value


def _fold(value: Any) -> Any:
    """Text compares without regard to case; ids and times do not."""
    return value.lower() if isinstance(value, str) else value


def _as_it_is(value: Any) -> Any:
    return value


def unquoted(text: str) -> str:
    """A string literal's text."""
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), text[1:-1])


def normal_time(text: str) -> str:
    """A datetime as the API shows it: whole seconds, UTC, offset without a colon (vendors/crm.md 1.5)."""
    from datetime import UTC, datetime

    moment = datetime.fromisoformat(text).astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
