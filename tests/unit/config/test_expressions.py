"""Expressions: three-valued, checked when the config loads, explained clause by clause, fast."""

from __future__ import annotations

import timeit
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarksync.config import Expression, Place, Scope, compile_expression
from smarksync.errors import ConfigError
from smarksync.model import CustomField, schema

SCHEMA = schema({"lead": {"budget": CustomField("decimal(2)"), "product": CustomField("enum", ("scanner", "printer"))}})
SCOPE = Scope(
    SCHEMA,
    names=("lead", "account", "opportunity", "activities", "definitions", "persona"),
    definitions=("mql", "sql"),
    personas=("it-admin", "executive"),
    country="DE",
    currency="EUR",
)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEAD: dict[str, Any] = {
    "email": "ann@mail.acme.example",
    "job_title": "Head of IT",
    "phone": "+4930123456",
    "country": "DE",
    "score": 61,
    "lifecycle": "mql",
    "journey": "decision_early",
    "tags": ["a", "b"],
    "email_opt_out": None,
    "phone_opt_out": False,
    "industry": None,
    "created_at": "2026-11-20T12:00:00.000001Z",
    "budget": "10.50",
    "other_emails": None,
    "product": "scanner",
}
ACTIVITIES = [
    {"type": "page_viewed", "at": "2026-11-21T00:00:00.000000Z"},
    {"type": "call", "at": "2026-11-01T00:00:00.000000Z"},
    {"type": "page_viewed", "at": "2026-01-01T00:00:00.000000Z"},
]
VALUES = {
    "lead": LEAD,
    "account": None,
    "opportunity": {"amount": ["1500.00", "EUR"], "close_date": "2026-11-20", "stage_kind": "open"},
    "activities": ACTIVITIES,
    "definitions": {"mql": True, "sql": None},
    "persona": "it-admin",
    "now": NOW,
}


def compiled(text: str) -> Expression:
    return compile_expression(text, types=SCOPE, place=Place("smarksync.yaml", 7))


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("lead.score >= 60", True),
        ("60 <= lead.score < 61", False),
        ("lead.score in [1, 61]", True),
        ("lead.score / 2 == 30.5", True),
        ("lead.score % 2 + 1 == 2 and lead.score // 60 == 1 and -lead.score < 0", True),
        ("lead.score / 0 > 1", None),
        ("lead.budget == 10.5", True),
        ("lead.budget > lead.score", False),
        ("lead.industry == 'x'", None),
        ("not lead.industry == 'x'", None),
        ("lead.industry in ['x']", None),
        ("lead.fit_score > 1", None),
        ("lead.email_opt_out", None),
        ("lead.email_opt_out is not True", True),
        ("lead.email_opt_out is None", True),
        ("lead.phone_opt_out is False", True),
        ("not lead.phone_opt_out", True),
        ("lead.phone_opt_out == false", True),
        ("lead.industry == null", None),
        ("lead.score in [1, None]", None),
        ("lead.score in [61, None]", True),
        ("lead.score not in [61]", False),
        ("lead.score not in []", True),
        ("lead.email_opt_out and lead.score > 100", False),
        ("lead.email_opt_out and lead.score > 1", None),
        ("lead.email_opt_out or lead.score > 1", True),
        ("lead.email_opt_out or lead.score > 100", None),
        ("account is None and account.industry is None", True),
        ("account.industry == 'x'", None),
        ("account is not None and account.owner is not None", False),
        ("lead.lifecycle >= 'lead' and lead.lifecycle < 'customer'", True),
        ("lead.journey > 'consideration_late'", True),
        ("lead.country in ['DE', 'Austria']", True),
        ("lead.email == 'Ann@MAIL.acme.example'", True),
        ("lead.phone == '030 123456'", True),
        ("lead.created_at > '2026-11-20'", True),
        ("lead.created_at <= '2026-11-20T13:00:00+01:00'", False),
        ("opportunity.close_date == '2026-11-20'", True),
        ("opportunity.amount >= 1500", True),
        ("'a' in lead.tags and 'c' not in lead.tags", True),
        ("lead.tags == ['b', 'a']", True),
        ("any_of(lead.tags, ['b', 'z'])", True),
        ("any_of(lead.other_emails, ['a@b.example'])", None),
        ("count(lead.tags) == 2", True),
        ("'IT' in lead.job_title", True),
        ("matches(lead.job_title, '(?i)^head')", True),
        (r"matches(lead.job_title, '\d')", False),
        ("matches(lead.industry, 'x')", None),
        ("domain(lead.email) == 'ACME.example'", True),
        ("lower(lead.job_title) == 'Head of IT'", True),
        ("is_free_mail(lead.email)", False),
        ("is_free_mail('x@gmail.com')", True),
        ("days_since(lead.created_at) == 1", True),
        ("hours_since(lead.created_at) == 47", True),
        ("days_since(opportunity.close_date) == 2", True),
        ("days_since(latest(activities, type='call')) == 21", True),
        ("latest(activities, type='email') is None", True),
        ("latest(activities) == '2026-11-21T00:00:00Z'", True),
        ("count(activities) == 3", True),
        ("count(activities, type='page_viewed', within_days=30) == 1", True),
        ("count(activities, type=['call', 'page_viewed'], within_days=30) == 2", True),
        ("definitions.mql and not definitions.sql", None),
        ("persona == 'it-admin'", True),
        ("lead.product == 'scanner'", True),
        ("true", True),
        ("lead.score >= 60\nand\n  lead.score < 100", True),
    ],
)
def test_value(text: str, result: Any) -> None:
    assert compiled(text).evaluate(VALUES) is result


@pytest.mark.parametrize(
    ("text", "wrong", "right"),
    [
        ("laed.score > 1", "`laed`", "`lead`"),
        ("score > 1", "`score`", "`lead.score`"),
        ("lead.scor > 1", "`scor`", "`score`"),
        ("lead.owner.email == 'x'", "`lead.owner`", "`entity.field`"),
        ("lead.score > '60'", "a number", "one type"),
        ("lead.score == 'x'", "a number", "one type"),
        ("lead.email == 5", "e-mail", "one type"),
        ("lead.email_opt_out == 1", "true or false", "one type"),
        ("lead.score", "a number", "`lead.score > 0`"),
        ("lead.email and lead.phone", "`lead.email`", "is not None"),
        ("lead", "a whole lead", "is not None"),
        ("lead == 5", "cannot be compared", "is None"),
        ("lead.lifecycle == 'mqls'", "`mqls`", "`mql`"),
        ("lead.journey in ['decision']", "`decision`", "`decision_late`"),
        ("lead.lifecycle > 'recycled'", "outside the order", "mql"),
        ("lead.sales_status > 'new'", "no order", "`in [...]`"),
        ("lead.email_opt_out > false", "no order", "`==`"),
        ("lead.country == 'Germoney'", "`Germoney`", ""),
        ("lead.product == 'scaner'", "`scaner`", "`scanner`"),
        ("persona == 'admin'", "`admin`", "`it-admin`"),
        ("definitions.mqls", "`mqls`", "`mql`"),
        ("definitions == 1", "`definitions`", "mql"),
        ("lead.score is 60", "`is`", "`lead.score == 60`"),
        ("lead.score is True", "a number", "is not None"),
        ("lead.score in 5", "nothing can be in it", "list"),
        ("lead.score in ['a']", "a number", "text"),
        ("lead.tags in ['a']", "a set", "any_of"),
        ("lead.email + 'x' == 'y'", "not a number", "Arithmetic"),
        ("lead.created_at - 5 > 1", "not a number", "days_since"),
        ("lead.score ** 9 > 1", "`lead.score ** 9`", "+ - * /"),
        ("lead.score | 9 > 1", "not part", "`or`"),
        ("~lead.score > 1", "not part", "`not`"),
        ("lead.score = 60", "cannot be read", "Python"),
        ("lead.score >", "cannot be read", "Python"),
        ("lambda: 1", "not part", "comparisons"),
        ("[x for x in lead.tags]", "not part", "comparisons"),
        ("(y := 5) > 1", "not part", "comparisons"),
        ("f'{lead.score}' == 'x'", "not part", "comparisons"),
        ("lead['score'] > 1", "not part", "comparisons"),
        ("lead.__class__ is None", "`__class__`", ""),
        ("().__class__ is None", "()", "`entity.field`"),
        ("__import__('os').system('x')", "is not a function", "days_since"),
        ("open('/etc/passwd') is None", "`open`", "is not a function"),
        ("day_since(lead.created_at) > 1", "`day_since`", "`days_since`"),
        ("days_since(lead.score) > 1", "a number", "`days_since(x)`"),
        ("days_since() > 1", "takes 1", "`days_since(x)`"),
        ("days_since(*lead.tags) > 1", "`*`", "`days_since(x)`"),
        ("lower(lead.score) == 'x'", "a number", "`lower(text)`"),
        ("count(activities, typ='call') > 1", "`typ`", 'type="call"'),
        ("count(activities, type='cal') > 1", "`cal`", "`call`"),
        ("count(activities, type=5) > 1", "`type`", "word"),
        ("count(activities, within_days='x') > 1", "`within_days`", "whole number"),
        ("count(activities, within_days=0) > 1", "`within_days`", "whole number"),
        ("count(lead) > 1", "a whole lead", "activities"),
        ("activities == 1", "cannot be compared", ""),
        ("any_of(lead.email, ['x'])", "e-mail", "any_of(set"),
        ("any_of(lead.tags, 'x')", "not a list", "any_of(set"),
        ("matches(lead.email, lead.phone)", "not a pattern", "regex"),
        ("matches(lead.email, '(')", "cannot be read", ""),
        ("matches(lead.email, '\b')", "backspace", 'r"'),
        ("matches(lead.email, r'(a)\\1')", "back references", ""),
        ("lead.score > 1e99", "too large", ""),
        ("lead.score > 1j", "not a value", ""),
        ("lead.email == b'x'", "not a value", ""),
        ("lead.score > ...", "not a value", ""),
        ("lead.created_at > 'yesterday'", "`yesterday`", ""),
        ("or ".join(["true "] * 2000), "longer than", "definitions"),
        ("not " * 200 + "true", "too deep", "definitions"),
        ("(" * 300 + "true" + ")" * 300, "cannot be read", ""),
        ("-" * 3000 + "1 > 0", "", ""),
        ("lead.score >= 60 #", "", ""),
    ],
)
def test_wrong(text: str, wrong: str, right: str) -> None:
    if text.endswith("#"):  # a comment is harmless
        compiled(text)
        return
    with pytest.raises(ConfigError) as caught:
        compiled(text)
    said = str(caught.value)
    assert said.startswith("smarksync.yaml:7: ") and wrong in said and right in said, said


def test_a_comparison_with_null_is_legal_and_warned_of() -> None:
    assert "is None" in compiled("lead.score == None").warnings[0]


def test_names_fields_and_definitions_are_known() -> None:
    one = compiled("days_since(lead.created_at) > 1 and account.owner is None and definitions.mql and persona is None")
    assert one.names == {"lead", "account", "definitions", "persona", "now"}
    assert one.fields == {("lead", "created_at"), ("account", "owner")}
    assert one.definitions == {"mql"}


def test_amounts_in_another_currency_are_unknown() -> None:
    one = compiled("opportunity.amount > 1")
    assert one.evaluate({"opportunity": {"amount": ["5", "USD"]}}) is None
    assert one.evaluate({"opportunity": {"amount": ["5", None]}}) is True


def test_names_of_elsewhere_are_explained() -> None:
    scope = Scope(SCHEMA, names=("account",), elsewhere={"lead": "accounts have none"})
    with pytest.raises(ConfigError, match="accounts have none"):
        compile_expression("lead.score > 1", types=scope, place=Place("f", 1))


def test_explain_shows_each_clause_with_what_it_saw() -> None:
    one = compiled("lead.score >= 60 and (lead.industry == 'x' or not domain(lead.email) in ['acme.example'])")
    clause = one.explain(VALUES)
    assert clause.result is None
    assert clause.lines() == [
        "lead.score >= 60 and (lead.industry == 'x' or not domain(lead.email) in ['acme.example']): unknown",
        "  lead.score >= 60: yes  (lead.score = 61)",
        "  lead.industry == 'x' or not domain(lead.email) in ['acme.example']: unknown",
        "    lead.industry == 'x': unknown  (lead.industry = null)",
        "    not domain(lead.email) in ['acme.example']: no",
        "      domain(lead.email) in ['acme.example']: yes  "
        "(domain(lead.email) = 'acme.example', lead.email = 'ann@mail.acme.example')",
    ]


def test_an_expression_that_was_not_compiled_does_not_answer() -> None:
    with pytest.raises(RuntimeError, match="not compiled"):
        Expression("lead.score > 1").evaluate(VALUES)


TRUTH = {"t": True, "f": False, "u": None}
WORDS = {"t": "lead.score > 1", "f": "lead.score < 1", "u": "lead.fit_score > 1"}


def strong(a: bool | None, b: bool | None, zero: bool) -> bool | None:
    """Kleene's tables, by the one value that settles each."""
    return zero if zero in (a, b) else None if None in (a, b) else not zero


@given(
    st.recursive(
        st.sampled_from("tfu"), lambda s: st.tuples(st.sampled_from(["and", "or", "not"]), s, s), max_leaves=12
    )
)
def test_logic_is_kleenes(tree: Any) -> None:
    def text(node: Any) -> str:
        if isinstance(node, str):
            return WORDS[node]
        return f"not ({text(node[1])})" if node[0] == "not" else f"({text(node[1])}) {node[0]} ({text(node[2])})"

    def value(node: Any) -> bool | None:
        if isinstance(node, str):
            return TRUTH[node]
        a, b = value(node[1]), value(node[2])
        if node[0] == "not":
            return None if a is None else not a
        return strong(a, b, zero=node[0] == "or")

    assert compiled(text(tree)).evaluate(VALUES) is value(tree)


@given(st.one_of(st.text(max_size=40), st.text("leadscore.<>=()[]'\" 019,andortisn\n\\#", max_size=60)))
def test_garbage_is_a_config_error_or_compiles(text: str) -> None:
    said = ""
    try:
        compiled(text)
    except ConfigError as e:
        said = str(e)
    assert not said or said.startswith("smarksync.yaml:7: ")


def test_a_simple_comparison_costs_less_than_a_microsecond() -> None:
    one = compiled("lead.score >= 60")
    best = min(timeit.repeat(lambda: one.evaluate(VALUES), number=20_000, repeat=5)) / 20_000
    assert best < 1e-6 * 2  # twice the promise, for a busy machine
