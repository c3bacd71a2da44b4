"""`--only REF`: one entity, and what it points at: a person waits for their company, a deal for both."""

from __future__ import annotations

from smarksync.errors import UsageError
from smarksync.ledger import entities, links, refs
from smarksync.model import ABSENT, ValueProblem

from .context import Run
from .lookup import side_of
from .owners import KIND


def named(run: Run) -> None:
    """Raises UsageError when REF names nobody of all that was read; nothing is planned then, so nothing is written.

    Where a system failed or a job was refused, REF may be somebody there: then the run ends as that says.
    """
    if run.options.only is None or refs.find(run.ledger, run.options.only):
        return
    failures = (
        *(opened.failed for opened in run.connections.values()),
        *(lane.failed for lane in run.lanes.values()),
        *(job.failed for job in run.jobs),
    )
    if run.refused or any(failure is not None for failure in failures):
        return
    raise UsageError(
        f"`--only {run.options.only}` names nobody that these jobs have read; nothing was written.",
        hint="A REF is an e-mail address, connection:object:id, or an entity id.",
    )


def chosen(run: Run, kind: str) -> list[int]:
    """The entities of one kind that `--only` means: what REF names, or what that points at, over any number of steps."""
    found = refs.find(run.ledger, run.options.only or "")
    known = set(found)
    while found:
        found = sorted(_parents(run, found) - known)
        known.update(found)
    loaded = run.ledger.rows(
        "SELECT eid FROM entities WHERE kind = ? AND eid IN (SELECT value FROM json_each(?)) ORDER BY eid",
        (kind, str(sorted(known))),
    )
    return [eid for (eid,) in loaded]


def _parents(run: Run, eids: list[int]) -> set[int]:
    """What these entities point at, as it is agreed and as any of their records shows it now."""
    names: set[str] = set()
    agreed = entities.load(run.ledger, eids)
    for eid, group in links.of_entities(run.ledger, eids).items():
        values = agreed[eid][2]
        for link in group:
            if link.state != links.LIVE or link.sid not in run.mappings:
                continue
            side = side_of(run, link)
            for name, codec in side.mapping.fields.items():
                if codec.field.ref is None or codec.field.ref == KIND:
                    continue
                try:
                    shown = side.observed(name, values)
                except ValueProblem:
                    shown = ABSENT  # a record that no page has brought yet
                for one in (shown, values.get(name)):
                    names.update(one if isinstance(one, list) else [one] if isinstance(one, str) else [])
    return set(entities.by_refs(run.ledger, sorted(names)).values())


__all__ = ["chosen", "named"]
