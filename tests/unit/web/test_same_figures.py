"""One figure is the same wherever it is read: report (page, summary, JSON, table), digest, dashboard, `sla check`."""

import csv
import io
import json
import re

import httpx
import pytest

from smarksync.alignment.pages import as_markdown
from smarksync.cli.main import invoke
from smarksync.engine import scorecard
from smarksync.engine.figures import collect, digest, period
from smarksync.web.export import csv_text
from smarksync.web.report import page
from smarksync.web.words import lasting, money, number


@pytest.fixture(scope="module")
def site(tmp_path_factory, open_site):
    found = open_site(tmp_path_factory.mktemp("same"), 700)
    yield found
    found.close()


@pytest.fixture(scope="module")
def told(site):
    return collect.collect(site.config, site.ledger, period.parse("2026-Q3", "Europe/Berlin", site.now), site.now)


def words(html):
    """The text of a page, tags taken out."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_counts_of_the_funnel_and_money_are_the_same_in_every_form(site, told, capsys):
    counts, won = told["funnel"]["whole"]["counts"], money(told["attribution"]["amount"], "EUR")
    assert min(counts.values()) > 0 and told["handoffs"]["offered"] > 0
    with httpx.Client(base_url=site.origin, follow_redirects=True, trust_env=False, timeout=60) as client:
        client.get(f"/?token={site.token}")
        site.board.counting.wait(*site.board.figures("2026-Q3"), site.ledger)
        board = {path: words(client.get(path, params={"period": "2026-Q3"}).text) for path in ("/report", "/funnel")}
    mine = words(page(told))
    assert invoke(["--config", str(site.config.root / "smarksync.yaml"), "report", "--period", "2026-Q3"]) == 0
    summary = capsys.readouterr().out
    rows = list(csv.DictReader(io.StringIO(csv_text(told))))
    table = {row["figure"]: row["number"] for row in rows if row["section"] == "funnel" and not row["dimension"]}
    title, parts = digest.digest(site.config, site.ledger, period.parse("2026-Q3", "Europe/Berlin", site.now), site.now)
    paper = as_markdown(title, parts)
    for rung, name in (("lead", "New leads"), ("mql", "Became MQL"), ("customer", "New customers")):
        count = number(counts[rung])
        assert re.search(rf"\| {name} +\| +{count} +\|", paper), rung
        assert table[rung] == str(counts[rung])
    assert f"{number(counts['lead'])} new leads" in mine and f"{number(counts['lead'])} new leads" in board["/report"]
    assert f"Lead {number(counts['lead'])}" in board["/funnel"] and f"Lead {number(counts['lead'])}" in mine
    assert f"{number(told['handoffs']['offered'])} handed over" in mine
    assert re.search(rf"\| Handed over +\| +{number(told['handoffs']['offered'])} +\|", paper)
    assert won in mine and won in board["/report"] and won in summary
    assert re.search(rf"\| Won EUR +\| +{told['attribution']['amount']:,.0f} +\|", paper)
    for state, reasons in told["handoffs"]["reasons"].items():
        total = number(sum(one["count"] for one in reasons))
        said = {"rejected": "Rejected", "recycled": "Sent back to nurture", "lost": "Lost"}[state]
        assert f"{said} {total}:" in paper and f"{state.capitalize()} ({total})" in summary


def test_the_digest_accounts_for_every_promise_and_the_dashboard_shows_the_same_ones(site):
    card = scorecard.check(site.config, site.ledger, site.now)
    title, parts = digest.digest(site.config, site.ledger, period.parse(None, "Europe/Berlin", site.now), site.now)
    paper = as_markdown(title, parts)
    said = re.search(r"(\d+) kept, (\d+) on track, (\d+) at risk or broken(?:, (\d+) with nothing to judge)?", paper)
    assert said and sum(int(part or 0) for part in said.groups()) == len(card["promises"])
    worry = [line for line in card["promises"] if line["status"] in ("at_risk", "breached")]
    assert int(said[3]) == len(worry)
    with httpx.Client(base_url=site.origin, follow_redirects=True, trust_env=False, timeout=60) as client:
        home = words(client.get(f"/?token={site.token}").text)
    for line in card["promises"]:
        assert line["why"] in home, line["promise"]
    named = re.findall(r"^[-*] ([\w-]+) .*\((?:marketing|sales), ", paper, re.MULTILINE)
    assert sorted(named) == sorted(line["promise"] for line in worry)


def test_a_report_in_json_is_the_data_of_all_others(site, told, capsys):
    invoke(["--config", str(site.config.root / "smarksync.yaml"), "report", "--period", "2026-Q3", "--json"])
    found = json.loads(capsys.readouterr().out)
    for section in ("funnel", "handoffs", "attribution", "pipeline"):
        assert found[section] == json.loads(json.dumps(told[section])), section


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0, "at once"), (20, "less than a minute"), (60, "1 minute"), (61, "1 minute"), (150, "2 minutes"),
     (3_600, "1.0 hours"), (200_000, "2.3 days")],
)  # fmt: skip
def test_a_span_of_time_is_never_nought_minutes(seconds, said):
    assert lasting(seconds) == said
