"""The suite that a connector's tests subclass: one pytest test for each clause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from . import about_spec, finding, manners, reading, writing
from .clause import CLAUSES, Clause, slug
from .score import PROPERTY, as_property, check_names, judge
from .stage import Stage

__all__ = ["ConnectorContract", "about_spec", "finding", "manners", "reading", "writing"]


class ConnectorContract(Stage):
    """Subclass it in a plugin's tests, as ``class TestAcme(ConnectorContract): spec = SPEC``.

    ``known_deviations``: the name of a clause → why the connector cannot keep it. One that is kept after all, or is not
    tested, fails: the list stays true. What became of each clause is a property of its test's report, so that pytest
    can count also what other processes ran.
    """

    known_deviations: ClassVar[Mapping[str, str]] = {}

    def test_known_deviations_are_of_clauses(self) -> None:
        """Each known deviation names a clause and gives a reason."""
        check_names(self.known_deviations)


def _test(clause: Clause) -> Callable[[ConnectorContract, Callable[[str, object], None]], None]:
    def test(self: ConnectorContract, record_property: Callable[[str, object], None]) -> None:
        import pytest

        kind = type(self)
        behind = len(getattr(kind, "left_behind", ()))
        verdict = judge(kind, clause, self.known_deviations)
        left = getattr(kind, "left_behind", ())[behind:]
        record_property(PROPERTY, as_property(verdict, left))
        if verdict.outcome == "skipped":
            pytest.skip(f"{clause}: {verdict.said}")
        if verdict.outcome == "deviates":
            pytest.xfail(f"{clause}: {verdict.said}")
        if verdict.bad:
            pytest.fail(f"{clause}: {verdict.said}", pytrace=False)

    test.__doc__ = clause.check.__doc__
    test.__name__ = f"test_{clause.number:02}_{slug(clause.title)}"
    test.__qualname__ = f"ConnectorContract.{test.__name__}"
    return test


for _clause in CLAUSES:
    _made = _test(_clause)
    setattr(ConnectorContract, _made.__name__, _made)
