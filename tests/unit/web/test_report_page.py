"""The report as people get it: a page that needs nothing, a table for spreadsheets, and an empty year that says so."""

import csv
import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from smarksync.config import load
from smarksync.engine.figures import collect, period
from smarksync.ledger import entities
from smarksync.ledger.db import Ledger, dumps
from smarksync.testing.history import Team
from smarksync.testing.history_ledger import fill
from smarksync.web.export import csv_text
from smarksync.web.report import page

NOW = datetime(2027, 1, 4, 8, tzinfo=UTC)
CONFIG = """
version: 1
workspace: acme
currency: EUR
connections:
  marketing: {connector: files, settings: {path: .}}
  sales: {connector: files, settings: {path: .}}
"""


def figures(folder, leads, spoil=None):
    (folder / "smarksync.yaml").write_text(CONFIG)
    config = load(folder / "smarksync.yaml")
    ledger = Ledger(config.ledger_url, root=str(folder))
    if leads:
        fill(ledger, Team(year=2026, seed=3), leads)
    if spoil is not None:
        spoil(ledger)
    found = collect.collect(config, ledger, period.parse("2026", "UTC", NOW), NOW)
    ledger.close()
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return figures(tmp_path_factory.mktemp("page"), 600)


class Page(HTMLParser):
    """Collects what a check of the page needs."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.ids, self.open, self.links, self.labels = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        at = dict(attrs)
        self.tags.append((tag, at))
        if "id" in at:
            self.ids.append(at["id"])
        if tag == "svg":
            self.labels.append(at.get("aria-label"))
        if tag == "a":
            self.links.append(at["href"])
        if tag not in ("meta", "link", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes something else"


def test_the_page_is_well_formed_and_its_own_links_lead_somewhere(found):
    seen = Page(page(found))
    assert seen.open == []
    assert len(seen.ids) == len(set(seen.ids))
    assert {link for link in seen.links if not link.startswith("#")} == set()
    assert {link[1:] for link in seen.links} <= set(seen.ids)


def test_the_page_asks_nobody_for_anything(found):
    text = page(found)
    assert not re.search(r"(?:src|href)=\"(?!#|data:)|@import|url\(|<script|https?://", text)


def test_every_chart_has_a_name_and_a_table_after_it(found):
    seen = Page(page(found))
    assert len(seen.labels) >= 5 and all(seen.labels)
    order = [tag for tag, _ in seen.tags if tag in ("svg", "table")]
    for i, tag in enumerate(order):
        if tag == "svg":
            assert order[i + 1] == "table"


def test_tables_can_be_read_aloud(found):
    seen = Page(page(found))
    heads = [at for tag, at in seen.tags if tag == "th"]
    assert heads and all(at.get("scope") in ("col", "row") for at in heads)
    assert sum(tag == "table" for tag, _ in seen.tags) == sum(tag == "caption" for tag, _ in seen.tags)


def test_figures_on_the_page_are_those_of_the_report(found):
    text = page(found)
    whole = found["funnel"]["whole"]
    assert f"<b>{whole['counts']['lead']:,}</b><span>new leads</span>" in text
    for model in found["attribution"]["models"]:
        assert model["formula"].replace("'", "&#39;") in text


def test_an_empty_year_says_so_and_divides_by_nothing(tmp_path):
    text = page(figures(tmp_path, 0))
    Page(text)
    assert text.count("Nothing in this period.") >= 5


def test_a_campaign_called_like_a_script_stays_a_name(tmp_path):
    def spoil(ledger):
        name = "<script>alert(1)</script>"
        ledger.run("UPDATE entities SET agreed = json_set(agreed, '$.name', ?) WHERE kind = 'campaign'", (name,))
        ledger.run("UPDATE entities SET agreed = json_set(agreed, '$.persona', ?) WHERE kind = 'lead'", (name,))

    text = page(figures(tmp_path, 400, spoil))
    assert "<script>" not in text and "&lt;script&gt;" in text


def test_a_spreadsheet_runs_no_formula_of_ours(tmp_path):
    def spoil(ledger):
        ledger.run("UPDATE entities SET agreed = json_set(agreed, '$.name', '=1+1') WHERE kind = 'campaign'")

    rows = list(csv.reader(io.StringIO(csv_text(figures(tmp_path, 300, spoil)))))
    assert not any(cell.startswith("=") for row in rows for cell in row)
    assert any(cell == "'=1+1" for row in rows for cell in row)


def test_the_export_has_every_campaign_and_month(found):
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    campaigns = {row["value"] for row in rows if row["section"] == "funnel" and row["dimension"] == "campaign"}
    assert campaigns == {row["value"] for row in found["funnel"]["by"]["campaign"]}
    assert (
        sum(int(r["number"]) for r in rows if r["section"] == "months" and r["figure"] == "lead")
        == found["funnel"]["whole"]["counts"]["lead"]
    )


def test_deals_in_a_currency_without_a_rate_are_named_on_the_page(found):
    assert "CHF" in found["attribution"]["not_converted"] or "USD" in found["attribution"]["not_converted"]
    assert "Left out for want of a rate" in page(found)


def test_a_deal_without_a_named_person_falls_back_to_its_accounts_people(tmp_path):
    def spoil(ledger):
        ledger.run(
            "UPDATE entities SET agreed = json_remove(json_set(agreed, '$.account', 'acc'), '$.leads', '$.primary_lead') WHERE kind = 'opportunity'"
        )
        ledger.run(
            "UPDATE entities SET agreed = json_set(agreed, '$.account', 'acc') WHERE kind = 'lead' AND json_extract(agreed, '$.lifecycle') = 'customer'"
        )
        entities.add(ledger, [(10**6, "acc", "account", entities.LIVE, dumps({"name": "Acme"}).decode(), "x")])

    found = figures(tmp_path, 600, spoil)
    assert found["attribution"]["inferred"] == found["attribution"]["sales"] > 0
    assert "named no person" in page(found)
