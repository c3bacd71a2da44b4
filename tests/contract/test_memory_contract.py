"""The in-memory system keeps the whole contract, with and without a network in between."""

from __future__ import annotations

from memory_suites import PlainMemory, WebMemorySuite


class TestPlainMemory(PlainMemory):
    """Without a network, five clauses say nothing."""


class TestWebMemory(WebMemorySuite):
    """Behind HTTP every clause is tested."""
