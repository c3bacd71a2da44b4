"""`sla check`, `sla backtest`, `agreement` and `goals` on a worked year of two teams."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smarksync.config import load
from smarksync.ledger.db import Ledger
from smarksync.model.moments import moment
from smarksync.testing.history import Team, lives
from smarksync.testing.history_ledger import fill

ROOT = Path(__file__).parents[3]
LEADS, TEAM = 700, Team(year=2026, seed=7, end=datetime(2026, 10, 1, tzinfo=UTC))
CONFIG = """\
version: 1
workspace: t
include: [agreement.yaml]
connections:
  marketing: {connector: files, settings: {path: m}}
  sales: {connector: files, settings: {path: s}}
jobs:
  people: {sync: lead, between: [marketing, sales], match: [email]}
  hand: {handoff: lead, from: marketing, to: sales}
definitions:
  mql: {when: lead.score >= 60, require: [email]}
"""


class Desk:
    """A folder with the config and the ledger of that year, and the command line in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write()

    def write(self, *changes: tuple[str, str]) -> None:
        """The example agreement, with some of its text replaced."""
        text = (ROOT / "configs" / "agreement.yaml").read_text("utf-8").replace("year: 2027", "year: 2026")
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (self.root / "agreement.yaml").write_text(text, "utf-8")
        (self.root / "smarksync.yaml").write_text(CONFIG, "utf-8")

    def fill(self) -> None:
        config = load(self.root / "smarksync.yaml")
        ledger = Ledger(config.ledger_url, root=str(self.root))
        fill(ledger, TEAM, LEADS)
        ledger.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(tmp_path_factory.mktemp("year"))
    desk.fill()
    return desk


@pytest.fixture
def desk(filled: Desk) -> Iterator[Desk]:
    filled.write()
    yield filled
    filled.write()


@pytest.fixture
def type_(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def run(desk: Desk, *words: str) -> tuple[int, str, str]:
        from smarksync.cli.main import invoke

        code = invoke(["--config", str(desk.root / "smarksync.yaml"), *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_backtest_counts_what_was_lived(desk: Desk, type_: Any) -> None:
    """Volumes by product and month against a count of the lives that the ledger was filled with."""
    code, out, _ = type_(desk, "sla", "backtest", "--json")
    assert code == 0
    found = json.loads(out)
    lived: dict[tuple[str, str], set[int]] = {}
    berlin = ZoneInfo("Europe/Berlin")
    for number, life in enumerate(lives(TEAM, LEADS)):
        for case in life.cases:
            at = min(move.at for move in case.moves)
            month = moment(at).astimezone(berlin).strftime("%Y-%m")
            lived.setdefault((life.lead["product"], month), set()).add(number)
    lines = [line for line in found["promises"] if line["promise"] == "mqls-per-product"]
    counted = {(line["segments"]["product"], line["period"]["name"]): line["actual"] for line in lines}
    assert {key: len(people) for key, people in lived.items()} == {key: n for key, n in counted.items() if n}
    assert {line["status"] for line in lines if line["period"]["name"] < "2026-10"} == {"breached"}
    summary = {one["promise"]: one for one in found["summary"]}
    assert summary["speed"]["cases_settled"] > summary["speed"]["cases_kept"] > 0


def test_a_month_of_the_past(desk: Desk, type_: Any) -> None:
    code, out, _ = type_(desk, "sla", "check", "--period", "2026-08", "--json")
    assert code == 0
    found = json.loads(out)
    assert {line["period"]["name"] for line in found["promises"]} == {"2026-08"}
    assert [line["promise"] for line in found["promises"]] == [
        "mqls-per-product", "mqls-per-product", "acceptance", "contactable", "speed", "persistence", "accept-or-reject",
    ]  # fmt: skip
    speed = next(line for line in found["promises"] if line["promise"] == "speed")
    late = speed["cases"][0]
    assert late["status"] == "breached" and late["charged"] == "sales" and late["lead"] and late["used"] > 1
    assert {leg["by"] for leg in found["delay"]} == {"marketing", "system", "sales"}


def test_for_people(desk: Desk, type_: Any) -> None:
    code, out, _ = type_(desk, "sla", "check", "--period", "2026-08")
    assert code == 0
    assert "Marketing promised" in out and "Sales promised" in out
    assert "mqls-per-product (scanner)" in out
    assert "Delay budget" in out
    code, out, _ = type_(desk, "sla", "backtest", "--period", "2026-Q3")
    assert code == 0
    assert "single cases kept" in out and "2026-06" not in out
    code, out, _ = type_(desk, "sla", "backtest", "--period", "2200")
    assert (code, "Nothing to judge in that time." in out) == (0, True), "what has not come is no month of today"


def test_a_promise_that_nobody_can_keep_is_code_2(desk: Desk, type_: Any) -> None:
    desk.write(("from: offered", "from: won"))
    code, out, err = type_(desk, "sla", "check", "--json")
    assert code == 2
    assert "agreement.yaml:" in json.loads(out)["problems"][0]
    assert "starts the clock when the case is over" in err


def test_promises_can_be_checked_before_the_first_run(tmp_path: Path, type_: Any) -> None:
    desk = Desk(tmp_path)
    code, out, _ = type_(desk, "sla", "check")
    assert code == 0
    assert "Nothing to judge" in out
    desk.write(("within: 5 business hours", "within: 0 business hours"))
    code, out, _ = type_(desk, "sla", "check")
    assert code == 2
    assert "agreement.yaml:40: `within: 0 business hours` leaves no time." in out
    assert not list(tmp_path.glob("*.db"))


def test_a_period_that_is_none(desk: Desk, type_: Any) -> None:
    code, _, err = type_(desk, "sla", "check", "--period", "November")
    assert code == 2
    assert "November" in err


def test_without_an_agreement_or_goals(tmp_path: Path, type_: Any) -> None:
    desk = Desk(tmp_path)
    (tmp_path / "smarksync.yaml").write_text(CONFIG.replace("include: [agreement.yaml]\n", ""), "utf-8")
    for words, said in (
        (["agreement"], "no agreement"),
        (["goals"], "no goals"),
        (["sla", "check"], "no agreement"),
        (["sla", "backtest"], "no ledger"),
    ):
        code, _, err = type_(desk, *words)
        assert code == 2
        assert said in err


def test_printed_versions_are_remembered(desk: Desk, type_: Any) -> None:
    code, first, _ = type_(desk, "agreement")
    assert code == 0
    assert first.startswith("# Working agreement of Marketing and Inside sales")
    desk.write(("within: 5 business hours", "within: 4 business hours"), ("2026-Q4", "2027-Q1"))
    code, out, _ = type_(desk, "agreement", "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["version"], told["versions"][0]["hash"]) == ("2027-Q1", told["hash"])
    assert told["versions"][0]["changes"] == ["sales.speed.within: 5 business hours → 4 business hours"]
    assert told["versions"][1]["version"] == "2026-Q4" and told["versions"][1]["changes"] == []
    page = desk.root / "agreement.html"
    assert type_(desk, "agreement", "--out", str(page))[0] == 0
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>") and "sales.speed.within: 5 business hours → 4 business hours" in text


def test_an_agreement_needs_no_ledger(tmp_path: Path, type_: Any) -> None:
    code, out, _ = type_(Desk(tmp_path), "agreement", "--format", "html")
    assert code == 0
    assert "This is the first version." in out
    assert not list(tmp_path.glob("*.db"))


def test_goals_measured_and_against_what_was_reached(desk: Desk, type_: Any) -> None:
    code, out, _ = type_(desk, "goals", "--json")
    assert code == 0
    told = json.loads(out)
    rates = {rate["step"]: rate for rate in told["conversion"]}
    assert rates["sql_to_opportunity"]["source"] == "given" and rates["lead_to_mql"]["source"] == "measured"
    rate = rates["lead_to_mql"]
    assert rate["low"] < rate["value"] == rate["hits"] / rate["total"] < rate["high"]
    need = told["total"]["need"]["mql"]
    assert need["low"] < need["value"] < need["high"]
    reached = sum(month["actual"]["mql"] for product in told["products"] for month in product["months"])
    assert reached == told["total"]["actual"]["mql"] > 0
    assert told["marketing_sourced"]["revenue"] == 1_920_000
    assert told["total"]["forecast"]["mql"]["pace"] < 1
    code, out, _ = type_(desk, "goals")
    assert code == 0
    assert "What the year needs" in out and "scanner by month, actual / plan" in out and "Forecast" in out


def test_goals_without_a_ledger(tmp_path: Path, type_: Any) -> None:
    code, out, _ = type_(Desk(tmp_path), "goals", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["products"][0]["need"]["customer"]["value"] == 140
    assert told["products"][0]["need"]["mql"]["value"] is None
    assert any("lead_to_mql cannot be measured yet" in text for text in told["warnings"])
