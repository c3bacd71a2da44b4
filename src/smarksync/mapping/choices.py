"""Value tables: canonical words against a system's own values, checked with its live pick lists.

A table comes from ``values:``, or by itself where the words or labels of the pick list are the canonical
ones. Each vendor value of a table is matched to the live choices by value, then by label, then by either
without case, blanks and punctuation. *Folded* values: several canonical words may share one vendor value;
the word listed first is the one read back. Sources: schema.md, "Preset: values" and "Folded values".
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smarksync.model import ABSENT, Field, ValueProblem
from smarksync.plugin import Choice, FieldInfo, FieldType

from .spec import FieldMapping
from .vendor_types import READ


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about one field for ``check``: an error stops the jobs that need the mapping, a warning does not.

    ``line`` is what to write into the config, "" when there is nothing to copy.
    """

    field: str
    message: str
    line: str = ""
    error: bool = False


@dataclass(frozen=True, slots=True)
class ValueTable:
    """Both directions of a pick list. ``read`` gives ABSENT for a value that says nothing (``keep``)."""

    read: Mapping[Any, Any]
    write: Mapping[Any, Any]
    remarks: tuple[Remark, ...] = field(default=())


def squash(text: Any) -> str:
    """Text without case, blanks and punctuation: ``Computer Software`` = ``COMPUTER_SOFTWARE``."""
    return "".join(char for char in str(text).casefold() if char.isalnum())


class Matcher:
    """Finds the live choice that a text means; None = none, or the field takes any text (``free``)."""

    def __init__(self, choices: Sequence[Choice] | None) -> None:
        self.free = choices is None
        self.values = frozenset(choice.value for choice in choices or ())
        self._found: dict[str, str] = {}
        self._loose: dict[str, str] = {}
        usable = sorted(choices or (), key=lambda choice: not choice.active)
        spelled = [(choice.value, choice.value) for choice in usable]
        spelled += [(choice.label, choice.value) for choice in usable if choice.label]
        for text, value in spelled:
            self._found.setdefault(text, value)
            self._loose.setdefault(squash(text), value)

    def find(self, text: Any) -> str | None:
        """The value of the choice, by value, label, then loosely."""
        return self._found.get(text) or self._loose.get(squash(text)) or None


def table_for(mapping: FieldMapping, canonical: Field, info: FieldInfo) -> ValueTable | None:
    """The table of a field, or None where values pass as they are (free text, open words on a pick list)."""
    closed = canonical.closed
    matcher = Matcher(info.choices)
    if not mapping.values and not mapping.keep:
        if canonical.type == "bool" and not matcher.free:
            return _own_booleans(canonical, info)
        return _own_words(mapping, canonical, info, matcher) if closed else None
    read: dict[Any, Any] = {}
    write: dict[Any, Any] = {}
    remarks: list[Remark] = []
    for pair in mapping.values:
        word = _word(pair.canonical, canonical)
        if closed and word not in canonical.values:
            near = difflib.get_close_matches(str(word), canonical.values, 1)
            hint = f"did you mean {near[0]}?" if near else f"its words are {', '.join(canonical.values)}"
            remarks.append(Remark(canonical.name, f"values: {word} is no word of {canonical.name}; {hint}", "", True))
            continue
        if pair.writes is not None:
            live = _live(pair.writes, info, matcher)
            if live is None:
                remarks.append(_no_such_choice(mapping, word, pair.writes, info))
            else:
                write[word] = live
        for vendor in pair.reads:
            live = _live(vendor, info, matcher)
            # a retired choice may still stand in old records: it is read, and never written
            read.setdefault(vendor if live is None else live, word)
    for vendor in mapping.keep:
        live = _live(vendor, info, matcher)
        read[vendor if live is None else live] = ABSENT
    if closed:
        for word in canonical.values:  # words without a line of their own pass when the system knows them
            live = word if matcher.free else matcher.find(word)
            if word not in write and live is not None and live not in read and not _listed(mapping, word):
                write[word] = live
                read[live] = word
    return ValueTable(read, write, tuple(remarks) + _gaps(mapping, canonical, info, read, write))


def _listed(mapping: FieldMapping, word: Any) -> bool:
    return any(pair.canonical == word for pair in mapping.values)


def _word(written: Any, canonical: Field) -> Any:
    """The canonical side of a table line; YAML and pydantic may have made ``true`` a text."""
    return READ[FieldType.BOOL](written) if canonical.type == "bool" else written


def _live(vendor: Any, info: FieldInfo, matcher: Matcher) -> Any:
    """The vendor value of a table line as the system spells it, None when its pick list lacks it."""
    if matcher.free:
        try:
            return READ[info.type](vendor) if info.type is not FieldType.CHOICES else str(vendor)
        except ValueProblem:
            return None
    return matcher.find(READ[FieldType.TEXT](vendor))


def _own_words(mapping: FieldMapping, canonical: Field, info: FieldInfo, matcher: Matcher) -> ValueTable:
    write: dict[Any, Any] = {}
    read: dict[Any, Any] = {}
    for word in canonical.values:
        live = word if matcher.free else matcher.find(word)
        if live is not None:
            write[word] = live
            read.setdefault(live, word)
    return ValueTable(read, write, _gaps(mapping, canonical, info, read, write))


def _own_booleans(canonical: Field, info: FieldInfo) -> ValueTable:
    """A pick list that stands for yes and no, by the values or labels of its choices."""
    read: dict[Any, Any] = {}
    write: dict[Any, Any] = {}
    for choice in info.choices or ():
        for text in (choice.value, choice.label):
            try:
                meaning = READ[FieldType.BOOL](text)
            except ValueProblem:
                continue
            read[choice.value] = meaning
            if choice.active:
                write.setdefault(meaning, choice.value)
            break
    if len(write) == 2:
        return ValueTable(read, write)
    line = f"{canonical.name}: {{field: {info.name}, values: {{true: …, false: …}}}}"
    remark = Remark(canonical.name, f"{info.name} is a pick list without a plain yes and no", line, True)
    return ValueTable(read, write, (remark,))


def _no_such_choice(mapping: FieldMapping, word: Any, vendor: Any, info: FieldInfo) -> Remark:
    offered = [choice.value for choice in info.choices or () if choice.active]
    near = difflib.get_close_matches(str(vendor), offered, 1, 0.5)
    hint = f"did you mean {near[0]}?" if near else f"it offers {_some(offered)}"
    return Remark(
        mapping.name,
        f"{info.name} has no value {vendor} for {word}; {hint}",
        f"{mapping.name}: {{values: {{{word}: {near[0] if near else '…'}}}}}",
        mapping.own,
    )


def _gaps(
    mapping: FieldMapping, canonical: Field, info: FieldInfo, read: Mapping[Any, Any], write: Mapping[Any, Any]
) -> tuple[Remark, ...]:
    """Live choices that mean nothing to us, and words that the system cannot hold: for closed enums only."""
    if not canonical.closed:
        return ()
    remarks = []
    shown = [c.value for c in info.choices or () if c.active and c.value not in read]
    flags = (("true", True), ("false", False)) if info.type is FieldType.BOOL else ()
    strangers = shown + [word for word, flag in flags if flag not in read]
    if strangers and mapping.unknown == "quarantine":
        remarks.append(
            Remark(
                canonical.name,
                f"{info.name} offers {_some(strangers)}, which no word of {canonical.name} stands for: "
                "a record with it goes to quarantine",
                f"{canonical.name}: {{field: {info.name}, values: {{WORD: [{', '.join(strangers)}]}}}}",
            )
        )
    homeless = [word for word in canonical.values if word not in write]
    writes = info.writable and not canonical.read_only and mapping.direction != "read"
    if homeless and writes and not all(_listed(mapping, word) for word in homeless):
        remarks.append(
            Remark(
                canonical.name,
                f"{info.name} has no value for {_some(homeless)}: such a record is not written there",
                f"{canonical.name}: {{field: {info.name}, values: {{{homeless[0]}: …}}}}",
            )
        )
    return tuple(remarks)


def _some(values: Sequence[str], most: int = 6) -> str:
    shown = ", ".join(str(value) for value in values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")


# -- the compiled steps -------------------------------------------------------------------------------------


def reader(table: ValueTable, mapping: FieldMapping, canonical: Field, info: FieldInfo) -> Callable[[Any], Any]:
    """vendor value → canonical value, or ABSENT; raises ValueProblem ``SMK-PICKLIST-UNKNOWN``."""
    read = table.read
    loose = {squash(vendor): word for vendor, word in reversed(tuple(read.items())) if isinstance(vendor, str)}
    words = frozenset(canonical.values)
    passes = not canonical.closed and canonical.type != "bool"
    offered = frozenset(choice.value for choice in info.choices or ())
    keep, default = mapping.unknown == "keep", mapping.default if mapping.unknown == "default" else None

    def one(value: Any) -> Any:
        try:
            return read[value]
        except (KeyError, TypeError):
            pass
        if isinstance(value, str):
            if (found := loose.get(squash(value))) is not None:
                return found
            if value == "":
                return None
        elif value is None:
            return None
        if passes or value in words:
            return value
        if keep:
            return ABSENT
        if default is not None:
            return default
        shown = f" ({value})" if value in offered else ""  # a value of the pick list is nobody's secret
        raise ValueProblem("SMK-PICKLIST-UNKNOWN", f"{info.name} shows a value that the table does not know{shown}")

    return one


def writer(table: ValueTable | None, canonical: Field, info: FieldInfo, *, keep: bool = False) -> Callable[[Any], Any]:
    """canonical value → vendor value; raises ValueProblem ``SMK-PICKLIST-UNMAPPED``.

    ``keep`` (the mapping says ``unknown: keep``): ``SMK-PICKLIST-LEFT``, and the field is left as it is there.
    """
    code = "SMK-PICKLIST-LEFT" if keep else "SMK-PICKLIST-UNMAPPED"
    write: dict[Any, Any] = dict(table.write) if table else {}
    taken = table.read if table else {}
    loose = {squash(word): vendor for word, vendor in reversed(tuple(write.items())) if isinstance(word, str)}
    means = {squash(vendor): word for vendor, word in reversed(tuple(taken.items())) if isinstance(vendor, str)}
    loose.pop("", None)  # signs alone are like no other signs
    means.pop("", None)
    matcher = Matcher(info.choices)
    closed = canonical.closed or canonical.type == "bool"

    def one(value: Any) -> Any:
        try:
            return write[value]
        except (KeyError, TypeError):
            pass
        spelled = squash(value) if loose or means else ""
        if not closed and spelled in loose:
            return loose[spelled]  # a line of the table is meant however its word is written, as it is when it is read
        if not matcher.free:
            found = matcher.find(value)
            if found is not None and (not closed or found not in taken):
                write[value] = found  # pick lists are short: this remembers what was looked up
                return found
        elif not closed and taken.get(value, value) == value and squash(means.get(spelled, spelled)) == spelled:
            return value
        shown = f" ({value})" if value in canonical.values or isinstance(value, bool) else ""
        raise ValueProblem(code, f"{info.name} has no value for this {canonical.name}{shown}")

    return one
