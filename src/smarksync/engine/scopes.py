"""What expressions about leads see: built in batches, and only for the names that some expression uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from smarksync.alignment import qualify
from smarksync.alignment.qualify import LeadScope
from smarksync.alignment.score import Scores, Scoring
from smarksync.config import Config
from smarksync.ledger import activities, entities, keys, links
from smarksync.ledger.activities import Activity
from smarksync.model import ABSENT, ValueProblem, is_free_mail, registrable_domain
from smarksync.model.moments import micros, wire
from smarksync.plan.build import own_values
from smarksync.plan.job import Person

from .context import Run
from .lookup import side_of


class Scopes:
    """Makes scopes for leads. ``needs``: the names that will be asked for; what nobody asks for is not loaded."""

    def __init__(self, run: Run, config: Config, needs: frozenset[str]) -> None:
        self.run, self.config = run, config
        self.scoring = Scoring(config.scoring)
        if self.scoring:
            needs |= qualify.reach(config, (rule.when for rule in config.scoring))
        self.needs = needs
        self.window = int(config.defaults.activity_window.timedelta.total_seconds() * 1_000_000)
        self._makers = qualify.makers(config)
        self._now = run.now()

    def of(
        self, people: Sequence[Person], opportunities: Mapping[int, Mapping[str, Any]] | None = None
    ) -> dict[int, LeadScope]:
        """{eid: scope}. The lead's computed scores stand in for what a system shows."""
        eids = [person.eid for person in people]
        found = self.activities(eids) if "activities" in self.needs else {}
        employers = accounts(self.run, people) if "account" in self.needs else {}
        known = account_values(self.run, {account for account, _ in employers.values()}) if employers else {}
        scopes: dict[int, LeadScope] = {}
        for person in people:
            account, inferred = employers.get(person.eid, (0, False))
            given: dict[str, Any] = {
                "lead": person.agreed, "now": self._now, "activities": found.get(person.eid, ()),
                "account": known.get(account), "opportunity": (opportunities or {}).get(person.eid),
            }  # fmt: skip
            if inferred and given["account"] is not None:
                given["account"] = {**given["account"], "inferred": True}
            given["lead"] = self._reasons(person, given["lead"])
            scopes[person.eid] = self._scored(LeadScope(given, self._makers))
        return scopes

    def _reasons(self, person: Person, lead: dict[str, Any]) -> dict[str, Any]:
        """Why sales turned a lead down stands on its own record: no job keeps that in agreement."""
        for side in person.sides:
            opened = self.run.connections.get(side.connection)
            if (
                opened is None
                or opened.role == "marketing"
                or side.state != "live"
                or "rejection_reason" not in side.mapping.fields
            ):
                continue
            try:
                reason = side.observed("rejection_reason", {})
            except ValueProblem:
                continue
            return {**lead, "rejection_reason": None if reason is ABSENT else reason}
        return lead

    def _scored(self, scope: LeadScope) -> LeadScope:
        if self.scoring:
            scope["scores"] = scores = self.scoring.of(scope)
            scope["lead"] = {**scope["lead"], **scores.values()}
        return scope

    def explained(self, scope: LeadScope) -> Scores | None:
        """The scores with the clauses of every point."""
        return self.scoring.of(scope, explain=True) if self.scoring else None

    def activities(self, eids: Iterable[int]) -> dict[int, list[dict[str, Any]]]:
        """The activities of the window as expressions see them, newest first. What lies in the future has not happened."""
        now = micros(self._now)
        found = activities.of(self.run.ledger, eids, now - self.window)
        return {eid: [canonical(one) for one in group if one.at <= now] for eid, group in found.items()}


def canonical(one: Activity) -> dict[str, Any]:
    """An activity in canonical terms."""
    return {**one.canonical(), "at": wire(one.at)}


def accounts(run: Run, people: Sequence[Person]) -> dict[int, tuple[int, bool]]:
    """{lead: (account, inferred)}: by a system's own association, else by the domain of the address."""
    named: dict[int, str] = {}
    domains: dict[int, str] = {}
    for person in people:
        ref = person.agreed.get("account") or _shown_account(person)
        email = person.agreed.get("email")
        if ref:
            named[person.eid] = str(ref)
        elif email and "@" in email and not is_free_mail(email) and (domain := registrable_domain(email)):
            domains[person.eid] = domain
    refs = entities.by_refs(run.ledger, list(set(named.values())))
    found = {eid: (refs[ref], False) for eid, ref in named.items() if ref in refs}
    holders = keys.holders(run.ledger, [("domain", domain) for domain in sorted(set(domains.values()))])
    for eid, domain in domains.items():
        strong = [account for account, weak in holders.get(("domain", domain), ()) if not weak]
        if len(strong) == 1:
            found[eid] = (strong[0], True)
    return found


def _shown_account(person: Person) -> str | None:
    """The account that a record names, primary records first, where no job keeps it in agreement."""
    for side in sorted(person.sides, key=lambda one: one.rank):
        if side.state == "live" and "account" in side.mapping.fields:
            try:
                value = side.observed("account", person.agreed)
            except ValueProblem:
                continue
            if value is not ABSENT and value:
                return str(value)
    return None


def account_values(run: Run, eids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """What is known of accounts, or of other observed entities: what is agreed, and what only a record shows."""
    eids = sorted(set(eids))
    found = entities.load(run.ledger, eids)
    linked = links.of_entities(run.ledger, eids)
    out: dict[int, dict[str, Any]] = {}
    for eid, (ref, _, agreed) in found.items():
        values: dict[str, Any] = {}
        for link in linked.get(eid, []):
            if link.sid in run.mappings and link.state == links.LIVE:
                shown = own_values(side_of(run, link), agreed)
                values.update({name: value for name, value in shown.items() if values.get(name) is None})
        out[eid] = {**values, **{k: v for k, v in agreed.items() if v is not None}, "external_id": ref}
    return out
