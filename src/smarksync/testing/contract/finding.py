"""Clauses 24 to 26: looking rows up, and what became of rows that left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.plugin import Can, FieldType, Gone, GoneKind, StreamSpec

from .clause import Failed, NotTested, clause, few
from .leaving import gone_pages, leaving, left_after
from .stage import Stage
from .trouble import looks, must_fail, search_key


def _key(stage: Stage, stream: StreamSpec) -> str:
    key = search_key(stage, stream)
    if key is None:
        raise NotTested("hook", f"no example of {stream.name} fills a key that it is found by: give `example`")
    return key


def _unique(stage: Stage, stream: StreamSpec, key: str) -> bool:
    return any(info.name == key and info.unique for info in stage.describe(stream.name))


@clause(24, "find", "all matches", Can.FIND)
def all_matches(stage: Stage, stream: StreamSpec) -> None:
    """Two rows with one address are a question for a person: the first of them is no answer."""
    key = _key(stage, stream)
    rows: list[Mapping[str, Any]] = stage.rows(stream.name, 3)
    more = stage.rows(stream.name, stage.page_rows or 25)
    rows += more if _unique(stage, stream, key) else [{**row, key: rows[0][key]} for row in more]
    ids = stage.seed(stream.name, rows)
    values = list(dict.fromkeys(str(row[key]) for row in rows))
    found = {r.id for r in stage.connector.find(stream.name, key, values, fields=(key,))}
    if lost := set(ids) - found:
        raise Failed(
            f"{len(ids)} rows of {stream.name} have one of {len(values)} values of {key}; find leaves out {few(lost)}."
        )
    if strange := found - set(ids):
        raise Failed(f"find shows {few(strange)} of {stream.name}, whose {key} is none of those asked for.")
    none = [r.id for r in stage.connector.find(stream.name, key, ["nobody@conformance.example.com"], fields=(key,))]
    if none:
        raise Failed(f"find shows {few(none)} of {stream.name} for a value of {key} that nobody has.")
    if Can.FETCH in stream.can and (lost := set(ids) - stage.look(stream.name, ids, (key,)).keys()):
        raise Failed(f"Asked for {len(ids)} ids of {stream.name}, fetch leaves out {few(lost)}.")
    for what, call in looks(stage, stream, ids[0], values[0], frozenset({Can.FIND, Can.FETCH})):
        must_fail(stage, what, call)


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
    for happen in (_deleted, _never_asked, _merged, _converted):
        with stage.without():
            happen(stage, stream)
            tested += 1
    if not tested:
        raise NotTested("hook", "none of the hooks `delete`, `merge` and `convert`")


def _deleted(stage: Stage, stream: StreamSpec) -> None:
    alive = stage.seeded(stream.name, 2)
    ids = stage.seeded(stream.name, stage.page_rows or 25)

    def leave() -> None:
        for number, id in enumerate(ids):
            stage.delete(stream.name, id)
            if number % (len(ids) // 3 + 1) == 0:
                stage.age(stream.name)
        stage.age(stream.name)

    pages = leaving(stage, stream, leave)
    left = {gone.id: gone for rows, _ in pages for gone in rows}
    for id in ids:
        told = left.get(id)
        if told is None or told.kind is not GoneKind.DELETED or told.into:
            raise Failed(f"A deleted row of {stream.name}, one of {len(ids)}, is told as {_words(told)}.")
    if living := left.keys() & (set(alive) | stage.ids(stream.name)):
        raise Failed(
            f"gone names {few(living)} of {stream.name}, and a read still shows them: they would be taken out."
        )
    so_far: set[str] = set()
    for number, (rows, cursor) in enumerate(pages[:3]):
        so_far |= {gone.id for gone in rows}
        rest = {gone.id for later, _ in gone_pages(stage, stream, cursor) for gone in later}
        if lost := set(ids) - so_far - rest:
            raise Failed(
                f"Resumed from the cursor of page {number + 1}, gone leaves out {len(lost)} of {len(ids)} deleted rows of "
                f"{stream.name}, such as {few(lost)}."
            )
    for what, call in looks(stage, stream, ids[0], only=frozenset({Can.GONE})):
        must_fail(stage, what, call)


def _never_asked(stage: Stage, stream: StreamSpec) -> None:
    """A run may read rows and die before it asks for the first time what left."""
    (id,) = stage.seeded(stream.name, 1)
    stage.ids(stream.name)
    stage.delete(stream.name, id)
    stage.age(stream.name)
    stage.pass_time(1)
    stage.connector = stage.contained()
    if not any(gone.id == id for rows, _ in gone_pages(stage, stream, None) for gone in rows):
        raise Failed(
            f"Without a cursor, gone does not name a row of {stream.name} that left a moment ago. A run that read it may have "
            "died before it asked: in a session that did not begin to read at the beginning, tell what left in the last days."
        )


def _merged(stage: Stage, stream: StreamSpec) -> None:
    winner, loser = stage.seeded(stream.name, 2)
    stays: list[str] = []
    left = left_after(stage, stream, lambda: stays.append(stage.merge(stream.name, winner, loser)))
    told = next((gone for gone in left if gone.id == loser), None)
    if told is None or told.kind is not GoneKind.MERGED or told.into != stays[0]:
        raise Failed(f"A row of {stream.name} merged into {stays[0]} is told as {_words(told)}.")


def _converted(stage: Stage, stream: StreamSpec) -> None:
    (id,) = stage.seeded(stream.name, 1)
    became: list[tuple[str, str]] = []
    left = left_after(stage, stream, lambda: became.append(stage.convert(stream.name, id)))
    told = next((gone for gone in left if gone.id == id), None)
    to, into = became[0]
    if told is None or told.kind is not GoneKind.CONVERTED or told.into != into or told.into_stream != to:
        raise Failed(f"A row of {stream.name} converted to {to} {into} is told as {_words(told)}.")


def _words(told: Gone | None) -> str:
    if told is None:
        return "nothing"
    return f"{told.kind}" + (f" into {told.into_stream or ''} {told.into}" if told.into else "")
