"""Clauses 24 to 26: looking rows up, and what became of rows that left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from smarksync.plugin import Can, FieldType, Gone, GoneKind, StreamSpec

from .clause import Failed, NotTested, clause, few
from .stage import Stage


def _key(stage: Stage, stream: StreamSpec) -> str:
    """A field that `find` takes and that examples fill."""
    names = stage.asked(stream.name)
    keys = [key for key in stream.natural_keys if key in names]
    keys += [name for name in (stream.email_field,) if name and name in names and not stream.natural_keys]
    keys += [name for name in names if "mail" in name.lower() and not stream.natural_keys]
    if not keys:
        raise NotTested("hook", f"no example of {stream.name} fills a key that it is found by: give `example`")
    return keys[0]


def _unique(stage: Stage, stream: StreamSpec, key: str) -> bool:
    return any(info.name == key and info.unique for info in stage.describe(stream.name))


@clause(24, "find", "all matches", Can.FIND)
def all_matches(stage: Stage, stream: StreamSpec) -> None:
    """Two rows with one address are a question for a person: the first of them is no answer."""
    key = _key(stage, stream)
    rows: list[Mapping[str, Any]] = stage.rows(stream.name, 3)
    if not _unique(stage, stream, key):
        rows.append({**stage.rows(stream.name, 1)[0], key: rows[0][key]})
    ids = stage.seed(stream.name, rows)
    values = [str(row[key]) for row in rows[:3]]
    found = {r.id for r in stage.connector.find(stream.name, key, values, fields=(key,))}
    if lost := set(ids) - found:
        raise Failed(
            f"{len(ids)} rows of {stream.name} have one of three values of {key}; find leaves out {few(lost)}."
        )
    if strange := found - set(ids):
        raise Failed(f"find shows {few(strange)} of {stream.name}, whose {key} is none of those asked for.")
    none = [r.id for r in stage.connector.find(stream.name, key, ["nobody@conformance.example.com"], fields=(key,))]
    if none:
        raise Failed(f"find shows {few(none)} of {stream.name} for a value of {key} that nobody has.")


@clause(25, "find", "case and space of keys", Can.FIND)
def case_and_space_of_keys(stage: Stage, stream: StreamSpec) -> None:
    """An address is the same however it was typed: else a second person is created."""
    key = _key(stage, stream)
    kind = next((info.type for info in stage.describe(stream.name) if info.name == key), FieldType.TEXT)
    if kind is not FieldType.EMAIL and "mail" not in key.lower():
        raise NotTested("trait", f"the key {key} of {stream.name} is no address")
    (row,) = stage.rows(stream.name, 1)
    (id,) = stage.seed(stream.name, [row])
    typed = f" {str(row[key]).upper()} "
    for value in (str(row[key]).upper(), typed):
        if id not in {r.id for r in stage.connector.find(stream.name, key, [value], fields=(key,))}:
            raise Failed(f"{stream.name} has {row[key]!r} as its {key}; find does not show it for {value!r}.")


@clause(26, "find", "merges and conversions mapped", Can.GONE)
def merges_and_conversions_mapped(stage: Stage, stream: StreamSpec) -> None:
    """A merged row is not a deleted one: its person lives on under another id."""
    tested = 0
    for happen in (_deleted, _merged, _converted):
        with stage.without():
            happen(stage, stream)
            tested += 1
    if not tested:
        raise NotTested("hook", "none of the hooks `delete`, `merge` and `convert`")


def _deleted(stage: Stage, stream: StreamSpec) -> None:
    (id,) = stage.seeded(stream.name, 1)
    with _left(stage, stream) as left:
        stage.delete(stream.name, id)
    told = left.get(id)
    if told is None or told.kind is not GoneKind.DELETED or told.into:
        raise Failed(f"A deleted row of {stream.name} is told as {_words(told)}.")


def _merged(stage: Stage, stream: StreamSpec) -> None:
    winner, loser = stage.seeded(stream.name, 2)
    with _left(stage, stream) as left:
        stays = stage.merge(stream.name, winner, loser)
    told = left.get(loser)
    if told is None or told.kind is not GoneKind.MERGED or told.into != stays:
        raise Failed(f"A row of {stream.name} merged into {stays} is told as {_words(told)}.")


def _converted(stage: Stage, stream: StreamSpec) -> None:
    (id,) = stage.seeded(stream.name, 1)
    with _left(stage, stream) as left:
        to, into = stage.convert(stream.name, id)
    told = left.get(id)
    if told is None or told.kind is not GoneKind.CONVERTED or told.into != into or told.into_stream != to:
        raise Failed(f"A row of {stream.name} converted to {to} {into} is told as {_words(told)}.")


class _left:
    """Which rows left while something happened, by id; filled when it is over."""

    def __init__(self, stage: Stage, stream: StreamSpec) -> None:
        self._stage, self._stream = stage, stream
        self._found: dict[str, Gone] = {}

    def __enter__(self) -> dict[str, Gone]:
        self._cursor = None
        for _, cursor in self._gone():
            self._cursor = cursor
        return self._found

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._stage.pass_time(1)
            for rows, _ in self._gone():
                self._found.update((gone.id, gone) for gone in rows)

    def _gone(self) -> Iterator[tuple[tuple[Gone, ...], Any]]:
        found: Iterator[tuple[tuple[Gone, ...], Any]] = self._stage.connector.gone(
            self._stream.name, cursor=self._cursor, until=None
        )
        return found


def _words(told: Gone | None) -> str:
    if told is None:
        return "nothing"
    return f"{told.kind}" + (f" into {told.into_stream or ''} {told.into}" if told.into else "")
