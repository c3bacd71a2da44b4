"""The document that people sign, what changes its hash, and promises that cannot be kept."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import pytest

from smarksync.alignment import pages
from smarksync.alignment.agreement import Version, parts
from smarksync.alignment.contradictions import contradictions
from smarksync.alignment.document import changes, terms_as_data, version_of
from smarksync.alignment.goals import make_plan
from smarksync.alignment.terms import Terms
from smarksync.config import Config
from smarksync.errors import ConfigError

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
JOBS = """\
  sales: {connector: files, settings: {path: s}}
jobs:
  people: {sync: lead, between: [marketing, sales], match: [email]}
  hand: {handoff: lead, from: marketing, to: sales}
definitions:
  mql: {when: lead.score >= 60, require: [email, company], never: [lead.email_opt_out is True], version: 3}
"""
Make = Callable[..., Config]


def test_everything_that_was_agreed_stands_in_it(config_of: Make) -> None:
    config = config_of(more=JOBS)
    text = pages.as_markdown("Working agreement", parts(config, (), 2026))
    for said in (
        "hash " + version_of(config)[1], "mql, version 3", "lead.email\\_opt\\_out is True", "At least 75 leads become MQL",
        "each product (scanner, printer), each month", "At least 60 % of the decided hand-offs are accepted",
        "have email, phone and company", "The first attempt is made within 5 business hours after the case is offered",
        "At least 2 and at most 4 attempts within 16 days", "Accepted or rejected within 2 business days",
        "mon-fri 09:00-17:00", "2026-12-25 Christmas Day", "2026-12-24, 2026-12-31",
        'while lead.waiting\\_for == "customer"', "in turn: anna@acme.example (x2), ben@acme.example",
        "charged to the system when more than half of the time went by before the record was written and had an owner",
        "| Marketing |  |  |  |", "| Inside sales |  |  |  |",
    ):  # fmt: skip
        assert said in text, said


def test_who_gets_what_nobody_answers_stands_in_it_and_makes_another_version(config_of: Make) -> None:
    plain = config_of(more=JOBS)
    moving = config_of(
        ("within: 5 business hours", "within: 5 business hours\n      reassign: {at_most: 2}"), more=JOBS
    )
    named = config_of(
        ("within: 5 business hours", "within: 5 business hours\n      reassign: {to: queue:inbound}"), more=JOBS
    )
    said = [pages.as_markdown("Working agreement", parts(one, (), 2026)) for one in (plain, moving, named)]
    assert "time run out" not in said[0]
    assert "a lead whose owner lets that time run out goes to whom routing gives next, at most 2 times" in said[1]
    assert "goes to queue:inbound, at most once" in said[2]
    assert len({version_of(one)[1] for one in (plain, moving, named)}) == 3


class Page(HTMLParser):
    """Collects what a page loads, its headings, and whether tables are told apart."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "action")]
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone_and_is_well_formed(config_of: Make) -> None:
    text = pages.as_html("A <title>", parts(config_of(more=JOBS), (), 2026))
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.loads == []
    assert page.tags.count("h1") == 1
    assert page.tags.count("caption") == page.tags.count("table") == text.count('aria-labelledby="t')
    assert "script" not in page.tags
    assert "A &lt;title&gt;" in text and '<html lang="en">' in text


def test_words_are_no_new_version_terms_are(config_of: Make) -> None:
    plain = version_of(config_of(more=JOBS))
    assert version_of(config_of(("# country and subdivision", "# of Berlin"), more=JOBS)) == plain
    assert version_of(config_of(("at_least: 60%", "at_least: 0.6"), more=JOBS)) == plain
    faster = config_of(("within: 5 business hours", "within: 3 business hours"), more=JOBS)
    assert version_of(faster)[1] != plain[1]
    assert version_of(config_of(more=JOBS.replace("60,", "70,")))[1] != plain[1]


def test_changes_between_versions(config_of: Make) -> None:
    old = terms_as_data(config_of(more=JOBS))
    new = terms_as_data(config_of(
        ("within: 5 business hours", "within: 3 business hours"), ("      at_most: 4\n", ""), ("closed: [\"2026-12-24\", ", "closed: ["),
        more=JOBS,
    ))  # fmt: skip
    assert changes(old, new) == [
        "sales.speed.within: 5 business hours → 3 business hours",
        "sales.persistence.at_most: no longer there, was 4",
        "calendars.office.closed: 2026-12-24, 2026-12-31 → 2026-12-31",
    ]
    assert changes(old, old) == []
    told = pages.as_markdown(
        "x", parts(config_of(more=JOBS), [Version("2026-Q4", "abc", "2026-11-22", changes(old, new))], 2026)
    )
    assert "- sales.speed.within: 5 business hours → 3 business hours" in told


# -- what cannot be kept -----------------------------------------------------------------------------------------------


def found(config: Config, plan: Any = None) -> tuple[list[str], list[str]]:
    terms = Terms.of(config)
    assert terms is not None
    problems, warnings = contradictions(config, terms, NOW, plan)
    return [str(p) for p in problems], [str(w) for w in warnings]


def test_the_example_can_be_kept(config_of: Make) -> None:
    assert found(config_of(more=JOBS)) == ([], [])


@pytest.mark.parametrize(("old", "new", "said"), [
    ('hours: {mon-fri: "09:00-17:00"}', "hours: {mon: []}", "the calendar `office` is never open"),
    ("within: 5 business hours", "within: 0 business hours", "`within: 0 business hours` leaves no time"),
    ("from: offered", "from: rejected", "starts the clock when the case is over"),
    ("within: 5 business hours", "within: 30 business days", "the first attempt may come after 30 business days"),
    ('lead.waiting_for == "customer"', "true", "the pause `waiting_for_customer` is always true"),
    ("    - promise: decision", "    - {promise: attempts, id: fewer, at_least: 6, within: 16 days}\n    - promise: decision",
     "`at_least: 6` contradicts `at_most: 4` of `persistence`"),
])  # fmt: skip
def test_what_can_never_be_kept_is_named_with_its_line(config_of: Make, old: str, new: str, said: str) -> None:
    problems, _ = found(config_of((old, new), more=JOBS))
    assert any(said in one and "agreement.yaml:" in one.split(": ")[0] for one in problems), problems


@pytest.mark.parametrize(
    "now", ["2026-11-20T10:00", "2026-11-23T10:00", "2026-12-23T10:00"]
)  # Friday, Monday, Christmas
@pytest.mark.parametrize(("within", "window", "never"), [
    ("2 business days", "2 days", False),  # over a week-end it comes later, otherwise it does not
    ("5 business hours", "1 days", False),
    ("3 business days", "2 days", True),
])  # fmt: skip
def test_what_contradicts_itself_does_so_on_every_day_of_the_year(
    config_of: Make, now: str, within: str, window: str, never: bool
) -> None:
    config = config_of(
        ("within: 5 business hours", f"within: {within}"), ("within: 16 days", f"within: {window}"), more=JOBS
    )
    terms = Terms.of(config)
    assert terms is not None
    problems, _ = contradictions(config, terms, datetime.fromisoformat(f"{now}:00+00:00"))
    assert any("the first attempt may come after" in str(one) for one in problems) is never, problems


def test_a_volume_by_region_is_compared_with_what_the_regions_bring_together(config_of: Make) -> None:
    """Printers need 148 MQLs in March; 75 in each of two tiers are enough, 75 in each of no one knows how many may be."""
    rates = ("lead_to_mql: measured, mql_to_sql: measured", "lead_to_mql: 0.2, mql_to_sql: 0.4")
    per = ("per: [product, month]", "per: [product, tier, month]")
    for values, wanted in ((", values: [a]", 1), (", values: [a, b]", 0), ("", 0)):
        tier = f"    tier: {{of: lead.company{values}}}"
        config = config_of(rates, per, ("  segments:\n", f"  segments:\n{tier}\n"), more=JOBS)
        warnings = found(config, make_plan(config.goals, {}))[1]
        assert len([w for w in warnings if "below what the goals need" in w]) == wanted, (values, warnings)


def test_holidays_that_nobody_knows(config_of: Make) -> None:
    with pytest.raises(ConfigError, match="no public holidays are known for DE-ZZ") as raised:
        Terms.of(config_of(("holidays: DE-BE", "holidays: DE-ZZ")))
    assert raised.value.file.endswith("agreement.yaml")


def test_a_volume_below_what_the_goals_need(config_of: Make) -> None:
    """Printers need 160 / 0.22 / 0.5 / 0.4 MQLs a year, 40 % of them from marketing, most of them in March."""
    config = config_of(("lead_to_mql: measured, mql_to_sql: measured", "lead_to_mql: 0.2, mql_to_sql: 0.4"), more=JOBS)
    _, warnings = found(config, make_plan(config.goals, {}))
    needed = 160 / 0.044 * 1.2 / 11.8 * 0.4
    assert [w for w in warnings if f"below what the goals need: {needed:.0f} for printer in mar 2027" in w], warnings
    enough = config_of(
        ("count: 75", "count: 150"),
        ("lead_to_mql: measured, mql_to_sql: measured", "lead_to_mql: 0.2, mql_to_sql: 0.4"),
        more=JOBS,
    )
    assert found(enough, make_plan(enough.goals, {}))[1] == []


def test_warnings(config_of: Make) -> None:
    _, warnings = found(config_of(("per: [product, month]", "per: [product, month, year]")))
    assert any("it is judged by month" in one for one in warnings)
    assert any("no job hands leads over" in one for one in warnings)
