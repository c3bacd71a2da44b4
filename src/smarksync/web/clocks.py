"""How the clocks of cases stand now. The agreement is made ready once for all pages, and asked by one at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from smarksync.alignment.judge import Verdict, judge
from smarksync.alignment.terms import Terms
from smarksync.config import Config
from smarksync.engine import promises
from smarksync.ledger.db import Ledger
from smarksync.model.moments import micros

#: worst first
RANK = ("breached", "at_risk", "on_track", "met", "excused")


class Clocks:
    """The promises about single cases. Its calendars are computed once: that takes longer than a page may."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._terms = Terms.of(config)
        self._one = threading.Lock()

    def warm(self, now: datetime) -> None:
        """Computes the calendars' years around now, before anybody waits for them."""
        with self._one:
            for term in self._terms.promises if self._terms is not None else ():
                if term.timer is not None:
                    term.timer.due(micros(now))

    def of(self, ledger: Ledger, now: datetime, cids: Sequence[int]) -> dict[int, list[Verdict]]:
        """{case: the verdicts on it, the worst first}."""
        terms, at = self._terms, micros(now)
        if terms is None or not cids:
            return {}
        timed = [term for term in terms.promises if term.timer is not None]
        found: dict[int, list[Verdict]] = {}
        with self._one:
            for chunk in promises.facts(self._config, ledger, terms, at, cids):
                for facts in chunk:
                    said = (judge(term, facts, at, terms.agreement.at_risk) for term in timed)
                    found[facts.cid] = sorted((v for v in said if v is not None), key=lambda v: RANK.index(v.status))
        return found


__all__ = ["Clocks"]
