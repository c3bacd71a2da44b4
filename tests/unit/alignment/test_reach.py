"""A definition that nobody can ever pass hands nobody over, and nobody notices: so it is said, with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smarksync.alignment.reach import Told, unreachable
from smarksync.config import load

HEAD = """
version: 1
workspace: reach
connections:
  marketing: {connector: files, settings: {path: marketing}}
  sales: {connector: files, settings: {path: sales}}
mappings:
  marketing: {contacts: {entity: lead, fields: {email: email, score: score}}}
  sales: {leads: {entity: lead, fields: {email: Email, score: Score}}}
jobs:
  people: {sync: lead, between: [marketing, sales], match: [email], create: {sales: always}}
"""
SCORING = """
scoring:
  - {when: 'matches(lead.job_title, "head")', points: 25, why: seniority}
  - {when: 'count(activities, type="content_downloaded", within_days=30) >= 1', points: 20, why: read an eBook}
  - {when: 'count(activities, type="page_viewed", within_days=14) >= 5', points: 15, why: came back}
  - {when: is_free_mail(lead.email), points: -20, why: private address}
"""
ALL = frozenset(("content_downloaded", "page_viewed", "form_submitted"))


@pytest.fixture
def found(tmp_path: Path) -> Any:
    """What is said of a config; ``null``: lead fields that no connection maps; ``told``: activities that are told of."""

    def ask(text: str, *, null: str = "", told: frozenset[str] | None = ALL) -> list[str]:
        file = tmp_path / "smarksync.yaml"
        file.write_text(HEAD + text, "utf-8")
        fields = frozenset(("lead", name) for name in null.split())
        problems = unreachable(load(file), Told(fields, told))
        return [f"{p.place.line}: {p.message}" for p in problems]

    return ask


def mql(when: str, **more: str) -> str:
    extra = "".join(f"\n    {name}: {value}" for name, value in more.items())
    return f"definitions:\n  mql:\n    when: {when}{extra}\n"


def test_points_that_no_system_can_bring_about_are_missing_at_the_threshold(found: Any) -> None:
    said = found(SCORING + mql("lead.score >= 60"), told=frozenset(("form_submitted",)))
    assert said == [
        "15: rule 2 of `scoring` (read an eBook) gives no points, to nobody: `count(activities, type='content_downloaded', "
        "within_days=30) >= 1` needs content_downloaded, which no connected system tells of.",
        "16: rule 3 of `scoring` (came back) gives no points, to nobody: `count(activities, type='page_viewed', "
        "within_days=14) >= 5` needs page_viewed, which no connected system tells of.",
        "20: no lead can ever pass `mql`: `lead.score >= 60` cannot be: by the rules of `scoring` score lies between -20 and 25.",
    ]


@pytest.mark.parametrize("when", ["lead.score >= 60", "lead.score > 59", "60 <= lead.score", "lead.engagement_score == 35",
                                  "not lead.score < 60", "lead.score >= 25 or lead.score >= 600"])  # fmt: skip
def test_what_all_rules_together_give_can_be_reached(found: Any, when: str) -> None:
    assert found(SCORING + mql(when)) == []
    assert found(SCORING + mql(when), told=None) == [], "a system that does not say what it tells may tell anything"


@pytest.mark.parametrize("when", ["lead.score > 60", "lead.score >= 61", "lead.fit_score >= 26", "not lead.score <= 60",
                                  "lead.score == 70", "lead.score < -20"])  # fmt: skip
def test_more_than_all_rules_together_give_cannot(found: Any, when: str) -> None:
    (said,) = found(SCORING + mql(when))
    assert said.startswith("20: no lead can ever pass `mql`: ") and "by the rules of `scoring`" in said


def test_without_scoring_the_vendors_score_may_be_anything(found: Any) -> None:
    assert found(mql("lead.score >= 6000")) == []


@pytest.mark.parametrize(
    ("when", "null", "why"),
    [
        ('lead.journey in ["decision_early"]', "journey", "reads lead.journey, which no connection maps"),
        ('not (lead.country == "DE")', "country", "reads lead.country, which no connection maps"),
        ("lead.country is not None", "country", "reads lead.country, which no connection maps"),
        ("days_since(lead.consent_at) < 5", "consent_at", "reads lead.consent_at, which no connection maps"),
        ('latest(activities, type="event_attended") is not None', "", "needs event_attended"),
        ('hours_since(latest(activities, type="event_attended")) < 5', "", "needs event_attended"),
        ("lead.phone_opt_out", "phone_opt_out", "reads lead.phone_opt_out"),
    ],
)
def test_what_is_never_known_is_never_true(found: Any, when: str, null: str, why: str) -> None:
    (said,) = found(mql(when), null=null)
    assert why in said
    assert found(mql(f"{when} or lead.score >= 1"), null=null) == [], "there is another way"


@pytest.mark.parametrize("when", ['count(activities, type="event_attended") == 0', "lead.country is None",
                                  'count(activities) >= 3', 'not matches(lead.email, "x")'])  # fmt: skip
def test_what_is_never_known_can_be_asked_for_as_such(found: Any, when: str) -> None:
    assert found(mql(when), null="country") == []


@pytest.mark.parametrize(
    "when",
    [
        "lead.score >= 60 and lead.score < 50",
        "lead.score > 60 and lead.score <= 60",
        'lead.country == "DE" and lead.country == "AT"',
        'lead.country in ["DE", "AT"] and lead.country not in ["AT", "DE"]',
        'lead.journey == "decision_early" and lead.journey != "decision_early"',
        "lead.email_opt_out and not lead.email_opt_out",
    ],
)
def test_rules_that_contradict_themselves_are_named(found: Any, when: str) -> None:
    (said,) = found(mql(when))
    assert said.startswith("14: no lead can ever pass `mql`: ") and "contradicts itself" in said


@pytest.mark.parametrize(
    "when",
    [
        "lead.score >= 60 and lead.score <= 60",
        'lead.country in ["DE", "AT"] and lead.country != "AT"',
        'lead.country == "DE" or lead.country == "AT"',
        'lead.lifecycle == "customer" and lead.lifecycle >= "mql"',
        'lead.country in ["Germany"] and lead.country == "DE"',
        'lead.email == "Ada@Acme.example" and lead.email == "ada@acme.example"',
        'lead.tags == ["a", "b"] and lead.tags == ["b", "a"]',
        'lead.country in "DE, AT" and lead.country == "DE"',
        'domain(lead.email) == "acme.example" and domain(lead.email) in ["ACME.example"]',
    ],
)
def test_rules_that_leave_something_are_none(found: Any, when: str) -> None:
    assert found(mql(when)) == []


def test_a_definition_that_excludes_what_it_asks_for_is_named(found: Any) -> None:
    (said,) = found(
        mql('lead.country in ["DE", "AT"] and lead.score >= 5', never='[\'lead.country in ["AT", "DE", "CH"]\']')
    )
    assert "`when` asks for what `never` excludes: `lead.country in" in said
    assert found(mql('lead.country in ["DE", "AT"]', never="['lead.country == \"DE\"']")) == []
    assert found(mql('lead.country == "DE"', never="['lead.country == \"DE\" and lead.score < 5']")) == []
    assert found(mql('lead.country == "Germany"', never='[\'lead.country not in ["DE", "AT"]\']')) == []
    spares_the_unknown = """['lead.country == "DE" or lead.country != "DE"']"""
    assert found(mql("lead.score >= 5", never=spares_the_unknown)) == [], "of whom no country is known passes"


def test_a_pattern_with_a_backslash_is_no_news_to_python(found: Any, recwarn: pytest.WarningsRecorder) -> None:
    assert found(mql(r"""'matches(lead.job_title, "\d head")'""")) == []
    assert [str(one.message) for one in recwarn] == []


def test_a_required_field_that_nobody_maps_is_named(found: Any) -> None:
    (said,) = found(mql("lead.score >= 1", require="[email, phone]"), null="phone")
    assert said == "15: no lead can ever pass `mql`: no connection maps phone, which it requires."


def test_a_definition_that_rests_on_another_falls_with_it(found: Any) -> None:
    text = "definitions:\n  ready: {when: lead.country is not None}\n  mql: {when: definitions.ready and lead.score >= 1}\n"
    said = found(text, null="country")
    assert said[1].endswith("`definitions.ready` can never pass.")
    assert [one.split(": ")[0] for one in said] == ["13", "14"]


def test_a_routing_rule_that_never_applies_is_named(found: Any) -> None:
    text = "routing:\n  - {when: 'lead.country == \"DE\"', to: anna@acme.example}\n  - {fallback: queue:inbound}\n"
    (said,) = found(text, null="country")
    assert said.startswith("13: rule 1 of `routing` never gives anybody: ")
    assert found(text) == []
