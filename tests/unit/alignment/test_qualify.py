"""Both teams can read off why a lead is an MQL or not; unknown passes nothing and excludes nobody."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smarksync.alignment import qualify
from smarksync.alignment.qualify import LeadScope
from smarksync.alignment.score import Scoring, faded
from smarksync.config import Expression
from smarksync.config.agreement import Definition, Score
from smarksync.config.compiler import Scope
from smarksync.model import schema

NOW = datetime(2026, 1, 12, 9, tzinfo=UTC)


def definition(**keys: Any) -> Definition:
    one = Definition.model_validate({"when": "lead.score >= 60", **keys})
    for expression in (one.when, *one.never):
        expression.compile(Scope(schema=schema()))
    return one


def scope(*activities: dict[str, Any], **lead: Any) -> LeadScope:
    return LeadScope({"lead": lead, "account": None, "activities": activities, "now": NOW}, {})


MQL: dict[str, Any] = {"require": ["email", "phone"], "never": ["lead.email_opt_out"]}


@pytest.mark.parametrize(
    ("lead", "passes"),
    [
        ({"score": 60, "email": "a@b.example", "phone": "+442079460000"}, True),
        ({"score": 59, "email": "a@b.example", "phone": "+442079460000"}, False),
        ({"score": None, "email": "a@b.example", "phone": "+442079460000"}, None),
        ({"score": 60, "email": "a@b.example", "phone": None}, False),
        ({"score": 60, "email": "a@b.example", "phone": "ask at the desk"}, False),
        ({"score": 60, "email": "a@b.example", "phone": "+442079460000", "email_opt_out": True}, False),
        ({"score": 60, "email": "a@b.example", "phone": "+442079460000", "email_opt_out": None}, True),
    ],
)
def test_a_definition(lead: dict[str, Any], passes: bool | None) -> None:
    assert qualify.passes(definition(**MQL), scope(**lead)) is passes


def test_every_clause_is_told_with_what_it_saw() -> None:
    told = qualify.explain("mql", definition(**MQL, version="3"), scope(score=41, email="a@b.example", phone="none"))
    assert (told.definition, told.passes) == ("mql@3", False)
    lines = [(part.kind, part.good, part.lines[0]) for part in told.parts]
    assert lines == [
        ("when", False, "lead.score >= 60: no  (lead.score = 41)"),
        ("require", True, "email is there"),
        ("require", False, "phone cannot be used"),
        ("never", True, "lead.email_opt_out: unknown"),
    ]


def test_without_a_version_the_content_is_one() -> None:
    one = qualify.version_of("mql", definition(**MQL))
    assert one == qualify.version_of("mql", definition(**{**MQL, "when": "lead.score  >=  60"}))
    assert one != qualify.version_of("mql", definition(**{**MQL, "when": "lead.score >= 61"}))
    assert one != qualify.version_of("mql", definition(require=["email"]))


def test_a_name_is_made_when_it_is_asked_for_and_once() -> None:
    made: list[str] = []

    def persona(_: LeadScope) -> str:
        made.append("persona")
        return "it-admin"

    one = LeadScope({"lead": {}}, {"persona": persona})
    assert not made and one["persona"] == "it-admin" == one["persona"] and made == ["persona"]


def test_points_fade_by_half_lives_and_say_why() -> None:
    rules = [
        Score.model_validate({"when": 'matches(lead.job_title, "(?i)head")', "points": 25, "why": "seniority"}),
        Score.model_validate({"when": 'count(activities, type="content_downloaded") >= 1', "points": 20, "why": "eBook", "decay": {"half_life_days": 30}}),
        Score.model_validate({"when": "is_free_mail(lead.email)", "points": -20, "why": "private"}),
    ]  # fmt: skip
    for rule in rules:
        rule.when.compile(Scope(schema=schema()))
    read = {"type": "content_downloaded", "at": (NOW - timedelta(days=30, hours=5)).isoformat()}
    other = {"type": "page_viewed", "at": NOW.isoformat()}
    found = Scoring(rules).of(scope(other, read, job_title="Head of IT", email="ada@gmail.com"), explain=True)
    assert found.values() == {"score": 15, "fit_score": 5, "engagement_score": 10}
    assert [(point.points, point.of, point.days) for point in found.points] == [
        (25, 25, None),
        (10, 20, 30),
        (-20, -20, None),
    ]
    assert found.points[0].lines and Scoring(rules).fades and not Scoring(rules[:1]).fades
    assert faded(20, 0, 30) == 20 and faded(20, 60, 30) == 5 and faded(-20, 30, 30) == -10


def test_a_lead_costs_less_than_ten_microseconds() -> None:
    mql = definition(
        when='lead.score >= 60 and lead.journey in ["consideration_late", "decision_early", "decision_late"]', **MQL
    )
    leads = [
        {"score": n % 100, "journey": "decision_early", "email": "a@b.example", "phone": "+442079460000"}
        for n in range(2_000)
    ]

    def once() -> float:
        start = time.process_time()
        for lead in leads:
            qualify.passes(mql, LeadScope({"lead": lead, "now": NOW}, {}))
        return (time.process_time() - start) / len(leads)

    assert min(once() for _ in range(5)) < 10e-6


def test_what_expressions_come_to_use() -> None:
    expression = Expression("true")
    expression.compile(Scope(schema=schema()))
    assert qualify.named_by(expression) == "true"
