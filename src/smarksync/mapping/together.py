"""Fields that are written together, taken all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from smarksync.model.shapes import All, all_of


class Shape(NamedTuple):
    """Of some fields that are written together: those that go out as they are, all at once, and the others."""

    texts: All
    vendors: tuple[str, ...]
    most: int  # characters that each of them takes
    others: tuple[str, ...]

    @classmethod
    def of(cls, names: tuple[str, ...], as_is: Mapping[str, tuple[str, int]]) -> Shape:
        """``as_is``: {canonical: (vendor, most characters)}."""
        mine = [name for name in names if name in as_is]
        others = tuple(name for name in names if name not in as_is)
        most = min((as_is[name][1] for name in mine), default=0)
        return cls(all_of(mine), tuple(as_is[name][0] for name in mine), most, others)
