"""Secrets stay hidden, places are right, plugins' settings are told of in our words, and no file breaks the loader."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from smarksync.config import load, read_part, read_settings, read_yaml, reveal
from smarksync.config.schema import MappingConfig
from smarksync.errors import ConfigError

from .conftest import BASE, Load
from .test_examples import CONFIGS

SECRET = "hunter2-very-secret"


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")

    path: str
    token: SecretStr = SecretStr("")
    timeout: int = Field(default=30, gt=0)
    mode: str = Field(default="a", pattern="^[ab]$")


def with_settings(text: str) -> str:
    return BASE.replace("settings: {path: sales}", f"settings: {{path: sales, {text}}}")


def test_secrets_come_from_environment_file_and_are_never_shown(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text("file-secret\n")
    text = with_settings("token: '${TOKEN}', timeout: '${WAIT}', mode: a")
    text += "ledger: sqlite:////srv/${TOKEN}/x.db\nnotify: {ops: {url: 'https://x.example/${file:key.txt}'}}\n"
    config = load_text(text, {"TOKEN": SECRET, "WAIT": "7"})
    assert SECRET not in repr(config) and "file-secret" not in repr(config) + str(config)
    assert config.ledger_url == f"sqlite:////srv/{SECRET}/x.db"
    assert config.secrets >= {SECRET, "file-secret"} and "7" not in config.secrets
    assert config.notify["ops"].url.get_secret_value() == "https://x.example/file-secret"
    found = read_settings(config, "sales", Settings)
    assert (found.token.get_secret_value(), found.timeout, found.path) == (SECRET, 7, "sales")
    assert reveal(config.connections["sales"].settings)["token"] == SECRET


def test_the_digest_follows_the_text_and_not_the_secrets(load_text: Load) -> None:
    text = with_settings("token: '${TOKEN}'")
    one, two = load_text(text, {"TOKEN": "a"}), load_text(text, {"TOKEN": "b"})
    assert one.digest == two.digest
    assert load_text(text.replace("owner: sales", "owner: marketing"), {"TOKEN": "a"}).digest != one.digest


def test_two_dollars_are_one(load_text: Load) -> None:
    config = load_text(with_settings("token: '$${NOT_ONE} $5'"))
    assert reveal(config.connections["sales"].settings)["token"] == "${NOT_ONE} $5"


def test_settings_are_told_of_by_line_and_without_values(load_text: Load) -> None:
    text = with_settings("tokn: 5, timeout: '${WAIT}', mode: '${WAIT}', token: [1]")
    config = load_text(text, {"WAIT": SECRET})
    with pytest.raises(ConfigError) as caught:
        read_settings(config, "sales", Settings)
    said = str(caught.value)
    assert SECRET not in said
    assert all(line.split(":")[1] == "9" for line in said.splitlines()), said
    assert "unknown setting `tokn` of the connector `files`. Did you mean `token`?" in said
    assert "`connections.sales.settings.timeout` must be a whole number" in said
    assert "`connections.sales.settings.mode`" in said


def test_a_misplaced_secret_is_not_printed(load_text: Load) -> None:
    for text in (
        "time_zone: ${TOKEN}\n",
        "logging: {level: '${TOKEN}'}\n",
        "scoring: [{when: '${TOKEN} > 1', points: 1}]\n",
    ):
        with pytest.raises(ConfigError) as caught:
            load_text(BASE + text, {"TOKEN": SECRET})
        assert SECRET not in str(caught.value), str(caught.value)


def test_a_missing_secret_does_not_hide_other_problems(load_text: Load) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(with_settings("token: '${TOKEN}'").replace("owner: sales", "owner: salse"))
    assert len(caught.value.problems) == 2


def test_a_missing_secret_concerns_whoever_opens_what_it_belongs_to(load_text: Load) -> None:
    text = with_settings("token: '${TOKEN}', timeout: '${WAIT}', mode: c")
    config = load_text(text + "notify: {ops: {url: 'https://x.example/${HOOK}'}}\n")
    config.require(connections=["marketing"])
    assert len(config.unset(connections=["sales"])) == 2 and len(config.unset(channels=["ops"])) == 1
    with pytest.raises(ConfigError) as caught:
        read_settings(config, "sales", Settings)
    said = caught.value.problems
    assert ["TOKEN is not set" in said[0], "WAIT is not set" in said[1], ".mode`" in said[2]] == [True] * 3, said
    assert len(said) == 3, "what the secret would have been is not judged"
    with pytest.raises(ConfigError, match=r"`notify\.ops\.url`: the environment variable HOOK is not set"):
        config.require(channels=["ops"])


def test_the_key_ring_says_what_is_missing(load_text: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    import keyring
    from keyring.backend import KeyringBackend

    class Ring(KeyringBackend):
        priority = 1

        def get_password(self, service: str, username: str) -> str | None:
            return SECRET if (service, username) == ("crm", "token") else None

        def set_password(self, service: str, username: str, password: str) -> None: ...

        def delete_password(self, service: str, username: str) -> None: ...

    before = keyring.get_keyring()
    keyring.set_keyring(Ring())
    try:
        config = load_text(with_settings("token: '${keyring:crm/token}'"))
        assert reveal(config.connections["sales"].settings)["token"] == SECRET
        with pytest.raises(ConfigError, match="the key ring holds no other for crm"):
            read_settings(load_text(with_settings("token: '${keyring:crm/other}'")), "sales", Settings)
        with pytest.raises(ConfigError, match="names no entry"):
            load_text(with_settings("token: '${keyring:crm}'"))
    finally:
        keyring.set_keyring(before)


def test_places_of_everything(load_text: Load, tmp_path: Path) -> None:
    config = load_text(BASE + "scoring:\n  - when: true\n    points: 5\n")
    file = str(tmp_path / "smarksync.yaml")
    assert config.where(("scoring", 0, "points")) == (file, 33, 5)
    assert config.where(("jobs", "people", "fields", "*")).line == 26
    assert config.where(("retention", "plans")).line == 1  # not written: the nearest part above
    assert config.jobs["people"].fields["phone"].place("owner").line == 27
    assert config.mappings["sales"].objects["leads"].place("fields", "email").line == 18


def test_presets_load_by_the_same_rules() -> None:
    text = "entity: lead\nfields:\n  email: Email\n  phone: {feild: Phone}\n"
    with pytest.raises(ConfigError, match=r"preset\.yaml:4: unknown key `feild`"):
        read_part(MappingConfig, text, "preset.yaml")
    part = read_part(MappingConfig, text.replace("feild", "field"), "preset.yaml")
    assert part.fields["phone"] is not None and part.place("fields", "phone").line == 4
    data, places = read_yaml(text, "preset.yaml")
    assert data["fields"]["email"] == "Email" and places[("fields", "email")].line == 3


def only_config_errors(text: str | bytes, tmp_path: Path) -> None:
    file = tmp_path / "garbage.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    problems: tuple[str, ...] = ()
    try:
        load(file, environ={})
    except ConfigError as e:
        problems = e.problems
    assert all(re.match(re.escape(f"{file}:") + "[1-9]", p) for p in problems), problems


YAMLISH = st.text("ab:-[]{},'\"\n \t#&*!|>%@`?0.~$\\é\x00", max_size=80)
slow_ok = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)


@slow_ok
@given(st.one_of(st.text(max_size=80), YAMLISH, st.binary(max_size=60), YAMLISH.map(lambda t: BASE + t)))
def test_garbage_raises_nothing_but_config_errors(tmp_path: Path, text: str | bytes) -> None:
    only_config_errors(text, tmp_path)


WORDS = st.sampled_from(["preset", "lead", "from sales", "lead.score > 1", "60%", "5 business days", "${X}", "default"])
KEYS = st.sampled_from(["when", "entity", "fields", "extends", "from", "to", "name", "of", "x", "*"])
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.floats(allow_nan=False) | st.text(max_size=8) | WORDS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
    ),
    max_leaves=6,
)  # fmt: skip


def whole() -> dict[str, Any]:
    """An example with every section, as plain data."""
    data: dict[str, Any] = read_yaml((CONFIGS / "agreement.yaml").read_text(), "a")[0]
    base: dict[str, Any] = read_yaml(BASE, "b")[0]
    more = {
        "personas": {"it": {"name": "IT", "when": "lead.score > 1"}},
        "notify": {"ops": {"url": "https://x.example", "on": ["failed"]}},
        "guards": {"creates": {"count": 5, "share": "10%"}, "handoffs": "hold"},
        "retention": {"plans": "3 days"},
        "defaults": {"country": "DE", "skew": "2 seconds"},
    }
    base["jobs"] |= {
        "offer": {"handoff": "lead", "from": "marketing", "to": "sales", "signals": {"won": "opportunity is not None"}},
        "back": {"outcomes": ["lead"], "from": "sales", "to": "marketing", "lists": [{"when": "true", "join": "x"}]},
        "acts": {"activities": ["call"], "from": "sales", "to": "marketing"},
    }  # fmt: skip
    return {**data, **base, **more}


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, item in items for p in paths(item, (*path, key)))]


def test_characters_that_json_writes_in_halves(load_text: Load) -> None:
    data = whole() | {"workspace": "tea \U0001f375"}
    with pytest.raises(ConfigError, match="`tea \U0001f375` cannot be a name"):
        load_text(json.dumps(data))
    for bent in (data | {"workspace": "tea \ud83c"}, data | {"tea \ud83c": 1}):
        with pytest.raises(ConfigError, match=r"^\S+:1: this text holds half a character"):
            load_text(json.dumps(bent))


def test_the_whole_example_loads(load_text: Load) -> None:
    assert load_text(json.dumps(whole())).jobs["acts"].entity == "activity"


@slow_ok
@given(st.randoms(use_true_random=False), JUNK, st.sampled_from(["replace", "rename", "remove", "add"]))
def test_bent_configs_raise_nothing_but_config_errors(tmp_path: Path, rnd: random.Random, junk: Any, how: str) -> None:
    data = whole()
    path = rnd.choice([p for p in paths(data) if p])
    parent: Any = data
    for part in path[:-1]:
        parent = parent[part]
    if how == "replace" or isinstance(parent, list):
        parent[path[-1]] = junk
    elif how == "add":
        parent["when"] = junk
    else:
        value = parent.pop(path[-1])
        if how == "rename":
            parent[str(path[-1]) + "x"] = value
    only_config_errors(json.dumps(data), tmp_path)
