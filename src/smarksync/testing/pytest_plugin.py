"""What pytest prints behind a run of conformance suites: a score for each, and what was left out and why.

Found by the entry point ``pytest11``; it does nothing in a run without a suite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from .contract import ConnectorContract


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Remembers the suites of this run."""
    suites: dict[str, type[ConnectorContract]] = {}
    for item in items:
        kind = getattr(item, "cls", None)
        if kind is not None and hasattr(kind, "known_deviations") and hasattr(kind, "verdicts"):
            suites[item.nodeid.rsplit("::", 1)[0]] = kind
    config.stash[_suites()] = suites


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """A line per suite, and one per clause that was not simply kept."""
    suites = config.stash.get(_suites(), {})
    if not any(suite.verdicts for suite in suites.values()):
        return
    from .contract import score

    terminalreporter.section("conformance")
    for place, suite in suites.items():
        if not suite.verdicts:
            continue
        verdicts = list(suite.verdicts.values())
        lines = score(verdicts)
        told = ", ".join(f"{line.ability} {line.share}" for line in lines if line.tested)
        terminalreporter.write_line(f"{place}: {told}")
        for verdict in verdicts:
            word = {"deviates": "known deviation: ", "skipped": "not tested: ", "passed": ""}.get(verdict.outcome)
            if word is not None and verdict.said and verdict.lack != "ability":
                terminalreporter.write_line(f"  {verdict.clause}: {word}{verdict.said}")
        if behind := getattr(suite, "left_behind", ()):
            terminalreporter.write_line(f"  left behind in the system: {', '.join(' '.join(one) for one in behind)}")


def _suites() -> pytest.StashKey[dict[str, type[ConnectorContract]]]:
    global _key
    if _key is None:
        import pytest

        _key = pytest.StashKey()
    return _key


_key: pytest.StashKey[dict[str, type[ConnectorContract]]] | None = None
