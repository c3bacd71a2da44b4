"""What the engine holds: compiled fields, and the compiled mapping with its bulk operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as part
from functools import partial
from itertools import compress
from operator import ne
from typing import Any, NamedTuple

from smarksync.model import ABSENT, Field, ValueProblem, equal
from smarksync.model.names import join_name
from smarksync.model.phone import is_e164
from smarksync.model.shapes import All, Shapes, all_of
from smarksync.plugin import FieldInfo, StreamSpec

from .agreement import Agrees, is_fold
from .kept import KeptWords
from .together import Shape

Convert = Callable[[Any], Any]
_MISSING: Any = object()


class FieldProblem(ValueProblem):
    """A value that did not pass, with the canonical ``field`` it belongs to. Holds no personal data."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(code, message)
        self.field = field


class Inactive(NamedTuple):
    """A preset's field that this account lacks or hides: not read, not written."""

    name: str
    vendor: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class CompiledField:
    """One canonical field in one stream. The closures are compiled once; values are wire form and vendor form.

    ``identity``: equal raw and wire values agree, so callers may compare without converting.
    Reference fields hold the vendor's ids on both sides: entity ids are exchanged for them by the engine.
    A money value in two vendor fields (``currency_vendor``) is a pair (amount, currency) in vendor form.
    """

    name: str
    vendor: str
    field: Field
    info: FieldInfo
    read: bool
    write: bool
    required: bool
    max_length: int | None
    identity: bool
    #: raw → wire; None = empty, ABSENT = says nothing (``keep``); raises ValueProblem
    inward: Convert
    #: wire → raw; raises ValueProblem. A read-only field whose transform has no way back raises SMK-READ-ONLY
    outward: Convert
    #: (raw, wire) → True iff raw is what outward(wire) sends, spelling aside; never raises
    agrees: Agrees
    #: country → inward with that country's telephone rules; None where the country does not matter
    inward_in: Callable[[str], Convert] | None
    currency_vendor: str | None
    stream: StreamSpec
    #: a plain text comes in as itself without outer white space, and goes out as it is
    reads_text: bool = False
    sends_text: bool = False
    #: a phone number in full comes in as itself, whatever the country
    reads_phone: bool = False
    #: of a set: the words that one side knows and the other has no place for
    kept: KeptWords | None = None
    #: written into new records alone: the system takes it in no update
    create_only: bool = False

    @property
    def vendors(self) -> tuple[str, ...]:
        """The vendor fields it occupies: one, or two for money with its currency."""
        return (self.vendor,) if self.currency_vendor is None else (self.vendor, self.currency_vendor)

    def raw(self, row: Mapping[str, Any]) -> Any:
        """Its vendor value in a row, ABSENT when the row does not hold it."""
        value = row.get(self.vendor, ABSENT)
        if self.currency_vendor is not None and value is not ABSENT:
            return (value, row.get(self.currency_vendor))
        return value

    def same(self, raw: Any, wire: Any, *, country: str | None = None) -> bool:
        """Agrees, or means the same canonically (the format of a phone, the case of an address). Never raises.

        ``country`` is the record's, for telephone numbers without a prefix.
        """
        if self.agrees(raw, wire):
            return True
        read = self.inward_in(country) if country and self.inward_in else self.inward
        try:
            value = read(raw)
        except ValueProblem:
            return False
        return value is not ABSENT and self.means(value, wire)

    def means(self, value: Any, wire: Any) -> bool:
        """Whether two wire values are one in canonical terms, as far as this stream can tell."""
        return value == wire or equal(self.field, value, wire, resolution=self.stream.resolution)

    def is_fold(self, sent: Any, shown: Any) -> bool:
        """True when what the system shows is a declared folding of what it was sent. Never raises.

        Foldings: cut at the field's length, same canonical value (so also a folded pick list), white space, case,
        digits after the point, a coarser time. Both are vendor values.
        """
        if isinstance(sent, list | tuple) and self.currency_vendor is not None:
            amount, unit = shown if isinstance(shown, list | tuple) else (shown, None)
            if sent[1] not in (None, unit):
                return False
            return amount == sent[0] or is_fold(self.field, self.info, sent[0], amount)
        if sent == shown or is_fold(self.field, self.info, sent, shown):
            return True
        try:
            before, after = self.inward(sent), self.inward(shown)
        except ValueProblem:
            return False
        if before is ABSENT or after is ABSENT:
            return False
        return equal(self.field, before, after, resolution=self.stream.resolution)


@dataclass(frozen=True, slots=True, eq=False)
class CompiledMapping:
    """One stream's mapping to one entity.

    ``version`` changes with everything that changes the meaning of a stored vendor value. ``vendor_fields`` are to
    be asked for when reading. ``warnings`` are sentences for ``check``. ``derived`` names composite fields present.
    """

    connection: str
    stream: str
    entity: str
    version: str
    fields: Mapping[str, CompiledField]
    vendor_fields: tuple[str, ...]
    inactive: tuple[Inactive, ...]
    warnings: tuple[str, ...]
    external_id: CompiledField | None
    derived: tuple[str, ...]
    country: str | None
    #: by vendor field: the canonical fields that it carries; the field where that is one alone; the compiled field
    names_by_vendor: Mapping[str, Sequence[str]]
    sole_names: Mapping[str, str]
    codecs_by_vendor: Mapping[str, CompiledField]
    #: prepared for the hot loops: (vendor, canonical) of fields where equality is agreement, then the others
    _direct: tuple[tuple[str, str], ...]
    _compared: tuple[tuple[str, str, Agrees], ...]
    _agrees: Mapping[str, Agrees]
    _pairs: tuple[CompiledField, ...]
    _full_name: CompiledField | None
    _texts: tuple[tuple[str, str, Convert], ...]
    _readable: tuple[tuple[str, str, Convert], ...]
    _phones: tuple[CompiledField, ...]
    #: canonical → (vendor, most characters) of texts that go out as they are
    _sent_as_is: Mapping[str, tuple[str, int]]
    _required: tuple[CompiledField, ...]
    _reads: Mapping[str, None]  # an ordered set of vendor fields
    #: vendor fields that are compared at all, and those whose every value that is not blank says something
    _compares: frozenset[str]
    _telling: frozenset[str]
    _shapes: Shapes[Shape] = part(init=False, repr=False)

    #: all at once: the raw values of the fields where equality is agreement, what was agreed of them, the plain texts
    _shown: All = part(init=False, repr=False)
    _known: All = part(init=False, repr=False)
    _read_as_is: All = part(init=False, repr=False)
    _text_names: tuple[str, ...] = part(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_shapes", Shapes(partial(Shape.of, as_is=self._sent_as_is)))
        object.__setattr__(self, "_shown", all_of([vendor for vendor, _ in self._direct]))
        object.__setattr__(self, "_known", all_of([name for _, name in self._direct]))
        object.__setattr__(self, "_read_as_is", all_of([vendor for vendor, _, _ in self._texts]))
        object.__setattr__(self, "_text_names", tuple(name for _, name, _ in self._texts))

    @property
    def refs(self) -> tuple[CompiledField, ...]:
        """Fields that point at other records; their values are vendor ids here."""
        return tuple(field for field in self.fields.values() if field.field.ref)

    def differences(self, raw: Mapping[str, Any], agreed: Mapping[str, Any]) -> dict[str, Any]:
        """{vendor field: raw} of what ``raw`` holds and what is not outward(agreed). Never raises.

        Fields of the group "system" (external id, created and updated) are per side and never compared. A full name
        is compared with the agreed names joined. Money in two fields shows both when either differs.
        """
        get, want = raw.get, agreed.get
        found: dict[str, Any] = {}
        for vendor, name in self._unlike(raw, agreed):
            value = get(vendor, _MISSING)
            if value is not _MISSING and not self._agrees[name](value, want(name)):
                found[vendor] = value
        for vendor, name, agrees in self._compared:
            value = get(vendor, _MISSING)
            if value is not _MISSING and not agrees(value, want(name)):
                found[vendor] = value
        if self._pairs:
            for field in self._pairs:
                pair = field.raw(raw)
                if pair is not ABSENT and not field.agrees(pair, want(field.name)):
                    found.update((name, raw[name]) for name in field.vendors if name in raw)
        if self._full_name is not None:
            value = get(self._full_name.vendor, _MISSING)
            if value is not _MISSING:
                joined = join_name(want("first_name"), want("last_name"))
                if not self._full_name.agrees(value, joined):
                    found[self._full_name.vendor] = value
        return found

    def _unlike(self, raw: Mapping[str, Any], agreed: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Fields whose raw value is not letter by letter what was agreed; where none is missing, all are compared at once."""
        if len(agreed) >= len(self._direct) <= len(raw):
            try:
                shown, known = self._shown(raw), self._known(agreed)
            except KeyError:
                pass
            else:
                return [*compress(self._direct, map(ne, shown, known))]
        get, want = raw.get, agreed.get
        return [(vendor, name) for vendor, name in self._direct if get(vendor) != want(name)]

    def told(self, raw: Mapping[str, Any]) -> dict[str, Any]:
        """What :meth:`differences` finds while nothing is agreed: ``raw`` without blanks and without what is per side."""
        telling, compares, values = self._telling, self._compares, raw.values()
        if telling >= raw.keys() and None not in values and "" not in values:  # nothing is left out
            return dict(raw)
        found = {name: value for name, value in raw.items() if value is not None and value != "" and name in telling}
        if len(found) == len(raw):
            return found
        rest = {n: value for n, value in raw.items() if value is not None and n not in found and n in compares}
        return {**found, **self.differences(rest, {})} if rest else found

    def unread(self, raw: Mapping[str, Any]) -> list[str]:
        """Vendor fields that are mapped for reading and that ``raw`` does not hold."""
        reads = self._reads
        return [] if raw.keys() >= reads.keys() else [vendor for vendor in reads if vendor not in raw]

    def inward_row(
        self, raw: Mapping[str, Any], *, country: str | None = None
    ) -> tuple[dict[str, Any], list[FieldProblem]]:
        """({canonical: wire}, problems) of every readable field that ``raw`` holds.

        A field with a problem, or with a value that says nothing, is left out. ``full_name`` is given as such: its
        parts are for the engine (model.names). ``country`` is the agreed one, for telephone numbers; the row's
        own goes before it.
        """
        problems: list[FieldProblem] = []
        get = raw.get
        values, rest = self._plain_texts(raw)
        for vendor, name, inward in (*rest, *self._readable) if rest else self._readable:
            value = get(vendor, _MISSING)
            if value is _MISSING:
                continue
            try:
                wire = inward(value)
            except ValueProblem as problem:
                problems.append(FieldProblem(name, problem.code, problem.message))
                continue
            if wire is not ABSENT:
                values[name] = wire
        for pair in self._pairs:
            if pair.read:
                self._take(pair, pair.raw(raw), pair.inward, values, problems)
        if self._phones:
            country = values.get("country") or country or self.country
            for phone in self._phones:
                value = get(phone.vendor, ABSENT)
                if phone.reads_phone and value.__class__ is str and is_e164(value):
                    values[phone.name] = value
                    continue
                localised = phone.inward_in(country) if country and phone.inward_in else phone.inward
                self._take(phone, value, localised, values, problems)
        return values, problems

    def _plain_texts(self, raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[tuple[str, str, Convert]]]:
        """Texts that come in as they are without outer white space, and the fields that are still to be looked at."""
        if len(raw) >= len(self._texts):
            try:
                texts = [*map(str.strip, self._read_as_is(raw))]
            except (KeyError, TypeError):  # one is missing, or is no text
                pass
            else:
                if "" not in texts and "".join(texts).isascii():
                    return dict(zip(self._text_names, texts, strict=True)), []
        values: dict[str, Any] = {}
        rest: list[tuple[str, str, Convert]] = []
        for field in self._texts:
            value = raw.get(field[0])
            if value.__class__ is str and value.isascii() and (text := value.strip()):
                values[field[1]] = text
            else:
                rest.append(field)
        return values, rest

    @staticmethod
    def _take(
        field: CompiledField, raw: Any, inward: Convert, values: dict[str, Any], problems: list[FieldProblem]
    ) -> None:
        if raw is ABSENT:
            return
        try:
            wire = inward(raw)
        except ValueProblem as problem:
            problems.append(FieldProblem(field.name, problem.code, problem.message))
            return
        if wire is not ABSENT:
            values[field.name] = wire

    def outward_row(self, values: Mapping[str, Any], names: Iterable[str]) -> tuple[dict[str, Any], list[FieldProblem]]:
        """({vendor: raw}, problems) of the writable fields among ``names``.

        A name that ``values`` lacks, or that is not mapped or not writable, is left out; null is written as null.
        A full name is written when first_name or last_name is among ``names``; give both in ``values`` then.
        """
        problems: list[FieldProblem] = []
        fields, as_is = self.fields, self._sent_as_is
        name_changed = False
        row, names = self._all_texts(values, tuple(names))
        for name in names:
            plain = as_is.get(name)
            if plain is not None:
                value = values.get(name)
                if value.__class__ is str and 0 < len(value) <= plain[1]:
                    row[plain[0]] = value
                    continue
            if name == "first_name" or name == "last_name" or name == "full_name":
                name_changed = True
            field = fields.get(name)
            if field is None or not field.write or name not in values or field is self._full_name:
                continue
            try:
                raw = field.outward(values[name])
            except ValueProblem as problem:
                problems.append(FieldProblem(name, problem.code, problem.message))
                continue
            if field.currency_vendor is None:
                row[field.vendor] = raw
            else:
                row[field.vendor], unit = raw
                if unit is not None:  # an amount without a currency is in the system's own: leave that as it is
                    row[field.currency_vendor] = unit
        whole = self._full_name
        if name_changed and whole is not None and whole.write:
            joined = join_name(values.get("first_name"), values.get("last_name"))
            try:
                row[whole.vendor] = whole.outward(joined)
            except ValueProblem as problem:
                problems.append(FieldProblem(whole.name, problem.code, problem.message))
        return row, problems

    def _all_texts(self, values: Mapping[str, Any], names: tuple[str, ...]) -> tuple[dict[str, Any], Iterable[str]]:
        """Those of the fields that go out as they are, taken at once; and the names that are still to be looked at: all of
        them where one of those is no text that fits. Most rows of a first load have the same fields as the one before."""
        shape = self._shapes[names]
        try:
            texts = shape.texts(values)
            joined = "".join(texts)
        except (KeyError, TypeError):
            return {}, names
        if "" in texts or (len(joined) > shape.most and max(map(len, texts)) > shape.most):
            return {}, names
        return dict(zip(shape.vendors, texts, strict=True)), shape.others

    def missing(self, row: Mapping[str, Any]) -> list[FieldProblem]:
        """What a create in vendor form still lacks: required fields that are not in ``row`` or empty there."""
        return [
            FieldProblem(
                field.name, "SMK-REQUIRED", f"{field.vendor} is required for new records and {field.name} is empty"
            )
            for field in self._required
            if row.get(field.vendor) in (None, "", [])
        ]
