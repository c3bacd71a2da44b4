"""Regular expressions that cannot run away.

``re`` backtracks: a pattern such as ``(a+)+$`` takes hours on thirty letters, and the text comes from strangers.
So `matches` reads a pattern with Python's own parser and runs it as a set of positions that all advance together
(Thompson's construction, made deterministic as it goes). Time is linear in the text; the answer is the one that
``re.search`` gives, yes or no. What needs memory of the text (back references, look-around, atomic and
possessive groups) is refused when the config loads.
"""

from __future__ import annotations

import importlib
import re
import warnings
from collections.abc import Callable
from typing import Any

_parser: Any = importlib.import_module("re._parser")
_compiler: Any = importlib.import_module("re._compiler")

MAX_PATTERN, MAX_STEPS, MAX_CACHED = 1_000, 5_000, 20_000
#: what stands before a position: nothing, a line feed, an ASCII word character, another word character, the rest
_START, _LINE, _ASCII_WORD, _WORD, _OTHER = range(5)
#: what letters are: ASCII's, the locale's, or Unicode's
_ALPHABETS = re.ASCII | re.LOCALE | re.UNICODE


class PatternProblem(ValueError):
    """A pattern that cannot be used; the message says why and what would be right."""


def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether the pattern occurs in a text. Raises :class:`PatternProblem`."""
    if len(pattern) > MAX_PATTERN:
        raise PatternProblem(f"the pattern is longer than {MAX_PATTERN} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            tree = _parser.parse(pattern)
    except (re.error, Warning, OverflowError, RecursionError) as e:
        raise PatternProblem(f"the pattern cannot be read: {getattr(e, 'msg', None) or e}") from None
    return _Automaton(tree).search


class _Automaton:
    def __init__(self, tree: Any) -> None:
        #: a step is (kind, argument, next): "char" a test, "split" a list of nexts, "at" an assertion, "end"
        self.steps: list[tuple[str, Any, Any]] = []
        self.tests: dict[tuple[str, int], Callable[[str], Any]] = {}
        end = self.add("end")
        self.first = self.sequence(tree, end, tree.state.flags)
        self.anchored = any(kind == "at" for kind, _, _ in self.steps)
        self.reset()

    def reset(self) -> None:
        self.cache: dict[tuple[frozenset[int], int], dict[str, Any]] = {}
        self.cached = 0
        self.initial = self.state(frozenset((self.first,)), _START)

    # -- building, from the end to the start

    def add(self, kind: str, argument: Any = None, after: Any = None) -> int:
        if len(self.steps) >= MAX_STEPS:
            raise PatternProblem("the pattern is too large; use smaller counts in `{…}`")
        self.steps.append((kind, argument, after))
        return len(self.steps) - 1

    def sequence(self, items: Any, after: int, flags: int) -> int:
        for item in reversed(list(items)):
            after = self.item(item, after, flags)
        return after

    def item(self, item: Any, after: int, flags: int) -> int:
        op, argument = str(item[0]), item[1]
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN", "CATEGORY", "RANGE"):
            return self.add("char", self.test(item, flags), after)
        if op == "SUBPATTERN":
            _, on, off, inner = argument
            if on & _ALPHABETS:
                flags &= ~_ALPHABETS  # one takes the place of the other
            return self.sequence(inner, after, (flags | on) & ~off)
        if op == "BRANCH":
            return self.add("split", [self.sequence(one, after, flags) for one in argument[1]])
        if op in ("MAX_REPEAT", "MIN_REPEAT"):
            return self.repeat(argument, after, flags)
        if op == "AT":
            return self.add("at", (str(argument), bool(flags & re.MULTILINE), bool(flags & re.ASCII)), after)
        what = {
            "GROUPREF": "back references",
            "GROUPREF_EXISTS": "conditions",
            "ASSERT": "look-around",
            "ASSERT_NOT": "look-around",
        }
        raise PatternProblem(f"{what.get(op, 'atomic and possessive groups')} are not supported here")

    def repeat(self, argument: Any, after: int, flags: int) -> int:
        low, high, inner = int(argument[0]), argument[1], argument[2]
        if high == _parser.MAXREPEAT:
            loop = self.add("split", [])
            body = self.sequence(inner, loop, flags)
            self.steps[loop] = ("split", [body, after], None)
            after = loop
        else:
            end = after
            for _ in range(int(high) - low):
                after = self.add("split", [self.sequence(inner, after, flags), end])
        for _ in range(low):
            after = self.sequence(inner, after, flags)
        return after

    def test(self, item: Any, flags: int) -> Callable[[str], Any]:
        """Whether one character fits, by Python's own rules for classes and case."""
        key = (repr(item), flags)
        if key not in self.tests:
            state = _parser.State()
            state.flags = flags
            self.tests[key] = _compiler.compile(_parser.SubPattern(state, [item]), flags).fullmatch
        return self.tests[key]

    # -- running

    def search(self, text: str) -> bool:
        """Whether the pattern occurs anywhere in the text."""
        state = self.initial
        last = len(text) - 1
        for index, char in enumerate(text):
            if char == "\n" and index == last and self.anchored:
                found = self.step(state, char, final=True)  # `$` also stands before a last line feed
            else:
                found = state.get(char)
                if found is None:
                    found = self.step(state, char, final=False)
            if found is True:
                return True
            state = found
        return self.accepts(state)

    def state(self, positions: frozenset[int], before: int) -> dict[str, Any]:
        """The cached transitions out of a set of positions; its key is kept under an impossible character."""
        key = (positions, before)
        found = self.cache.get(key)
        if found is None:
            found = self.cache[key] = {"key": key}
        return found

    def step(self, state: dict[str, Any], char: str, *, final: bool) -> Any:
        positions, before = state["key"]
        reached, done = self.closure(positions, before, char, final)
        result: Any = True
        if not done:
            steps = self.steps
            moved = {steps[p][2] for p in reached if steps[p][1](char)}
            moved.add(self.first)
            result = self.state(frozenset(moved), _kind(char) if self.anchored else _OTHER)
        if not final:
            self.cached += 1
            if self.cached > MAX_CACHED:
                kept = None if result is True else result["key"]
                self.reset()
                return True if kept is None else self.state(*kept)
            state[char] = result
        return result

    def accepts(self, state: dict[str, Any]) -> bool:
        positions, before = state["key"]
        return self.closure(positions, before, None, False)[1]

    def closure(self, positions: frozenset[int], before: int, char: str | None, final: bool) -> tuple[list[int], bool]:
        """Positions that wait for a character, reached without reading one; and whether the end was reached."""
        seen: set[int] = set()
        waiting: list[int] = []
        stack = list(positions)
        while stack:
            at = stack.pop()
            if at in seen:
                continue
            seen.add(at)
            kind, argument, after = self.steps[at]
            if kind == "char":
                waiting.append(at)
            elif kind == "split":
                stack.extend(argument)
            elif kind == "end":
                return waiting, True
            elif self.holds(argument, before, char, final):
                stack.append(after)
        return waiting, False

    def holds(self, assertion: tuple[str, bool, bool], before: int, char: str | None, final: bool) -> bool:
        name, multiline, ascii_only = assertion
        if name == "AT_BEGINNING_STRING" or (name == "AT_BEGINNING" and not multiline):
            return before == _START
        if name == "AT_BEGINNING":
            return before in (_START, _LINE)
        if name == "AT_END_STRING":
            return char is None
        if name == "AT_END":
            return char is None or final or (multiline and char == "\n")
        word_before = before == _ASCII_WORD or (before == _WORD and not ascii_only)
        word_after = char is not None and _kind(char) in ((_ASCII_WORD,) if ascii_only else (_ASCII_WORD, _WORD))
        on_edge = word_before != word_after
        return on_edge if name == "AT_BOUNDARY" else not on_edge


def _kind(char: str) -> int:
    if char == "\n":
        return _LINE
    if char.isalnum() or char == "_":
        return _ASCII_WORD if char.isascii() else _WORD
    return _OTHER
