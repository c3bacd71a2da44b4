"""Countries: codes, English names and their spellings without any extra; other languages with babel."""

from __future__ import annotations

import pytest
from babel import Locale
from babel.core import get_global

from smarksync.model import ENTITIES, ValueProblem, country, normalise

FIELD = ENTITIES["lead"].fields["country"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("DE", "DE"), (" de ", "DE"), ("DEU", "DE"), ("Germany", "DE"), ("no", "NO"), ("UK", "GB"), ("U.K.", "GB"),
        ("England", "GB"), ("USA", "US"), ("U.S.A.", "US"), ("the netherlands", "NL"), ("Holland", "NL"),
        ("Türkiye", "TR"), ("TURKEY", "TR"), ("Côte d’Ivoire", "CI"), ("Korea, Republic of", "KR"),
        ("St. Lucia", "LC"), ("Trinidad & Tobago", "TT"), ("Czech Republic", "CZ"), ("Hong Kong", "HK"),
        ("Virgin Islands, U.S.", "VI"), ("Kosovo", "XK"), ("", None), ("  ", None), (None, None),
    ],
)  # fmt: skip
def test_codes_and_english_names(given, code):
    assert normalise(FIELD, given) == code


def test_our_table_is_complete_and_right():
    """Compared with babel's data, which is not needed to use ours."""
    english, alpha3 = Locale("en").territories, get_global("territory_aliases")
    assert len(country.country_codes()) == 250  # the 249 of ISO 3166-1, and Kosovo
    for code in sorted(country.country_codes()):
        assert country._english()[country.fold(english[code])] == code, (code, english[code])
    for line in country.TABLE.splitlines():
        if line[:2] != "XK":
            assert alpha3[line[3:6]] == [line[:2]], line


def test_no_name_stands_for_two_countries():
    seen: dict[str, str] = {}
    for line in country.TABLE.splitlines():
        for name in (line[:2], line[3:6], *line[7:].split("|")):
            assert seen.setdefault(country.fold(name), line[:2]) == line[:2], name


@pytest.mark.parametrize(
    ("given", "code"),
    [("Deutschland", "DE"), ("Frankreich", "FR"), ("Estados Unidos", "US"), ("日本", "JP"), ("Österreich", "AT"),
     ("Россия", "RU"), ("Svizzera", "CH"), ("Pays-Bas", "NL")],
)  # fmt: skip
def test_other_languages_with_babel(given, code):
    assert normalise(FIELD, given) == code


def test_without_babel_only_the_names_of_other_languages_are_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "babel", None)
    country._other_languages.cache_clear()
    country._look_up.cache_clear()
    try:
        assert normalise(FIELD, "Ivory Coast") == "CI"
        with pytest.raises(ValueProblem):
            normalise(FIELD, "Frankreich")
    finally:
        country._other_languages.cache_clear()
        country._look_up.cache_clear()


@pytest.mark.parametrize("wrong", ["Atlantis", "ZZ", "--"])
def test_a_name_that_nobody_knows_is_a_problem(wrong):
    with pytest.raises(ValueProblem) as caught:
        normalise(FIELD, wrong)
    assert caught.value.code == "SMK-VALUE-UNKNOWN"
