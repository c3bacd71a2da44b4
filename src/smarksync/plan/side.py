"""One record of one system beside what was agreed about its entity.

A side remembers only differences, so that a settled record costs nothing. The memo is a JSON object:

==== ==========================================================================================
key  meaning
==== ==========================================================================================
n    1 = linked but never settled: no base for any field (adoption decides)
s    {vendor field: raw} what the side shows where that is not outward(agreed)
u    [vendor field] mapped for reading and never read (partial feeds)
b    {canonical: value} the base where it is not what was agreed
a    [canonical] fields without a base although the link is settled (newly mapped)
x    [shown] our own id is not on the record yet, which shows this in its place
p    {vendor field: [sent, stored]} what it keeps instead of what we sent
w    [vendor field] written, and no echo seen yet
q    [canonical] agreed anew while the config did not name the system (``b`` has what was agreed before)
o    [canonical] the same while the record was outside `where`
e    {vendor field: [after, until or None, by or None]} when the shown value was edited, by evidence
==== ==========================================================================================

*Shown* and *base* are derived: shown = s or outward(agreed); base = b or agreed. A side changed a field
iff what it shows is not its base there — in the side's own vendor space first, so that folded values,
formats and truncations are not edits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from smarksync.model import ABSENT, ValueProblem
from smarksync.model.names import join_name, split_full_name

Memo = dict[str, Any]
NAME_PARTS = ("first_name", "last_name")
PER_SIDE = ("external_id", "created_at", "updated_at")


class Vocabularies(Protocol):
    """The words of a set that one side knows and the other has no place for (mapping.KeptWords offers it)."""

    def known(self, words: Iterable[Any] | None) -> list[Any]: ...
    def beside(self, words: Sequence[Any] | None, shown: Any) -> Any: ...
    def same(self, shown: Any, raw: Any) -> bool: ...


class Codec(Protocol):
    """What a decision needs to know of one mapped field (mapping.CompiledField offers it)."""

    @property
    def name(self) -> str: ...
    @property
    def vendor(self) -> str: ...
    @property
    def read(self) -> bool: ...
    @property
    def write(self) -> bool: ...
    @property
    def create_only(self) -> bool: ...
    @property
    def required(self) -> bool: ...
    @property
    def inward(self) -> Callable[[Any], Any]: ...
    @property
    def outward(self) -> Callable[[Any], Any]: ...
    @property
    def agrees(self) -> Callable[[Any, Any], bool]: ...
    @property
    def currency_vendor(self) -> str | None: ...
    @property
    def kept(self) -> Vocabularies | None: ...
    @property
    def inward_in(self) -> Callable[[str], Callable[[Any], Any]] | None: ...

    def means(self, value: Any, wire: Any) -> bool: ...
    def same(self, raw: Any, wire: Any, *, country: str | None = None) -> bool: ...
    def is_fold(self, sent: Any, shown: Any) -> bool: ...
    def raw(self, row: Mapping[str, Any]) -> Any: ...


class Translation(Protocol):
    """What a decision needs to know of one mapping (mapping.CompiledMapping offers it)."""

    @property
    def connection(self) -> str: ...
    @property
    def stream(self) -> str: ...
    @property
    def fields(self) -> Mapping[str, Any]: ...
    @property
    def names_by_vendor(self) -> Mapping[str, Sequence[str]]: ...
    @property
    def sole_names(self) -> Mapping[str, str]: ...
    @property
    def codecs_by_vendor(self) -> Mapping[str, Any]: ...

    def inward_row(self, raw: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any]]: ...
    def outward_row(self, values: Mapping[str, Any], names: Iterable[str]) -> tuple[dict[str, Any], list[Any]]: ...
    def missing(self, row: Mapping[str, Any]) -> list[Any]: ...


class Side:
    """A linked record during one decision. Mutable; the engine stores its memo afterwards."""

    __slots__ = (
        "changed_at", "connection", "eid", "fp", "lid", "mapping", "memo", "name_field", "own_at", "rank", "rid", "seen_at",
        "sid", "state", "stream", "version",
    )  # fmt: skip

    def __init__(
        self, sid: int, rid: str, eid: int | None, mapping: Translation, memo: Memo | None,
        fp: bytes | None = None, lid: int | None = None, *, rank: int = 0, state: str = "live",
        seen_at: str | None = None, changed_at: str | None = None, own_at: str | None = None, version: str | None = None,
    ) -> None:  # fmt: skip
        # the short ways of planning give everything by its place: a call with names takes Python twice as long
        self.sid, self.rid, self.eid = sid, rid, eid
        self.mapping, self.fp, self.lid = mapping, fp, lid
        self.memo: Memo = memo if memo is not None else {}
        self.rank, self.state = rank, state
        self.seen_at, self.changed_at = seen_at, changed_at
        self.own_at, self.version = own_at, version
        self.connection, self.stream = mapping.connection, mapping.stream
        self.name_field: Codec | None = mapping.fields.get("full_name")

    @property
    def key(self) -> str:
        """Names the record within a run: ``sid:rid``."""
        return f"{self.sid}:{self.rid}"

    def codec(self, field: str) -> Codec | None:
        """The mapped field that carries ``field`` on this side; names may travel in one full name."""
        found: Codec | None = self.mapping.fields.get(field)
        if found is None and self.name_field is not None and field in NAME_PARTS:
            return self.name_field
        return found

    def can_write(self, field: str) -> bool:
        """Whether we may write the field there, in a record that is not new."""
        codec = self.codec(field)
        return codec is not None and codec.write and not codec.create_only

    # -- what the side shows ---------------------------------------------------------------------
    def shown(self, codec: Codec, agreed: Mapping[str, Any]) -> Any:
        """The raw vendor value that the side last showed; ABSENT when it was never read."""
        memo = self.memo
        seen = memo.get("s")
        if seen is not None and codec.vendor in seen:
            return codec.raw(seen)
        if not codec.read or codec.vendor in (memo.get("u") or ()):
            return ABSENT
        try:
            return codec.outward(wire_of(codec, agreed))
        except ValueProblem:
            return ABSENT

    def base(self, field: str, agreed: Mapping[str, Any]) -> Any:
        """What the side showed when the field was last settled; ABSENT when it never was."""
        memo = self.memo
        if not memo:
            return agreed.get(field)
        if memo.get("n"):
            return ABSENT
        if field in (memo.get("b") or ()):
            return memo["b"][field]
        if field in (memo.get("a") or ()):
            return ABSENT
        return agreed.get(field)

    def observed(self, field: str, agreed: Mapping[str, Any]) -> Any:
        """The field's canonical value as shown, in the light of the base.

        Returns ABSENT where the side shows nothing; raises ValueProblem where the value has no
        canonical meaning (an unknown pick-list word, a name that cannot be split).
        """
        codec = self.codec(field)
        if codec is None:
            return ABSENT
        if not codec.read:
            return self.base(field, agreed)
        memo = self.memo
        seen = memo.get("s")
        if seen is None or codec.vendor not in seen:
            return ABSENT if codec.vendor in (memo.get("u") or ()) else agreed.get(field)
        raw = codec.raw(seen)
        if codec is self.name_field:
            return self._observed_name(field, raw, agreed)
        base = self.base(field, agreed)
        country = self._country(agreed) if codec.inward_in is not None else None
        # what is remembered as shown is known not to be outward(agreed): only another base is worth a look
        known = base is not agreed.get(field)
        if base is not ABSENT and (self._kept(codec, raw) or (known and codec.agrees(raw, base))):
            return base
        value = codec.inward_in(country)(raw) if country and codec.inward_in is not None else codec.inward(raw)
        if value is ABSENT:
            return base  # a vendor word that says nothing leaves what was agreed
        if codec.kept is not None:
            return _with_kept(codec.kept, value, base, agreed.get(field))
        return base if base is not ABSENT and codec.means(value, base) else value

    def _country(self, agreed: Mapping[str, Any]) -> str | None:
        """The record's own country, by which a phone number without a prefix is read."""
        codec = self.mapping.fields.get("country")
        try:
            own = codec.inward(self.shown(codec, agreed)) if codec is not None else None
        except ValueProblem:
            own = None
        found = own if isinstance(own, str) else agreed.get("country")
        return str(found) if found else None

    def _kept(self, codec: Codec, raw: Any) -> bool:
        """Whether the side still shows what it stored in place of what we sent."""
        pair = (self.memo.get("p") or {}).get(codec.vendor)
        return pair is not None and same_stored(pair[1], raw)

    def _observed_name(self, field: str, raw: Any, agreed: Mapping[str, Any]) -> Any:
        base = [None if v is ABSENT else v for v in (self.base(part, agreed) for part in NAME_PARTS)]
        which = NAME_PARTS.index(field)
        assert self.name_field is not None
        if not raw:
            return None
        if join_name(*base) == raw or self._kept(self.name_field, raw):
            return base[which]
        found = split_full_name(raw, agreed.get("first_name"), agreed.get("last_name"))
        if found is None:
            raise ValueProblem("SMK-NAME", "a full name that cannot be told apart into first and last name")
        return found[which]

    def dirty(self) -> set[str]:
        """Canonical fields that may differ from what was agreed; all others are settled and equal."""
        memo = self.memo
        if not memo:
            return set()
        if memo.get("n"):
            names = set(self.mapping.fields)
        else:
            names = set(memo.get("b") or ())
            names.update(memo.get("a") or ())
            seen = memo.get("s")
            if seen:
                by_vendor = self.mapping.names_by_vendor
                for vendor in seen:
                    names.update(by_vendor.get(vendor, ()))
        if "full_name" in names:
            names.discard("full_name")
            names.update(NAME_PARTS)
        return names

    # -- settling --------------------------------------------------------------------------------
    def rebase(
        self, before: Mapping[str, Any], after: Mapping[str, Any], fields: Iterable[str], taken: Mapping[str, Any]
    ) -> None:
        """Re-expresses the memo for ``fields`` after agreed moved from ``before`` to ``after``.

        ``taken`` gives the new bases: the value that was taken into the decision, or that we wrote. A
        field without an entry keeps its base.
        """
        if self.memo.get("n"):
            self._unfold_new()
        memo = self.memo
        fields = [f for f in fields if self.codec(f) is not None]
        if not memo and all(f not in taken or taken[f] == after.get(f) for f in fields):
            untaken = [f for f in fields if f not in taken and before.get(f) != after.get(f)]
            if not untaken:
                return
        bases = {f: taken[f] if f in taken else self.base(f, before) for f in fields}
        codecs = {c.vendor: c for c in (self.codec(f) for f in fields) if c is not None}
        raws = {v: self.shown(c, before) for v, c in codecs.items()}
        base, absent = dict(memo.get("b") or {}), set(memo.get("a") or ())
        for field, value in bases.items():
            base.pop(field, None)
            absent.discard(field)
            if value is ABSENT:
                absent.add(field)
            elif value != after.get(field):
                base[field] = value
        self._put("b", base)
        self._put("a", sorted(absent))
        self._put("o", [f for f in memo.get("o") or () if f not in taken])
        seen = dict(memo.get("s") or {})
        for vendor, codec in codecs.items():
            raw = raws[vendor]
            _take_out(seen, codec)
            if raw is not ABSENT and not codec.agrees(raw, wire_of(codec, after)):
                seen.update(columns(codec, raw))
        self._put("s", seen)
        self._forget_evidence()

    def settle_whole(self, after: Mapping[str, Any]) -> None:
        """Every mapped field was taken as agreed now stands: what remains is what looks different."""
        memo = self.memo
        for key in ("n", "b", "a", "o"):
            memo.pop(key, None)
        seen = memo.get("s")
        if seen is not None:
            by_vendor = self.mapping.codecs_by_vendor
            left: dict[str, Any] = {}
            for vendor in seen:
                codec = by_vendor.get(vendor)
                if codec is not None and not codec.agrees(raw := codec.raw(seen), wire_of(codec, after)):
                    left.update(columns(codec, raw))
            self._put("s", left)
            self._forget_evidence()

    def show(self, codec: Codec, raw: Any, agreed: Mapping[str, Any]) -> None:
        """The side now shows ``raw`` there by our own write: no edit, and no evidence of one."""
        seen = dict(self.memo.get("s") or {})
        _take_out(seen, codec)
        if not codec.agrees(raw, wire_of(codec, agreed)):
            seen.update(columns(codec, raw))
        self._put("s", seen)
        evidence = dict(self.memo.get("e") or {})
        evidence.pop(codec.vendor, None)
        self._put("e", evidence)
        unread = [v for v in self.memo.get("u") or () if v != codec.vendor]
        self._put("u", unread)

    def take_own(self, codec: Codec, raw: Any, agreed: Mapping[str, Any]) -> None:
        """The side shows ``raw`` by its own choice where we had nothing to send: no edit, and owed what is agreed."""
        value = codec.inward(raw)
        if value != agreed.get(codec.name):
            self._put("b", {**(self.memo.get("b") or {}), codec.name: value})

    def keep_pair(self, vendor: str, sent: Any, stored: Any) -> None:
        """Remembers that the side keeps ``stored`` where we sent ``sent``."""
        self._put("p", {**(self.memo.get("p") or {}), vendor: [sent, stored]})

    def drop_pair(self, vendor: str) -> None:
        """A foreign edit, or a newer write of ours, ended the pair."""
        pairs = dict(self.memo.get("p") or {})
        pairs.pop(vendor, None)
        self._put("p", pairs)

    def await_echo(self, vendors: Iterable[str]) -> None:
        """Written without an answer that says what was stored: the next observation tells."""
        self._put("w", sorted({*(self.memo.get("w") or ()), *vendors}))

    def heard_echo(self, vendors: Iterable[str]) -> None:
        """The stored value of these fields is known now."""
        self._put("w", sorted(set(self.memo.get("w") or ()) - set(vendors)))

    def _unfold_new(self) -> None:
        """From "nothing is settled" to the same said field by field."""
        self.memo.pop("n", None)
        self._put("a", self.names())

    def names(self) -> list[str]:
        """The canonical fields that the side carries, a full name as its parts; what is per side is left out."""
        fields = {f for f in self.mapping.fields if f not in ("full_name", *PER_SIDE)}
        if self.name_field is not None:
            fields.update(NAME_PARTS)
        return sorted(fields)

    def _forget_evidence(self) -> None:
        evidence = self.memo.get("e")
        if evidence:
            seen = self.memo.get("s") or {}
            self._put("e", {v: e for v, e in evidence.items() if v in seen})

    def _put(self, key: str, value: Any) -> None:
        if value:
            self.memo[key] = value
        else:
            self.memo.pop(key, None)


def _with_kept(words: Vocabularies, shown: Any, base: Any, agreed: Any) -> Any:
    """What a side says of a set: its base, unless words that it can hold changed; else these, and of the others what is
    agreed."""
    if base is not ABSENT and sorted(words.known(base)) == (shown or []):
        return base
    mute = set(agreed or ()).difference(words.known(agreed))
    return sorted({*(shown or ()), *mute}) if mute else shown


def columns(codec: Codec, raw: Any) -> dict[str, Any]:
    """A vendor value by its vendor fields: one, or two for an amount with its currency (a null currency is left out)."""
    if codec.currency_vendor is None:
        return {codec.vendor: raw}
    amount, unit = raw
    return {codec.vendor: amount, codec.currency_vendor: unit} if unit is not None else {codec.vendor: amount}


def same_stored(stored: Any, raw: Any) -> bool:
    """Whether a remembered vendor value is this one; pairs come back from JSON as lists."""
    return bool(stored == raw or (isinstance(raw, tuple) and stored == list(raw)))


def _take_out(seen: dict[str, Any], codec: Codec) -> None:
    seen.pop(codec.vendor, None)
    if codec.currency_vendor is not None:
        seen.pop(codec.currency_vendor, None)


def wire_of(codec: Codec, agreed: Mapping[str, Any]) -> Any:
    """The agreed value that belongs into a mapped field; a full name is joined from its parts."""
    if codec.name == "full_name":
        return join_name(agreed.get("first_name"), agreed.get("last_name"))
    return agreed.get(codec.name)
