"""Words of a set that one side knows and the other has no place for (``unknown: keep``).

Neither side speaks about them: they stay where they are, whoever edits the rest. So a set goes out together with the
words that the record shows there and no canonical word stands for (:meth:`KeptWords.beside`), and what a record shows is
no word about those that it cannot hold (:meth:`KeptWords.known` tells them apart).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from smarksync.model import ABSENT, Field
from smarksync.plugin import FieldInfo, StreamSpec, Transform

from . import choices
from .outward import finisher, lookup, place_of
from .spec import FieldMapping
from .transforms import chain_in, chain_out
from .vendor_types import READ

Convert = Callable[[Any], Any]


class KeptWords:
    """Both vocabularies of one set field."""

    __slots__ = ("_finish", "_items", "_keep", "_look_in", "_look_out")

    def __init__(
        self, items: Convert, look_in: Convert | None, look_out: Convert, finish: Convert, *, keep: bool
    ) -> None:
        self._items, self._look_in, self._look_out, self._finish, self._keep = items, look_in, look_out, finish, keep

    def known(self, words: Iterable[Any] | None) -> list[Any]:
        """The canonical words that the system has a place for, in their order; all, where a lacking place is a problem."""
        if not self._keep:
            return list(words or ())
        return [word for word in words or () if place_of(word, self._look_out, True) is not None]

    def beside(self, words: Sequence[Any] | None, shown: Any) -> Any:
        """The vendor value for canonical ``words`` on a record that shows ``shown`` (vendor form, or ABSENT).

        Raises ValueProblem as ``outward`` does, when it all gets too long.
        """
        places = [place_of(word, self._look_out, self._keep) for word in words or ()]
        there = [place for place in places if place is not None]
        there += [item for item in self.unknown(shown) if item not in there]
        return self._finish(there) if there or words == [] else None

    def unknown(self, shown: Any) -> list[Any]:
        """The system's own words on a record, for which there is no canonical one."""
        look_in = self._look_in
        return [] if look_in is None else [item for item in self._words(shown) if look_in(item) is ABSENT]

    def same(self, shown: Any, raw: Any) -> bool:
        """Whether two vendor values hold the same words, in whatever order."""
        return set(self._words(shown)) == set(self._words(raw))

    def _words(self, raw: Any) -> Sequence[Any]:
        return () if raw is ABSENT or raw is None or raw == "" else self._items(raw) or ()


def compile_kept(
    mapping: FieldMapping,
    canonical: Field,
    info: FieldInfo,
    stream: StreamSpec,
    table: choices.ValueTable | None,
    transforms: Sequence[Transform],
    convert: Convert,
) -> KeptWords | None:
    """The kept words of a field; None where there can be none: no set, no table, or a transform without a way back."""
    keep = mapping.unknown == "keep"
    if canonical.type != "set" or not (keep or mapping.keep):
        return None
    look_out, change = lookup(canonical, info, table, convert, keep), chain_out(transforms)
    if look_out is None or change is None:
        return None
    read, split = READ[info.type], chain_in(transforms)
    look_in = choices.reader(table, mapping, canonical, info) if table else None
    finish = finisher(canonical, info, stream, change)
    return KeptWords(lambda raw: split(read(raw)), look_in, look_out, finish, keep=keep)
