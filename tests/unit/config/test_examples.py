"""The worked examples load unchanged, and mean what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from smarksync.config import Config, json_schema, load, resolve_rules
from smarksync.model import Moves

CONFIGS = Path(__file__).parents[3] / "configs"
NAMES = (
    "GHOST_URL GHOST_ADMIN_KEY BOTTLECRM_URL BOTTLECRM_TOKEN HUBSPOT_URL HUBSPOT_TOKEN SALESFORCE_LOGIN_URL "
    "SALESFORCE_CLIENT_ID SALESFORCE_CLIENT_SECRET MARKETO_URL MARKETO_CLIENT_ID MARKETO_CLIENT_SECRET"
)
ENVIRON = {name: f"http://127.0.0.1:1/{name.lower()}" for name in NAMES.split()}


def example(name: str) -> Config:
    return load(CONFIGS / f"{name}.yaml", environ=ENVIRON)


@pytest.mark.parametrize("name", ["files", "ghost-bottlecrm", "hubspot-salesforce", "marketo-salesforce"])
def test_every_example_loads_without_a_warning(name: str) -> None:
    config = example(name)
    assert config.version == 1
    assert not config.warnings
    assert config.jobs["people"].connections == tuple(config.jobs["people"].between or ())


def test_the_agreement_loads_when_a_config_includes_it(tmp_path: Path) -> None:
    file = tmp_path / "smarksync.yaml"
    text = (CONFIGS / "hubspot-salesforce.yaml").read_text()
    file.write_text(f"include: [{CONFIGS / 'agreement.yaml'}]\n" + text)
    config = load(file, environ=ENVIRON)
    assert config.agreement is not None and config.goals is not None
    assert [p.id for p in config.agreement.sales] == ["speed", "persistence", "accept-or-reject"]
    assert config.agreement.calendars["office"].hours[0] == ((540, 1020),)
    assert config.agreement.marketing[1].at_least == 0.6
    assert config.goals.conversion == {
        "lead_to_mql": None,
        "mql_to_sql": None,
        "sql_to_opportunity": 0.5,
        "opportunity_to_customer": 0.22,
    }
    assert config.schema_["lead"].fields["product"].values == ("scanner", "printer")
    assert [rule.field for rule in config.scoring] == ["fit_score", "engagement_score", "engagement_score", "fit_score"]
    # the example names channels that no `notify` defines
    assert {str(w).split("`")[1] for w in config.warnings} == {"#handoffs", "#smarketing"}
    assert config.where(("agreement", "at_risk")).file.endswith("agreement.yaml")
    assert config.files == (file, CONFIGS / "agreement.yaml")


def test_places_rules_and_defaults_of_the_files_example() -> None:
    config = example("files")
    job = config.jobs["people"]
    assert (config.where(("jobs", "people", "match")).line, config.where(("jobs", "people", "adopt")).line) == (28, 25)
    assert job.name == "people" and job.kind == "sync" and job.entity == "lead"
    assert job.creates("sales") is not None and job.creates("sales").always
    mapped = {c: set(m.objects[o].fields) for c, m in config.mappings.items() for o in m.objects}
    rules = resolve_rules(job, mapped, config.schema_)
    assert set(rules) == {"email", "first_name", "last_name", "company", "phone", "score"}
    assert rules["phone"].owner == "sales" and rules["email"].owner is None
    assert (job.rule_name("phone"), job.rule_name("email")) == ("people.phone", "people.*")
    assert config.ledger_url == f"sqlite:///{CONFIGS}/quickstart.db" and config.root == CONFIGS
    assert config.guards_for("people")["creates"].cap == 5_000


def test_hub_spot_example_qualifies_as_written() -> None:
    config = example("hubspot-salesforce")
    mql = config.definitions["mql"]
    lead = {"score": 60, "journey": "decision_early", "email": "ann@sub.competitor.example", "email_opt_out": None}
    scope = {"lead": lead, "account": None, "activities": [], "definitions": {}, "persona": None}
    assert mql.when.evaluate(scope) is True
    assert [clause.evaluate(scope) for clause in mql.never] == [None, True]
    assert config.personas["executive"].when is not None
    assert config.personas["executive"].when.evaluate({"lead": {"job_title": "VP Sales"}}) is True
    assert config.jobs["people"].fields["score"].source == "marketing"


def test_the_json_schema_describes_what_users_write() -> None:
    schema = json_schema()
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    assert {"from", "to", "sync", "between"} <= set(definitions["Job"]["properties"])
    assert "additionalProperties" in definitions["ConnectionMapping"]
    assert schema["additionalProperties"] is False


def test_own_lifecycle_moves_reach_the_model(tmp_path: Path) -> None:
    file = tmp_path / "smarksync.yaml"
    text = (
        CONFIGS / "files.yaml"
    ).read_text() + "lifecycle: {moves: [{from: [lead, mql], to: customer, who: [sales]}]}\n"
    file.write_text(text)
    moves = Moves.from_config(load(file).lifecycle.table() or [])
    assert moves.legal("mql", "customer", "sales") and not moves.legal("mql", "customer", "marketing")
    assert example("files").lifecycle.table() is None
