"""What is worked out of fields alone, whatever is in them: once for all rows that have the same ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Generic, TypeVar

#: sets of fields that are remembered at once
MOST = 256

T = TypeVar("T")


class Shapes(dict[tuple[str, ...], T], Generic[T]):
    """By the names of a row's fields, in their order: what ``make`` says of them.

    Most rows have the fields of the one before. Rows without their blanks may have as many sets of fields as there are
    rows: beyond ``MOST`` all are forgotten, which costs nothing while there are few, and bounds memory when there are many.
    A dictionary, because the hot loops ask for every row: an ``lru_cache`` takes twice as long to answer.
    """

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[tuple[str, ...]], T]) -> None:
        self._make = make

    def __missing__(self, names: tuple[str, ...]) -> T:
        if len(self) >= MOST:
            self.clear()
        found = self[names] = self._make(names)
        return found


#: the values of some fields of a row, in order; raises KeyError where one is missing
All = Callable[[Mapping[str, Any]], tuple[Any, ...]]


def all_of(names: Sequence[str]) -> All:
    """The values of these fields, taken all at once: a third of the time that one after the other takes."""
    if len(names) > 1:
        return itemgetter(*names)  # of one alone it gives no tuple
    return lambda row: tuple([row[name] for name in names])
