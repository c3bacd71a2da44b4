"""Random histories between simulated vendors, over HTTP, with the real connectors and the example configs.

People at both systems add, edit, opt out, merge, convert, delete and take back, while SmarkSync runs between, dies at
any point of its ledger, loses answers and meets limits, outages and web pages. In the end there must be peace: a run
that writes nothing, both sides in agreement, nobody twice, and everybody who said no left alone.

Hands do nothing that nobody could answer for: no two persons get one address, except where sales enters somebody whom
marketing has already (and the other way round).
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import smarksync_hubspot
import smarksync_marketo
import smarksync_salesforce
from smarksync_hubspot.simulator import HubSpotSimulator
from smarksync_hubspot.simulator import Quirks as HubSpotQuirks
from smarksync_marketo.simulator import MarketoSimulator
from smarksync_marketo.simulator import Quirks as MarketoQuirks
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, Result, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.testing.faults import Crash, FaultPlan

from .soak_desks import AtHubSpot, AtMarketo, AtSalesforce, Card, Persons, Ref
from .soak_operator import Operator
from .world import Mortal, disown

CONFIGS = Path(__file__).parents[2] / "configs"
#: guards that random hands would stop at
ALLOW = frozenset({"first_run", "adoption", "creates", "updates", "share", "deletes", "opt_outs", "flips", "quota"})
NAMES = ("Ames", "Bohr", "Curie", "Dirac", "Euler", "Fermi", "Gauss", "Hertz", "Ising", "Joule")
#: runs that a history gets to find its peace
PATIENCE = 8


class History:
    """One history of a pair of systems. ``told``: what happened, a line each, for whoever debugs it."""

    def __init__(
        self, seed: int, config: str, marketing: Any, sales: AtSalesforce, clock: ManualClock, root: Path
    ) -> None:
        self.draw = random.Random(seed)
        self.marketing, self.sales, self.clock, self.root = marketing, sales, clock, root
        self.file = root / config
        shutil.copy(CONFIGS / config, self.file)
        self.registry = Registry([smarksync_hubspot, smarksync_marketo, smarksync_salesforce])
        self.faults = FaultPlan(keep_trail=False)
        self.persons = Persons()
        self.told: list[str] = []
        self.gone: list[Ref] = []
        #: opt-outs that no run has had a chance to read: a record that is deleted takes its own with it
        self._unread: dict[Ref, str] = {}
        #: records that a run has read
        self._seen: set[Ref] = set()
        #: records with the address that the last run read of them
        self._read: set[tuple[Ref, str]] = set()
        self._people = 0
        #: records that SmarkSync made, and those of them that it should not have
        self._ours: set[Ref] = set()
        self._twice: list[str] = []
        self.operator = Operator(self.file, self.registry, marketing, sales, self.persons, self.tell)

    @property
    def desks(self) -> tuple[Any, AtSalesforce]:
        return self.marketing, self.sales

    # ---- what hands do

    def live(self, steps: int) -> None:
        """So many things happen."""
        acts = [self.add] * 4 + [self.edit] * 6 + [self.address] * 2 + [self.opt_out] * 2 + [self.remove] * 2
        acts += [self.restore, self.merge, self.merge, self.convert] + [self.run] * 5 + [self.trouble] * 4
        for _ in range(steps):
            self.draw.choice(acts)()
            self.clock.move(self.draw.choice([0, 1, 5, 60, 600, 7200]))

    def add(self) -> None:
        """Somebody new, or somebody whom only the other side has."""
        desk = self.draw.choice(self.desks)
        mine = {self.persons.who(card.email) for card in desk.living().values()}
        others = self.marketing if desk is self.sales else self.sales
        # of an address that no run has read yet, it depends on the order of the reading who gets it
        known = sorted(
            card
            for ref, card in others.living().items()
            if (ref, card.email) in self._read and self.persons.who(card.email) not in mine
        )
        if known and self.draw.random() < 0.4:
            email, last = (found := self.draw.choice(known)).email, found.last_name
        else:
            email, last = self._fresh(), self.draw.choice(NAMES)
        ref = desk.add(self.draw.choice(desk.kinds), Card(email, last, "", "Bonn", out=False))
        self.tell("add", ref, email)

    def edit(self) -> None:
        found = self.pick()
        if found:
            desk, ref, _ = found
            word = self.draw.choice(["last_name", "job_title", "city"])
            value = f"{self.draw.choice(NAMES)} {self.draw.randrange(1000)}"
            desk.edit(ref, **{word: value})
            self.tell("edit", ref, word, value)

    def address(self) -> None:
        found = self.pick()
        if found:
            desk, ref, card = found
            email = self._fresh()
            if ref in self._seen:
                if not self.operator.doubts(ref):  # of whom is asked who they are is asked no more under a new address
                    self.persons.one(card.email, email)
                self._move_no(ref, ref, readable=not desk.forgets)
            else:  # nobody can know that the two addresses are one person's
                self._move_no(ref, ref, readable=False)
                if card.out and not desk.forgets:
                    self._says_no(ref, email)
            desk.edit(ref, email=email)
            self.tell("address", ref, card.email, email)

    def opt_out(self) -> None:
        found = self.pick()
        if found:
            desk, ref, card = found
            desk.opt_out(ref)
            self._says_no(ref, card.email)
            self.tell("opt-out", ref, card.email)

    def _says_no(self, ref: Ref, address: str) -> None:
        if not self.persons.said_no(address):
            self.persons.says_no(address)
            self._unread[ref] = address

    def remove(self) -> None:
        found = self.pick()
        if found:
            desk, ref, card = found
            desk.remove(ref)
            self.gone.append(ref)
            self._move_no(ref, ref, readable=False)
            self.tell("remove", ref, card.email)

    def restore(self) -> None:
        if self.gone:
            ref = self.gone.pop(self.draw.randrange(len(self.gone)))
            desk = self.sales if ref.system == "sales" else self.marketing
            if desk.restore(ref):
                self.tell("restore", ref)

    def merge(self) -> None:
        desk = self.draw.choice(self.desks)
        kind = self.draw.choice(desk.kinds)
        there = {ref: card for ref, card in desk.living().items() if ref.kind == kind and card.email}
        if len(there) < 2:
            return
        winner, loser = self.draw.sample(sorted(there), 2)
        if loser in self._seen:
            self.persons.one(there[winner].email, there[loser].email)
        elif there[loser].out and desk is self.sales:  # the bin shows it
            self.persons.says_no(there[winner].email)
        stays = desk.merge(winner, loser)
        self._move_no(winner, stays, readable=True)
        self._move_no(loser, stays, readable=desk is self.sales)
        if winner in self._seen:
            self._seen.add(stays)
        self.tell("merge", winner, loser, stays)

    def _move_no(self, old: Ref, new: Ref, *, readable: bool) -> None:
        """An opt-out that nobody has read yet is where a record went, or nowhere any more."""
        address = self._unread.pop(old, None)
        if address is not None and readable:
            self._unread[new] = address
        elif address is not None:
            self.persons.forget_no(address)

    def convert(self) -> None:
        there = self.sales.living()
        leads = sorted(ref for ref, card in there.items() if ref.kind == "Lead" and card.email)
        if not leads:
            return
        lead = self.draw.choice(leads)
        same = [r for r, card in there.items() if r.kind == "Contact" and card.email == there[lead].email]
        contact = self.sales.convert(lead, same[0] if same else None)
        self._move_no(lead, contact, readable=True)
        self.tell("convert", lead, contact)

    def pick(self) -> tuple[Any, Ref, Card] | None:
        """A living record with an address, of either desk."""
        desk = self.draw.choice(self.desks)
        there = {ref: card for ref, card in desk.living().items() if card.email}
        if not there:
            return None
        ref = self.draw.choice(sorted(there))
        return desk, ref, there[ref]

    def _fresh(self) -> str:
        self._people += 1
        return f"p{self._people}@firm{self._people}.example"

    # ---- what SmarkSync does

    def run(self) -> Result | None:
        """One run; None when it died."""
        self.clock.move(300)
        config = load(self.file)
        ledger = Mortal(config.ledger_url, root=str(self.root))
        ledger.faults, ledger.io = self.faults, self.faults.point
        try:
            result = execute(
                config, Options(allow=ALLOW, threads=False), registry=self.registry,
                now=self.clock.now, ledger=ledger,
                make_session=lambda name, _settings: OpenSession(name, root=str(self.root), clock=self.clock),
            )  # fmt: skip
        except Crash as death:
            self.tell("died", death.number, death.name)
            return None
        finally:
            ledger.close()
            self._watch()
        if result.exit_code in (0, 3):
            self._unread.clear()
            there = [(ref, card.email) for desk in self.desks for ref, card in desk.living().items() if card.email]
            self._seen.update(ref for ref, _ in there)
            self._read = set(there)
        self.tell("run", result.exit_code, written(result), *result.sentences)
        return result

    def trouble(self) -> None:
        """A run in which something goes wrong."""
        desk = self.draw.choice(self.desks)
        faults = desk.server.faults
        skip, times = self.draw.randrange(8), self.draw.choice([1, 1, 2, 9])
        match self.draw.randrange(7):
            case 0 | 1:
                self.faults.crash_in(self.draw.randrange(1, 60))
                what = "death"
            case 2:
                faults.drop(after=True, skip=skip, times=times)
                what = "drop after"
            case 3:
                faults.drop(after=False, skip=skip, times=times)
                what = "drop"
            case 4:
                faults.answer(self.draw.choice([429, 503]), {"message": "no"}, skip=skip, times=times)
                what = "refusal"
            case 5:
                faults.garble(skip=skip, times=times)
                what = "garble"
            case _:
                faults.cut(skip=skip, times=times)
                what = "cut"
        self.tell("trouble", desk.name, what, skip, times)
        self.run()
        faults.clear()
        if self.faults.dead:
            ledger = Mortal(load(self.file).ledger_url, root=str(self.root))
            self.faults.revive()
            ledger.faults = self.faults
            disown(ledger)
            ledger.close()
        self.faults.revive()

    # ---- the end

    def close(self) -> list[str]:
        """All is well again, and runs follow until one writes nothing; somebody answers what is asked meanwhile, one
        question at a time. What is wrong then, a line each."""
        left = PATIENCE
        while left:
            left -= 1
            self.clock.move(900)
            result = self.run()
            assert result is not None
            if written(result) or result.exit_code not in (0, 3):
                continue
            if result.exit_code == 0 or not self.operator.answer():
                return [*self._twice, *self._disagreement(), *self._lost_opt_outs(), *self._problems()]
            left = PATIENCE
        return [
            f"no peace after {PATIENCE} more runs: exit {result.exit_code}, {written(result)} written",
            *result.sentences,
        ]

    def _watch(self) -> None:
        """Whoever a run made must be the only one of their address there."""
        for desk in self.desks:
            there = desk.living()
            many = Counter(card.email for card in there.values())
            for ref in [ref for ref, card in there.items() if card.ours and ref not in self._ours]:
                self._ours.add(ref)
                if there[ref].email and many[there[ref].email] > 1:
                    self._twice.append(f"{there[ref].email} was there, and {ref} was made")

    def _disagreement(self) -> Iterator[str]:
        """Whoever stands on both sides stands there alike: by one record of each at least, when there are several (one
        speaks for a person, the others only learn of opt-outs)."""
        marketing, sales = (self._by_person(desk) for desk in self.desks)
        for person in marketing.keys() & sales.keys():
            if not marketing[person] & sales[person]:
                yield f"{person}: marketing has {sorted(marketing[person])}, sales has {sorted(sales[person])}"

    def _by_person(self, desk: Any) -> dict[str, set[tuple[Any, ...]]]:
        found: dict[str, set[tuple[Any, ...]]] = {}
        for card in desk.living().values():
            if card.email:
                found.setdefault(self.persons.who(card.email), set()).add(card[:5])
        return found

    def _lost_opt_outs(self) -> Iterator[str]:
        for desk in self.desks:
            for ref, card in desk.living().items():
                if card.email and self.persons.said_no(card.email) and not card.out:
                    yield f"{card.email} said no, and {ref} may be mailed"

    def _problems(self) -> Iterator[str]:
        for desk in self.desks:
            yield from (f"{desk.name}: {problem}" for problem in desk.server.problems)

    def tell(self, *what: object) -> None:
        self.told.append(f"{self.clock.now():%d %H:%M:%S} " + " ".join(map(str, what)))


def written(result: Result) -> int:
    """Field values that a run wrote."""
    return sum(f["written"] for job in result.report["jobs"] for side in job["sides"].values() for f in side.values())


@contextmanager
def history(pair: str, seed: int, root: Path) -> Iterator[History]:
    """``pair``: "hubspot" or "marketo", with Salesforce beside it; both accounts begin empty."""
    clock, draw = ManualClock(), random.Random(f"quirks of {seed}")

    def either(*names: str) -> dict[str, Any]:
        """What may be so or otherwise: connectors bear both."""
        return {name: draw.random() < 0.5 for name in names}

    with ExitStack() as stack:
        crm = stack.enter_context(SalesforceSimulator(now=clock.now, people=0))
        marketing: Any
        if pair == "hubspot":
            kind = HubSpotQuirks(
                has_our_properties=True, index_lag=draw.choice([0, 2, 20]), throttle_body=draw.choice(["gateway", "crm"]),
                **either("archives_merged", "merge_makes_new_id", "opts_out_together", "opt_out_of_address", "multi_status"),
            )  # fmt: skip
            marketing = AtHubSpot(stack.enter_context(HubSpotSimulator(now=clock.now, people=0, quirks=kind)))
        else:
            ways = MarketoQuirks(
                own_fields=True,
                late=draw.choice([0.0, 20.0]),
                **either("merge_deletes", "merge_is_silent", "scores_apart"),
            )
            marketing = AtMarketo(stack.enter_context(MarketoSimulator(now=clock.now, people=0, quirks=ways)))
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {**marketing.server.environment, **crm.environment}.items():
            environment.setenv(name, value)
        yield History(seed, f"{pair}-salesforce.yaml", marketing, AtSalesforce(crm), clock, root)
