"""Booleans in a file of texts: recognised in three spellings, written in the column's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

_PAIRS = (("true", "false"), ("yes", "no"), ("1", "0"))
_MEANS = {word: index == 0 for pair in _PAIRS for index, word in enumerate(pair)}


def looks_boolean(values: Iterable[Any]) -> bool:
    """Whether there are values and each is true, false, yes, no, 1 or 0, in any case."""
    found = False
    for value in values:
        if value is None or value == "":
            continue
        if not isinstance(value, str) or value.strip().lower() not in _MEANS:
            return False
        found = True
    return found


def is_boolean(values: Iterable[Any]) -> bool:
    """Whether the column can only be a boolean one.

    Ones and zeros alone may be a score, and "NO" alone is a country: those stay text, and their writes
    keep the column's spelling all the same.
    """
    words = {value.strip().lower() for value in values if isinstance(value, str) and value.strip()}
    return bool(words & {"true", "false", "yes"}) and words <= _MEANS.keys()


class Spelling:
    """How a column spells its booleans: the pair used most, in its case; ``true``/``false`` when it has none."""

    def __init__(self, values: Iterable[Any]) -> None:
        counts = Counter(value.strip() for value in values if isinstance(value, str) and value.strip())
        self.boolean = bool(counts) and all(word.lower() in _MEANS for word in counts)
        self._words = {True: "true", False: "false"}
        if self.boolean:
            weight = {pair: sum(n for word, n in counts.items() if word.lower() in pair) for pair in _PAIRS}
            pair = max(_PAIRS, key=lambda pair: weight[pair])
            used = [word for word, _ in counts.most_common() if word.lower() in pair]
            case = str.upper if used[0].isupper() else str.capitalize if used[0][0].isupper() else str.lower
            for meaning, word in zip((True, False), pair, strict=True):
                self._words[meaning] = next((own for own in used if own.lower() == word), case(word))

    def spell(self, value: Any) -> Any:
        """Booleans, and the words for them in a column of booleans, as this column spells them."""
        if isinstance(value, bool):
            return self._words[value]
        if self.boolean and value in ("true", "false"):
            return self._words[value == "true"]
        return value
