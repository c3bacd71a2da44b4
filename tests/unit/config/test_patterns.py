"""`matches` answers as re.search does, in time linear in the text."""

from __future__ import annotations

import re
import time
import warnings

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smarksync.config.patterns import PatternProblem, compile_pattern

ATOMS = ["a", "b", "A", ".", "[ab]", "[^a]", "\\w", "\\d", "\\s", "\\b", "^", "$", "\\A", "\\Z", "\n", "_", "é", "1"]
TEXTS = st.text("abAB1_é \n", max_size=8)


def joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeat = st.sampled_from(["*", "+", "?", "*?", "{0,2}", "{2}", "{1,}"])
    return st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda p: f"(?:{p[0]}|{p[1]})"),
        st.tuples(inner, repeat).map(lambda p: f"(?:{p[0]}){p[1]}"),
        inner.map(lambda p: f"(?i:{p})"),
        inner.map(lambda p: f"(?a:{p})"),
        inner.map(lambda p: f"({p})"),
    )


PATTERNS = st.tuples(
    st.sampled_from(["", "(?i)", "(?m)", "(?s)", "(?a)", "(?im)"]),
    st.recursive(st.sampled_from(ATOMS), joined, max_leaves=8),
).map("".join)


@given(PATTERNS, st.lists(TEXTS, max_size=6))
@example("$", ["\n", "a\n", ""])
@example(r"(?a:\b)é", ["é", "aé"])
@example(r"(?i:(?a:(?i:\w)))", ["é"])
@example("(?i)straße|ſ", ["STRASSE", "S", "s"])
def test_same_answer_as_python(pattern: str, texts: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = re.compile(pattern)
        except re.error:
            with pytest.raises(PatternProblem):
                compile_pattern(pattern)
            return
    search = compile_pattern(pattern)
    for text in texts:
        assert search(text) == bool(expected.search(text)), (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 50_000 + "!"),
        ("(a|a)*b", "a" * 50_000),
        (r"(\w+\s?)*x$", "word " * 10_000),
        ("a?" * 30 + "a" * 30, "a" * 29),
        (".*.*.*=.*", "x" * 50_000),
    ],
)
def test_patterns_that_make_re_hang_answer_at_once(pattern: str, text: str) -> None:
    started = time.perf_counter()
    assert compile_pattern(pattern)(text) is False
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(a)\1", "back references"),
        ("(?=a)", "look-around"),
        ("(?<!a)b", "look-around"),
        ("(a", "cannot be read"),
        ("a{900}b{900}", None),
        ("(a{1,200}){1,200}", "too large"),
        ("x" * 2000, "longer than"),
    ],
)
def test_what_cannot_be_used_says_so(pattern: str, why: str | None) -> None:
    if why is None:
        compile_pattern(pattern)
        return
    with pytest.raises(PatternProblem, match=why):
        compile_pattern(pattern)


def test_a_text_of_many_different_characters_does_not_fill_memory() -> None:
    search = compile_pattern("[a-z]+@never")
    text = "".join(chr(c) for c in range(0x20, 0xD000))
    assert search(text) is False
    assert search(text + "abc@never") is True
