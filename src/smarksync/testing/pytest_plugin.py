"""What pytest prints behind a run of conformance suites: a score for each, and what was left out and why.

Found by the entry point ``pytest11``; it does nothing in a run without a suite. It reads the reports, which come here
from whatever process ran the clause (pytest-xdist).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A line per suite, and one per clause that was not simply kept."""
    told = _told(terminalreporter)
    if not told:
        return
    from .contract.score import from_property, score

    terminalreporter.section("conformance")
    for place, properties in sorted(told.items()):
        verdicts = sorted(filter(None, map(from_property, properties)), key=lambda one: one.clause.number)
        share = ", ".join(f"{line.ability} {line.share}" for line in score(verdicts) if line.tested)
        terminalreporter.write_line(f"{place}: {share}")
        for verdict in verdicts:
            word = {"deviates": "known deviation: ", "skipped": "not tested: ", "passed": ""}.get(verdict.outcome)
            if word is not None and verdict.said and verdict.lack != "ability":
                terminalreporter.write_line(f"  {verdict.clause}: {word}{verdict.said}")
        if behind := [" ".join(row) for one in properties for row in one["left_behind"]]:
            terminalreporter.write_line(f"  left behind in the system: {', '.join(behind)}")


def _told(terminalreporter: pytest.TerminalReporter) -> dict[str, list[dict[str, Any]]]:
    """{suite: the verdicts that the reports of its tests bring}."""
    told: dict[str, list[dict[str, Any]]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) == "call":
                place = report.nodeid.rsplit("::", 1)[0]
                # the name is score.PROPERTY; runs without a suite need not load the kit
                found = [value for name, value in report.user_properties if name == "smarksync.verdict"]
                told.setdefault(place, []).extend(found)
    return {place: verdicts for place, verdicts in told.items() if verdicts}
