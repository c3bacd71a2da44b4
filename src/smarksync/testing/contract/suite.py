"""The suite that a connector's tests subclass: one pytest test for each clause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from . import about_spec, finding, manners, reading, writing
from .clause import CLAUSES, Clause, slug
from .score import Verdict, check_names, judge
from .stage import Stage

__all__ = ["ConnectorContract", "about_spec", "finding", "manners", "reading", "writing"]


class ConnectorContract(Stage):
    """Subclass it in a plugin's tests, as ``class TestAcme(ConnectorContract): spec = SPEC``.

    ``known_deviations``: the name of a clause → why the connector cannot keep it. One that is kept after all, or is not
    tested, fails: the list stays true. :attr:`verdicts` holds what became of each clause that ran.
    """

    known_deviations: ClassVar[Mapping[str, str]] = {}
    verdicts: ClassVar[dict[str, Verdict]] = {}

    def __init_subclass__(cls, **how: Any) -> None:
        super().__init_subclass__(**how)
        cls.verdicts = {}

    def test_skips_equal_the_undeclared_abilities(self) -> None:
        """What was left out because an ability is missing is exactly what no stream declares."""
        check_names(self.known_deviations)
        with self.opened():
            streams = list(self.asked_streams())
            for verdict in self.verdicts.values():
                claimed = any(verdict.clause.concerns(s) for s in streams) and (
                    self.speaks_http or not verdict.clause.http
                )
                left_out = verdict.outcome == "skipped" and verdict.lack == "ability"
                whole = verdict.clause.name == "until_respected" and all(s.full_scan for s in streams)
                single = verdict.clause.name == "mixed_results_stay_mixed" and all(s.max_batch < 2 for s in streams)
                assert left_out is not (claimed and not whole and not single), str(verdict)


def _test(clause: Clause) -> Callable[[ConnectorContract], None]:
    def test(self: ConnectorContract) -> None:
        import pytest

        kind = type(self)
        verdict = judge(kind, clause, self.known_deviations)
        kind.verdicts[clause.name] = verdict
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
