"""Which sale is whose: opportunities by the people they name, or by their account where they name nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smarksync.alignment.outcomes import Sale
from smarksync.ledger import entities, links, states, ties
from smarksync.ledger.cases import Case
from smarksync.model.moments import DAY, micros

from .context import Run
from .scopes import account_values

#: the mark on the change log; no job of a config can be called so
MARK = "observed:sales"
CHUNK = 500
#: the tie that says since when we know an opportunity, in microseconds
SINCE = "since"
#: the tie that says when it was won, as far as we saw it
WON = "won"


def refresh(run: Run) -> None:
    """Ties of the opportunities that changed; the people concerned are looked at again."""
    ledger = run.ledger
    since, top = states.mark(ledger, MARK), states.top(ledger)
    sql = (
        "SELECT DISTINCT c.eid FROM changes c CROSS JOIN entities e WHERE c.seq > ? AND c.seq <= ? AND e.eid = c.eid "
        "AND e.kind = 'opportunity' AND e.state = 'live' ORDER BY 1"
    )
    changed = [eid for (eid,) in ledger.rows(sql, (since, top))]
    for start in range(0, len(changed), CHUNK):
        part = changed[start : start + CHUNK]
        with ledger.tx():
            _tie(run, part)
    with ledger.tx():
        states.set_mark(ledger, MARK, top)


def _tie(run: Run, eids: Sequence[int]) -> None:
    found = account_values(run, eids)
    named = {str(ref) for values in found.values() for ref in _people(values)}
    named |= {str(values["account"]) for values in found.values() if values.get("account")}
    refs = entities.by_refs(run.ledger, sorted(named))
    concerned: set[int] = set()
    changed = {eid: _changed(run, eid)[1] for eid in eids}
    for eid, values in found.items():
        before = ties.of(run.ledger, eid)
        wanted = [("lead", refs[ref]) for ref in _people(values) if ref in refs]
        wanted += [one for one in before if one[0] == SINCE] or [(SINCE, changed[eid])]
        if values.get("stage_kind") == "won":
            wanted += [one for one in before if one[0] == WON] or [(WON, changed[eid])]
        account = refs.get(str(values.get("account")))
        if account is not None:
            wanted.append(("account", account))
        concerned |= {b for kind, b in before if kind == "lead"} | {b for kind, b in wanted if kind == "lead"}
        ties.put(run.ledger, eid, wanted)
        if account is not None and not any(kind == "lead" for kind, _ in wanted):
            concerned.update(_employed(run, account))
    states.changed(run.ledger, ((eid, None, None, run.run_id) for eid in sorted(concerned)))


def _people(values: Mapping[str, Any]) -> list[str]:
    named = list(values.get("leads") or ())
    if values.get("primary_lead"):
        named.append(values["primary_lead"])
    return [str(ref) for ref in named]


def _employed(run: Run, account: int) -> list[int]:
    """Leads with a case at that account, as far as we know where they work."""
    sql = "SELECT DISTINCT t.a FROM ties t JOIN cases c ON c.eid = t.a WHERE t.b = ? AND t.kind = 'employer'"
    return [eid for (eid,) in run.ledger.rows(sql, (account,))]


def employ(run: Run, employers: Mapping[int, tuple[int, bool]]) -> None:
    """Remembers where leads with a case work, so that a sale of their account finds them."""
    for eid, (account, _) in employers.items():
        if ("employer", account) not in ties.of(run.ledger, eid):
            ties.put(run.ledger, eid, [("employer", account)])


def sales_of(run: Run, wanted: Iterable[Case], employers: Mapping[int, tuple[int, bool]]) -> dict[int, Sale]:
    """{case: its sale}: the newest opportunity of the current case, by contact role, else through the account."""
    wanted = list(wanted)
    eids = {case.eid for case in wanted}
    by_role = ties.to(run.ledger, "lead", eids)
    by_account = ties.to(run.ledger, "account", {account for account, _ in employers.values()})
    every = {opp for group in (*by_role.values(), *by_account.values()) for opp in group}
    known = {opp: _sale(run, opp, values) for opp, values in account_values(run, every).items()} if every else {}
    anonymous = {opp for opp in every if not any(kind == "lead" for kind, _ in ties.of(run.ledger, opp))}
    found: dict[int, Sale] = {}
    for case in wanted:
        mine = [known[opp] for opp in by_role.get(case.eid, ()) if opp in known]
        account = employers.get(case.eid, (0, False))[0]
        through = [
            known[opp]._replace(inferred=True)
            for opp in by_account.get(account, ())
            if opp in anonymous and opp in known
        ]
        sale = _of_case(case, mine) or _of_case(case, through)
        if sale is not None:
            found[case.cid] = sale
    return found


def _of_case(case: Case, sales: Sequence[Sale]) -> Sale | None:
    """A closed case keeps its own; an open one has the newest that was made since it was opened, a day's slack allowed."""
    own = case.body.get("opportunity")
    if not case.open:
        return next((sale for sale in sales if sale.ref == own), None)
    fresh = [sale for sale in sales if sale.ref == own or sale.created >= case.opened_at - DAY]
    return max(fresh, key=lambda sale: (sale.created, sale.ref), default=None)


def _sale(run: Run, eid: int, values: Mapping[str, Any]) -> Sale:
    source, changed = _changed(run, eid)
    created = min([b for kind, b in ties.of(run.ledger, eid) if kind == SINCE], default=changed)
    return Sale(str(values["external_id"]), values, source or str(values["external_id"]), False, created, changed)


def _changed(run: Run, eid: int) -> tuple[str, int]:
    """Its record, and when that changed last: at first sight about when it was made, which no job keeps."""
    for link in links.of_entities(run.ledger, [eid]).get(eid, []):
        if link.state == links.LIVE and link.sid in run.lanes:
            return f"{run.lanes[link.sid].name}:{link.rid}", micros(link.changed_at or run.now())
    return "", micros(run.now())
