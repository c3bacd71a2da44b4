"""Countries: ISO 3166-1 alpha-2, from codes and names."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from .country_names import TABLE
from .values import unknown_word, wrong_type

#: Languages whose country names are read when babel is installed (extra ``quality``).
LANGUAGES = tuple(
    """
    ar bg ca cs da de el es et fa fi fr he hi hr hu id is it ja ko lt lv nb nl pl pt ro ru sk sl sr sv th tr uk vi zh
    zh_Hant
    """.split()  # noqa: SIM905  # a word list reads better as text
)
#: Codes that people and systems use though ISO 3166-1 reserves or never had them.
_OLD = {"UK": "GB", "EL": "GR", "KOS": "XK", "ROM": "RO"}

_WORD = re.compile(r"[^\W_]+")


def parse_country(value: Any) -> str | None:
    """The alpha-2 code; None for null and blank. Raises ValueProblem (SMK-VALUE-UNKNOWN for a name nobody knows)."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type("a country is a code or a name")
    known = _codes().get(value)
    return known if known is not None else _look_up(value)


def country_name(code: str) -> str:
    """The English name of an alpha-2 code."""
    return _names()[code]


def country_codes() -> frozenset[str]:
    """All alpha-2 codes."""
    return frozenset(_names())


def fold(name: str) -> str:
    """What counts of a name: letters without accents, in lower case; "&" is "and", "St." is "Saint", no "the"."""
    text = unicodedata.normalize("NFKD", name.replace("&", " and ").replace("’", "'")).casefold()
    text = "".join(char for char in text if not unicodedata.combining(char))
    words = _WORD.findall(text.replace("'", "").replace(".", "" if re.search(r"\b\w\.\w", text) else " "))
    words = ["saint" if word == "st" else word for word in words if word != "the"]
    return " ".join(words)


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    names: dict[str, str] = {}
    for line in TABLE.splitlines():
        names.setdefault(line[:2], line[7:].partition("|")[0])
    return names


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    """Alpha-2 codes in upper case: the one answer that needs no folding."""
    return {code: code for code in _names()}


@lru_cache(maxsize=1)
def _english() -> dict[str, str]:
    words: dict[str, str] = {}
    for line in TABLE.splitlines():
        code = line[:2]
        for name in (code, line[3:6], *line[7:].split("|")):
            words[fold(name)] = code
    words.update({fold(old): code for old, code in _OLD.items()})
    return words


@lru_cache(maxsize=1)
def _other_languages() -> dict[str, str]:
    """Names in :data:`LANGUAGES`, by babel where it is installed; a name that two countries share is left out."""
    try:
        from babel import Locale
    except ImportError:
        return {}
    found: dict[str, set[str]] = {}
    ours = country_codes()
    for language in LANGUAGES:
        for code, name in Locale.parse(language).territories.items():
            if code in ours:
                found.setdefault(fold(name), set()).add(code)
    return {name: codes.pop() for name, codes in found.items() if name and len(codes) == 1}


@lru_cache(maxsize=4096)
def _look_up(value: str) -> str | None:
    key = fold(value)
    if not value.strip():
        return None
    code = _english().get(key) or _other_languages().get(key)
    if code is None:
        raise unknown_word("no country of that name is known: map it in `values`, or correct it at its source")
    return code
