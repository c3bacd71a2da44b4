"""The declaration of one simulated stream: what it can do, and in which ways it keeps something else than was sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from smarksync.plugin import Can, FieldInfo, FieldType, StreamSpec

from .memory_rows import CountingSink, GeneratedRows

#: Everything a simulated stream can do unless it declares less.
EVERYTHING = frozenset(Can)

_MICROSECOND = timedelta(microseconds=1)


class Refused(ValueError):
    """The vendor refuses a value or a row: ``code``, the ``field`` at fault, ids that it duplicates."""

    def __init__(self, message: str, code: str, field: str | None = None, duplicate_of: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.duplicate_of = duplicate_of


@dataclass(slots=True)
class MemoryStream:
    """One stream and the vendor's behaviour. Every switch may be turned while a test runs.

    ``fields``: the live schema; names alone stand for text fields. ``FieldInfo.unique`` is enforced
    (SMK-DUPLICATE), ``writable`` and ``required`` too. ``folds``: field → {value sent: value kept}.
    ``echo``: "all" fields, those that were "sent", "some" of them (every second, by name), or "none"
    (then no ``changed_at`` either). ``late``: how long a change stays invisible to ``read`` (and to
    ``find`` with ``late_find``). ``overlap`` None = what ``late`` and ``resolution`` ask for.
    ``empty_every`` n: after every n-th page of a read an empty one with ``more`` true.
    ``generated`` and ``sink`` replace the rows, for runs too large to keep any.
    """

    name: str
    entity: str = "lead"
    fields: tuple[FieldInfo, ...] = ()
    can: frozenset[Can] = EVERYTHING
    natural_keys: tuple[str, ...] = ("email",)
    max_batch: int = 100
    page_size: int = 100
    overlap: timedelta | None = None
    resolution: timedelta = _MICROSECOND
    external_id: str | None = None
    email_field: str | None = "email"
    full_scan: bool = False
    subscribes_on_create: bool = False
    writes_serially: bool = False
    blank_is_null: bool = True
    late: timedelta = timedelta(0)
    late_find: bool = False
    truncates: bool = True  # cut at max_length; otherwise refused with SMK-TOO-LONG
    folds: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)  # what the vendor puts into a new row by itself
    lowers: frozenset[str] = frozenset()  # fields kept in lower case
    strips: bool = False  # outer white space is dropped
    echo: str = "all"
    ignores_read_only: bool = False  # silently, as some vendors do; otherwise refused with SMK-READ-ONLY
    restamps: bool = False  # an update that changes nothing moves the record time all the same
    hard_deletes: bool = False  # `gone` does not tell deletes (merges and conversions it does)
    tells_user: bool = True  # Record.changed_by
    tells_history: bool = False  # Record.history, for all fields
    empty_every: int = 0
    fixable: tuple[FieldInfo, ...] = ()  # fields that create_fields can make
    generated: GeneratedRows | None = None
    sink: CountingSink | None = None
    _named: dict[str, FieldInfo] = field(default_factory=dict, repr=False)
    _named_of: tuple[FieldInfo, ...] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.echo not in ("all", "sent", "some", "none"):
            raise ValueError(f"echo is all, sent, some or none, not {self.echo!r}.")
        if self.generated is not None:
            self.can &= {Can.FETCH, Can.SWEEP}

    @property
    def spec(self) -> StreamSpec:
        """What the connector declares of this stream."""
        overlap = self.overlap
        if overlap is None:
            overlap = self.late + (self.resolution if self.resolution > _MICROSECOND else timedelta(0))
        return StreamSpec(
            name=self.name,
            entity=self.entity,
            can=self.can,
            natural_keys=tuple(key for key in self.natural_keys if self.info(key)),
            max_batch=self.max_batch,
            overlap=overlap,
            resolution=self.resolution,
            writes_serially=self.writes_serially,
            blank_is_null=self.blank_is_null,
            full_scan=self.full_scan,
            subscribes_on_create=self.subscribes_on_create,
            external_id=self.external_id,
            email_field=self.email_field,
        )

    def info(self, name: str) -> FieldInfo | None:
        """The declared field of that name."""
        if self._named_of is not self.fields:
            self._named = {info.name: info for info in self.fields}
            self._named_of = self.fields
        return self._named.get(name)

    def stamp(self, time: datetime) -> datetime:
        """A record time in this stream's grain."""
        if self.resolution <= _MICROSECOND:
            return time
        epoch = datetime(1970, 1, 1, tzinfo=time.tzinfo)
        return epoch + (time - epoch) // self.resolution * self.resolution

    def keep(self, name: str, value: Any) -> Any:
        """What the vendor stores when it is sent ``value``. Raises :class:`Refused`."""
        info = self.info(name)
        if info is None:
            raise Refused(f"There is no field {name}.", "SMK-INVALID", name)
        if name in self.folds:
            try:
                value = self.folds[name].get(value, value)
            except TypeError:  # a list or a mapping folds into nothing
                pass
        if isinstance(value, str):
            if self.strips:
                value = value.strip()
            if name in self.lowers:
                value = value.lower()
            if info.max_length is not None and len(value) > info.max_length:
                if not self.truncates:
                    message = f"The value is longer than {info.max_length} characters."
                    raise Refused(message, "SMK-TOO-LONG", name)
                value = value[: info.max_length]
        if value == "" and self.blank_is_null:
            value = None
        if info.choices is not None and value is not None:
            taken = {choice.value for choice in info.choices if choice.active}
            if any(one not in taken for one in (value if isinstance(value, list) else [value])):
                raise Refused("The value is not in the pick list.", "SMK-PICKLIST", name)
        return value

    def may_write(self, names: Iterable[str], *, new: bool) -> list[str]:
        """Those of the names that a write may carry. Raises :class:`Refused` for a read-only one, and for a create-only one
        of a record that is not ``new``."""
        allowed = []
        for name in names:
            info = self.info(name)
            if info is not None and not info.writable:
                if not self.ignores_read_only:
                    raise Refused("The field is read only.", "SMK-READ-ONLY", name)
                continue
            if info is not None and info.create_only and not new:
                raise Refused("Only a new record takes the field.", "SMK-READ-ONLY", name)
            allowed.append(name)
        return allowed


def text_fields(*names: str, **others: FieldType) -> tuple[FieldInfo, ...]:
    """Declares fields quickly: text by name, other types by ``name=FieldType…``."""
    return tuple(FieldInfo(name) for name in names) + tuple(FieldInfo(name, type) for name, type in others.items())
