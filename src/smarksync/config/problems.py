"""What is wrong with a config, said so that the reader can put it right.

Problems are collected and raised together, as one :class:`~smarksync.errors.ConfigError` whose text is one
line a problem: ``file:line: what is wrong, what would be right``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from smarksync.errors import ConfigError


class Revealed(str):
    """Text that a reference (``${…}``) was replaced by: messages do not show it."""

    __slots__ = ()


#: A way into the config: names and list positions from the top.
Path = tuple[str | int, ...]


class Place(NamedTuple):
    """A place in a file; line and column count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Problem(NamedTuple):
    """One thing wrong: where, what, and what would be right. ``path`` is its way into the config."""

    place: Place
    message: str
    hint: str = ""
    path: Path = ()

    def __str__(self) -> str:
        return f"{self.place}: {self.message} {self.hint}".rstrip()


def error(problems: Sequence[Problem]) -> ConfigError:
    """All problems as one error: first by file and line, each said once."""
    ordered = sorted(dict.fromkeys(problems), key=lambda p: (p.place, p.message))
    lines = tuple(dict.fromkeys(str(p) for p in ordered))
    first = ordered[0]
    prefix = f"{first.place}: "
    text = "\n".join(lines)
    # ConfigError prints the place of the first problem itself.
    return ConfigError(text.removeprefix(prefix), file=first.place.file, line=first.place.line, problems=lines)


def stop(place: Place, message: str, hint: str = "") -> ConfigError:
    """One problem as an error."""
    return error([Problem(place, message, hint)])


def _simple(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())


def near(word: str, known: Iterable[str]) -> str | None:
    """The known name most like ``word``, or None when none is alike."""
    names = [k for k in known if k]
    by_form: dict[str, str] = {}
    for name in names:
        by_form.setdefault(_simple(name), name)
    found = get_close_matches(_simple(word), list(by_form), n=1, cutoff=0.6)
    if found:
        return by_form[found[0]]
    start = [n for n in names if len(word) > 2 and n.lower().startswith(word.lower())]
    return min(start, key=len) if start else None


def suggest(word: str, known: Iterable[str], most: int = 15) -> str:
    """A sentence naming what would be right: the nearest known name, else the known ones."""
    names = list(dict.fromkeys(known))
    if best := near(word, names):
        return f"Did you mean `{best}`?"
    if not names:
        return "There are none."
    shown = ", ".join(f"`{n}`" for n in names[:most])
    return f"Known: {shown}{' …' if len(names) > most else ''}."


def dotted(path: Path) -> str:
    """A path as people write it: ``scoring[1].when``; positions count from 1."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def shown(value: object, most: int = 60) -> str:
    """A value from the config as it is quoted in a message."""
    if isinstance(value, Revealed):
        return "`(secret)`"
    text = " ".join(str(value).split())
    return f"`{text if len(text) <= most else text[: most - 1] + '…'}`"
