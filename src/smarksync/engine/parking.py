"""Fields that rest because two writers never did: after seven quiet days they take part again by themselves."""

from __future__ import annotations

from datetime import timedelta

from smarksync.ledger import conflicts, flips, links, states
from smarksync.ledger.conflicts import Conflict
from smarksync.ledger.db import Ledger

from .context import Run, instant

QUIET = timedelta(days=7)


def wake(run: Run) -> None:
    """Ends the rest of fields whose record nobody has touched for seven days."""
    before = instant(run.now() - QUIET)
    parked = conflicts.listed(run.ledger, "kind = 'flip' AND state = 'open' AND since < ?", (before,), -1)
    with run.ledger.tx():
        for one in parked:
            group = links.of_entities(run.ledger, [one.eid]).get(one.eid, [])
            touched = [link.changed_at for link in group if link.sid == int(one.body["sid"]) and link.changed_at]
            if all(at < before for at in touched):
                end(run.ledger, one, run.run_id)


def end(ledger: Ledger, one: Conflict, run: str) -> None:
    """A parked field takes part again; restorations are counted from nought. Within the caller's transaction."""
    conflicts.remove(ledger, one.id)
    flips.forget(ledger, one.eid, one.field, int(one.body["sid"]))
    states.changed(ledger, [(one.eid, None, None, run)])


__all__ = ["end", "wake"]
