"""Names, domains, attempts, and states of older versions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarksync.errors import LedgerError
from smarksync.model import VERSION, names, registrable_domain, upgrade
from smarksync.model.activity import activity_key, is_attempt
from smarksync.model.version import Upgrades


@pytest.mark.parametrize(
    ("text", "first", "last", "result"),
    [
        ("Ada Lovelace", "Ada", "Lovelace", ("Ada", "Lovelace")),
        ("Ada  Lovelace ", "Ada", "Lovelace", ("Ada", "Lovelace")),
        ("Ada B. Lovelace", "Ada", "Lovelace", ("Ada B.", "Lovelace")),
        ("Ada King", "Ada", "Lovelace", ("Ada", "King")),
        ("Augusta Lovelace", "Ada", "Lovelace", ("Augusta", "Lovelace")),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven", ("Ludwig", "van Beethoven")),
        ("Ludwig van Beethoven", None, "van Beethoven", ("Ludwig", "van Beethoven")),
        ("Lovelace", "Ada", "Lovelace", (None, "Lovelace")),
        ("Ada", "Ada", "Lovelace", ("Ada", None)),
        ("Grace Hopper", "Ada", "Lovelace", ("Grace", "Hopper")),
        ("Grace Hopper", None, None, ("Grace", "Hopper")),
        ("Maria del Carmen Ruiz", None, None, (None, "Maria del Carmen Ruiz")),
        ("Cher", None, None, (None, "Cher")),
        ("Grace Brewster Hopper", "Ada", "Lovelace", None),
        ("Cher", "Ada", "Lovelace", None),
        ("Al Gold smith", "Al", "smith", ("Al Gold", "smith")),
        ("Al Goldsmith", "Bo", "smith", ("Al", "Goldsmith")),  # a word, not the end of one
        ("", "Ada", "Lovelace", (None, None)),
        (None, "Ada", None, (None, None)),
    ],
)
def test_full_names(text, first, last, result):
    assert names.split_full_name(text, first, last) == result


part = st.one_of(st.none(), st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=3).map(" ".join))


@given(part, part)
def test_our_own_full_name_is_never_an_edit(first, last):
    joined = names.join_name(first, last)
    if joined is not None:
        assert names.split_full_name(joined, first, last) == (first, last)


@given(st.text("ab ", max_size=12), part, part)
def test_a_split_says_the_same_name(text, first, last):
    result = names.split_full_name(text, first, last)
    if result is not None:
        assert (names.join_name(*result) or "").split() == text.split()


@pytest.mark.parametrize(
    ("text", "domain"),
    [
        ("https://www.acme.co.uk/en?x=1", "acme.co.uk"), ("ACME.com", "acme.com"), ("ada@mail.acme.com", "acme.com"),
        ("acme.com:8080", "acme.com"), ("//acme.com/x", "acme.com"), ("https://u:p@acme.com", "acme.com"),
        ("bücher.de", "xn--bcher-kva.de"), ("acme.com.", "acme.com"), ("co.uk", None), ("localhost", None),
        ("127.0.0.1", None), ("a b.com", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_registrable_domain(text, domain):
    assert registrable_domain(text) == domain


@given(st.text("ab.-:/@ü", max_size=20))
def test_a_registrable_domain_is_its_own(text):
    domain = registrable_domain(text)
    if domain is not None:
        assert registrable_domain(domain) == domain


CALL = {"type": "call", "actor": "sales", "automated": False, "result": "no_answer"}


def test_an_attempt_is_a_persons_own():
    assert is_attempt(CALL)
    for change in (
        {"type": "note"}, {"actor": "marketing"}, {"automated": True}, {"automated": None}, {"result": "planned"},
        {"result": "none"}, {"result": "cancelled"}, {"result": None},
    ):  # fmt: skip
        assert not is_attempt({**CALL, **change}), change
    assert activity_key("crm", "tasks", "7") == "crm:tasks:7"


def test_states_of_older_versions_are_read_step_by_step():
    upgrades = Upgrades(3)

    @upgrades.register("agreed", 1)
    def _rename(state):
        state["job_title"] = state.pop("title")
        return state

    @upgrades.register("agreed", 2)
    def _wrap(state):
        state["tags"] = [state["tags"]]
        return state

    old = {"title": "CTO", "tags": "x"}
    assert upgrades.upgrade("agreed", old, 1) == {"job_title": "CTO", "tags": ["x"]}
    assert old == {"title": "CTO", "tags": "x"}
    assert upgrades.upgrade("agreed", {"job_title": "CTO", "tags": "x"}, 2) == {"job_title": "CTO", "tags": ["x"]}
    assert upgrades.upgrade("consent", old, 1) == old
    with pytest.raises(ValueError, match="two upgraders"):
        upgrades.register("agreed", 1)
    with pytest.raises(ValueError, match="no version 3"):
        upgrades.register("agreed", 3)


def test_a_state_of_a_newer_version_is_refused():
    assert upgrade("agreed", {"a": 1}, VERSION) == {"a": 1}
    with pytest.raises(LedgerError, match="newer SmarkSync"):
        upgrade("agreed", {}, VERSION + 1)
    with pytest.raises(ValueError, match="no kind"):
        upgrade("rumour", {}, 1)
