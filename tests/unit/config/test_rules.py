"""What `"*"` covers, and what a rule by name changes."""

from __future__ import annotations

import pytest

from smarksync.config import DEFAULT_GUARDS, Config, check_writers, resolve_rules, useless_rules

from .conftest import BASE, Load

MAPPED = {
    "marketing": {"email", "first_name", "last_name", "lifecycle", "score", "account", "email_opt_out", "external_id",
                  "handoff_state", "rejection_reason", "created_at", "other_emails", "owner", "city"},
    "sales": {"email", "full_name", "lifecycle", "score", "account", "email_opt_out", "external_id", "handoff_state",
              "rejection_reason", "created_at", "other_emails", "owner", "state"},
}  # fmt: skip


def with_fields(load_text: Load, fields: str) -> Config:
    start, end = BASE.index("    fields:\n"), BASE.index("definitions:")
    return load_text(BASE[:start] + f"    fields: {fields}\n" + BASE[end:])


def test_star_covers_what_two_sides_map_and_nobody_else_keeps(load_text: Load) -> None:
    config = with_fields(load_text, '{"*": {direction: both}}')
    rules = resolve_rules(config.jobs["people"], MAPPED, config.schema_)
    assert list(rules) == ["email", "first_name", "last_name", "account", "owner", "lifecycle", "score"]
    assert rules["lifecycle"].merge == "lifecycle" and rules["score"].merge == "newest"
    assert "account" not in resolve_rules(config.jobs["people"], MAPPED, config.schema_, refs={"owner"})


def test_a_named_rule_replaces_star_whole(load_text: Load) -> None:
    config = with_fields(load_text, '{"*": {tie: sales, blank: clear}, score: {direction: from marketing}}')
    rules = resolve_rules(config.jobs["people"], MAPPED, config.schema_)
    assert (rules["email"].tie, rules["email"].blank) == ("sales", "clear")
    assert (rules["score"].tie, rules["score"].blank, rules["score"].source) == ("ask", "keep", "marketing")
    assert rules["score"].writes("sales") and not rules["score"].writes("marketing")


def test_without_star_only_named_fields_take_part(load_text: Load) -> None:
    config = with_fields(load_text, "{score: {owner: sales}, city: {owner: sales}}")
    job = config.jobs["people"]
    assert list(resolve_rules(job, MAPPED, config.schema_)) == ["score"]
    assert useless_rules(job, MAPPED) == ["city"]


@pytest.mark.parametrize(
    ("rule", "merge"),
    [("{direction: both}", "lifecycle"), ("{owner: sales}", "lifecycle"), ("{merge: newest}", "newest")],
)
def test_lifecycle_merges_as_one_unless_its_own_rule_says_otherwise(load_text: Load, rule: str, merge: str) -> None:
    config = with_fields(load_text, f'{{"*": {{merge: newest}}, lifecycle: {rule}}}')
    assert resolve_rules(config.jobs["people"], MAPPED, config.schema_)["lifecycle"].merge == merge


def test_writers_are_compared_once_mappings_are_known(load_text: Load) -> None:
    other = """\
  more:
    sync: lead
    between: [sales, third]
    match: [email]
    fields: {"*": {direction: both}}
"""
    at = BASE.index("definitions:")
    text = (BASE[:at] + other + BASE[at:]).replace("mappings:\n", "  third: {connector: files}\nmappings:\n", 1)
    config = load_text(text)  # the third connection uses its preset: nothing can be said yet
    mapped = {c: {"lead": set(m.objects[o].fields)} for c, m in config.mappings.items() for o in m.objects}
    assert check_writers(config.jobs, mapped, config.schema_) == []
    problems = check_writers(config.jobs, {**mapped, "third": {"lead": {"score"}}}, config.schema_)
    assert len(problems) == 1 and "`sales` would get lead.score from two jobs, `people`" in problems[0].message
    assert check_writers(config.jobs, {**mapped, "third": {"lead": {"city"}}}, config.schema_) == []


def test_guards_are_laid_over_each_other_key_by_key(load_text: Load) -> None:
    text = BASE.replace("match: [email]", "match: [email]\n    guards: {creates: {cap: null}, handoffs: hold}")
    config = load_text(text + "guards: {creates: {count: 7}, updates: {share: 50%}}\n")
    limits = config.guards_for("people")
    assert (limits["creates"].count, limits["creates"].share, limits["creates"].cap) == (7, 0.2, None)
    assert limits["updates"].share == 0.5 and limits["deletes"] == DEFAULT_GUARDS["deletes"]
    assert not config.handoffs_flow("people")


def test_jobs_take_their_turn_by_kind(load_text: Load) -> None:
    at = BASE.index("  people:")
    jobs = (
        "  back: {outcomes: [lead], from: sales, to: marketing}\n  offer: {handoff: lead, from: marketing, to: sales}\n"
    )
    config = load_text(BASE[:at] + jobs + BASE[at:])
    assert [job.name for job in config.jobs_in_order()] == ["people", "offer", "back"]
    assert config.match_of("people") == (("email",),)
    assert config.jobs["offer"].entity == "lead"
