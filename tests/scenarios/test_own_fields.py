"""Fields of a config's own, as the example of an agreement declares them: mapped by hand, or made by `check --fix`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import smarksync_hubspot
import smarksync_marketo
import smarksync_salesforce
from smarksync_hubspot.simulator import HubSpotSimulator, Quirks
from smarksync_marketo.simulator import MarketoSimulator
from smarksync_salesforce.simulator import SalesforceSimulator

from smarksync.config import load
from smarksync.engine.check import check
from smarksync.engine.registry import Registry
from smarksync.engine.run import Options, execute
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.ledger import cases, entities
from smarksync.ledger.db import Ledger

CONFIGS = Path(__file__).parents[2] / "configs"
#: what each marketing system calls the fields `product` and `waiting_for`
NAMES = {
    "hubspot": ("smarksync_product", "smarksync_waiting_for"),
    "marketo": ("smarkSyncProduct", "smarkSyncWaitingFor"),
}


class Place:
    """A vendor example with the agreement included, and its two systems."""

    def __init__(self, vendor: str, root: Path, stack: ExitStack) -> None:
        self.vendor, self.root, self.clock = vendor, root, ManualClock(datetime(2026, 1, 12, 9, tzinfo=UTC))
        now = self.clock.now
        self.crm = stack.enter_context(SalesforceSimulator(people=0, now=now))
        self.hub: Any = (
            HubSpotSimulator(now=now, people=0, quirks=Quirks(index_lag=0)) if vendor == "hubspot"
            else MarketoSimulator(people=0, now=now)
        )  # fmt: skip
        stack.enter_context(self.hub)
        shutil.copy(CONFIGS / "agreement.yaml", root)
        text = (CONFIGS / f"{vendor}-salesforce.yaml").read_text("utf-8")
        (root / "smarksync.yaml").write_text(f"{text}\ninclude: [agreement.yaml]\n", "utf-8")
        self.registry = Registry([smarksync_hubspot, smarksync_marketo, smarksync_salesforce])

    @property
    def config(self) -> Any:
        return load(self.root / "smarksync.yaml", environ={**self.hub.environment, **self.crm.environment})

    def session(self, name: str, _settings: Any) -> OpenSession:
        return OpenSession(name, root=str(self.root), clock=self.clock)

    def check(self, *, fix: bool = False) -> dict[str, Any]:
        return check(self.config, self.registry, self.session, None, self.clock.now, fix=fix)

    def run(self) -> Any:
        self.clock.move(1_000)  # Marketo tells of changes some minutes later
        result = execute(
            self.config, Options(threads=False), registry=self.registry, make_session=self.session, now=self.clock.now
        )
        result.run.ledger.close()
        assert result.exit_code == 0, result.sentences
        return result

    def person(self, product: str) -> None:
        """Somebody whom marketing would hand over."""
        name = NAMES[self.vendor][0]
        if self.vendor == "hubspot":
            self.hub.create(email="ada@lovelace.example", firstname="Ada", lastname="Lovelace", company="Lovelace GmbH", country="DE",
                            hubspotscore="80", smarksync_journey="decision_early", **{name: product})  # fmt: skip
        else:
            self.hub.world.add(email="ada@lovelace.example", firstName="Ada", lastName="Lovelace", company="Lovelace GmbH",
                               country="DE", leadScore=80, smarkSyncJourney="decision_early", **{name: product})  # fmt: skip

    def agreed(self) -> tuple[dict[str, Any], list[Any]]:
        ledger = Ledger(self.config.ledger_url, root=str(self.root))
        try:
            (eid,) = {eid for (eid,) in ledger.rows("SELECT eid FROM entities WHERE kind = 'lead'")}
            return entities.load(ledger, [eid])[eid][2], cases.of_entities(ledger, [eid]).get(eid, [])
        finally:
            ledger.close()


@pytest.fixture(params=sorted(NAMES))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        yield Place(request.param, tmp_path, stack)


def said(found: dict[str, Any], name: str) -> list[str]:
    return [text for one in found["connections"] if one["name"] == name for text in one["fixed"]]


def test_the_agreements_own_fields_are_made_where_that_can_be_and_printed_where_not(place: Place) -> None:
    product, waiting = NAMES[place.vendor]
    before = place.check()
    (told,) = [f for f in before["findings"] if "lead.product, which no connection maps" in f["say"]]
    assert (
        told["do"]
        == "Map it where a system has it, or `smarksync check --fix` makes it in marketing and sales where it can."
    )
    made = place.check(fix=True)
    assert any(f"{product} was made" in text for text in said(made, "marketing")), made
    assert any(f"{waiting} was made" in text for text in said(made, "marketing"))
    printed = said(made, "sales")
    assert any(
        "Add by hand: name `SmarkSync_Product__c`; type pick list; values scanner, printer" in text for text in printed
    )
    assert any("name `SmarkSync_Waiting_For__c`; type text" in text for text in printed)
    after = place.check()
    assert not any("lead.product" in f["say"] or "lead.waiting_for" in f["say"] for f in after["findings"])
    assert after["connections"][0]["objects"] != before["connections"][0]["objects"]


def test_what_was_made_is_mapped_and_the_promise_is_told_apart_by_it(place: Place) -> None:
    agreement = place.root / "agreement.yaml"
    text = agreement.read_text("utf-8")
    start = text.index("\nscoring:")  # its points are for activities that these systems do not tell of
    agreement.write_text(text[:start] + text[text.index("\n\n", start) :], "utf-8")
    place.check(fix=True)
    place.person("printer")
    place.run()
    lead, (case,) = place.agreed()
    assert lead["product"] == "printer"
    assert (case.product, case.body["segments"]) == ("printer", {"product": "printer"})


def test_a_field_that_somebody_mapped_is_theirs(place: Place) -> None:
    kind = "contacts" if place.vendor == "hubspot" else "leads"
    own = "jobtitle" if place.vendor == "hubspot" else "title"
    text = (place.root / "smarksync.yaml").read_text("utf-8")
    laid = f"marketing: {{{kind}: {{extends: preset, fields: {{waiting_for: {own}, job_title: null}}}}}}"
    (place.root / "smarksync.yaml").write_text(text.replace("marketing: preset", laid), "utf-8")
    made = place.check(fix=True)
    assert any(NAMES[place.vendor][0] in text for text in said(made, "marketing"))
    assert not any(
        NAMES[place.vendor][1] in text or "Waiting_For" in text
        for name in ("marketing", "sales")
        for text in said(made, name)
    )
