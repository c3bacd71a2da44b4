"""Match keys that the config changed reach everybody who is known already.

The key index is kept up as records move, by the keys that `match` names. When it begins to name another one, people
who are known stand in the index under the old keys only, and a new record of one of them would be a second person.
"""

from __future__ import annotations

from typing import Any

from smarksync.ledger import entities, keys, links, meta
from smarksync.ledger.db import dumps
from smarksync.plan.build import own_values
from smarksync.plan.match import keys_of, kind_of

from .context import Run
from .lookup import side_of

CHUNK = 500


def renew(run: Run) -> None:
    """Writes the keys of every entity anew whose kind is matched by a key that the last run did not know."""
    for kind, match in run.match.items():
        wanted = sorted({kind_of(one) for one in match})
        place = f"keys:{kind}"
        was = meta.get(run.ledger, place)
        now = dumps(wanted).decode()
        last = 0
        while was not in (None, now) and (eids := _next(run, kind, last)):
            last = eids[-1]
            with run.ledger.tx():
                _write(run, eids, match)
        if was != now:
            meta.put(run.ledger, place, now)


def _next(run: Run, kind: str, after: int) -> list[int]:
    sql = (
        "SELECT eid FROM entities WHERE kind = ? AND state IN ('live', 'provisional') AND eid > ? ORDER BY eid LIMIT ?"
    )
    return [row[0] for row in run.ledger.rows(sql, (kind, after, CHUNK))]


def _write(run: Run, eids: list[int], match: list[Any]) -> None:
    """The keys of what is agreed and of what each living record shows; former ones stay, as proposals."""
    found: list[tuple[str, str, int]] = []
    linked = links.of_entities(run.ledger, eids)
    for eid, (ref, _, agreed) in entities.load(run.ledger, eids).items():
        agreed["external_id"] = ref
        shown = [agreed]
        shown += [
            own_values(side_of(run, link), agreed)
            for link in linked.get(eid, [])
            if link.state == links.LIVE and link.sid in run.mappings
        ]
        found += [(kind, value, eid) for values in shown for kind, value in keys_of(match, values)]
    keys.forget_strong(run.ledger, eids)
    keys.add(run.ledger, found)
