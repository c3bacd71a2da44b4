"""Clauses 5 to 14: reading. No row is lost, whatever the vendor's pages look like; values come as the vendor has them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from smarksync.plugin import Can, Cursor, FieldType, Page, StreamSpec

from .clause import Failed, NotTested, clause, few
from .consent import opt_outs_arrive
from .leaving import left_after
from .roundtrip import types_come_back
from .stage import Stage
from .trouble import DOWN, NOT_THERE, NOTHING, WEB_PAGE, must_fail

_FEW = 3


def _missing(stream: StreamSpec, wanted: list[str], shown: set[str], where: str) -> None:
    lost = [id for id in wanted if id not in shown]
    if lost:
        raise Failed(f"{where}: {len(lost)} of {len(wanted)} rows of {stream.name} are not shown, such as {few(lost)}.")


def _follow(stage: Stage, stream: StreamSpec, cursor: Cursor | None, wanted: list[str], where: str) -> None:
    """Fails unless the next reads show them: one at once, more while the overlap passes (vendors index late)."""
    shown: set[str] = set()
    for _ in range(5):
        pages = stage.pages(stream.name, cursor=cursor)
        shown |= {record.id for page in pages for record in page.records}
        if shown.issuperset(wanted) or not stream.overlap:
            break
        cursor = pages[-1].cursor if pages else cursor
        stage.pass_time(stream.overlap.total_seconds() / 4)
    _missing(stream, wanted, shown, where)


def _many(stage: Stage, stream: StreamSpec) -> tuple[list[str], list[Page]]:
    """Rows for three pages, entered over more time than the overlap, and how they are read."""
    ids = stage.spaced(stream.name, 2 * (stage.page_rows or 25))
    return ids, _paged(stage, stream, ids, "A full read of several pages")


def _paged(stage: Stage, stream: StreamSpec, ids: list[str], where: str) -> list[Page]:
    pages = stage.pages(stream.name)
    _missing(stream, ids, {record.id for page in pages for record in page.records}, where)
    if len([page for page in pages if page.records]) < 2:
        raise NotTested("hook", f"{len(ids)} rows of {stream.name} came in one page: give more as `page_rows`")
    return pages


@clause(5, "read", "pages end")
def pages_end(stage: Stage, stream: StreamSpec) -> None:
    """A full read, an incremental one and one with nothing new: the last page says so, and no page comes behind it."""
    stage.seeded(stream.name, _FEW)
    cursor = None
    for what in ("A full read", "A read from its last cursor", "A read from that one's last cursor"):
        pages = stage.pages(stream.name, cursor=cursor)
        for number, page in enumerate(pages):
            last = number == len(pages) - 1
            if page.more is last:
                said = "no page follows" if last else "another page follows"
                raise Failed(f"{what} of {stream.name}: page {number + 1} says more={page.more}, and {said}.")
        cursor = pages[-1].cursor if pages else cursor
    for answer in (DOWN, NOT_THERE, WEB_PAGE, NOTHING):
        must_fail(stage, "A read", lambda: stage.pages(stream.name), answer)


@clause(6, "read", "empty page with more continues")
def empty_page_continues(stage: Stage, stream: StreamSpec) -> None:
    """Some vendors answer empty pages in mid-read: they are not the end."""
    stage.empty_pages(stream.name)
    ids = stage.seeded(stream.name, stage.page_rows or 25)
    _paged(stage, stream, ids, "A read with an empty page in it")


@clause(7, "read", "resume from a cursor has no gap")
def resume_has_no_gap(stage: Stage, stream: StreamSpec) -> None:
    """A run may die after any page: the next one goes on from that page's cursor, and nothing falls between."""
    ids, pages = _many(stage, stream)
    shown: set[str] = set()
    for number, page in enumerate(pages[: _FEW + 1]):
        shown |= {record.id for record in page.records}
        rest = stage.ids(stream.name, cursor=page.cursor, connector=stage.contained())
        _missing(stream, ids, shown | rest, f"Resumed from the cursor of page {number + 1}")
    _breaks_off(stage, stream)


def _breaks_off(stage: Stage, stream: StreamSpec) -> None:
    """What fails behind the first page is a failure, too."""
    pages = stage.connector.read(stream.name, cursor=None, until=None, fields=stage.asked(stream.name))
    if next(pages).more:
        must_fail(stage, "A read that breaks off behind its first page", lambda: list(pages))


@clause(8, "read", "overlap re-delivers, never loses")
def overlap_never_loses(stage: Stage, stream: StreamSpec) -> None:
    """What changes at the very time of the cursor, or shows up late, is in the next read."""
    old = stage.seeded(stream.name, _FEW)
    stage.age(stream.name, 0.5)  # a clock that stood still would hide a read that does not look back
    pages = stage.pages(stream.name)
    _missing(stream, old, {r.id for page in pages for r in page.records}, "A full read")
    cursor = pages[-1].cursor
    newest = max(
        (r.changed_at for page in pages for r in page.records if r.changed_at and r.changed_at.tzinfo), default=None
    )
    if stream.overlap and newest and not stream.full_scan and stage.server_now() - newest < stream.overlap:
        last = [r.id for page in pages for r in page.records if r.changed_at == newest]
        _follow(stage, stream, cursor, last, f"Within the overlap of {stream.overlap}")
    with stage.without():  # the rest of the clause says something without it
        late = stage.late(stream.name, stage.rows(stream.name, 1)[0])
        _follow(stage, stream, cursor, [late], "A row shown late, in the next read")
    new = stage.seeded(stream.name, 1)
    _follow(stage, stream, cursor, new, "A row entered right after a read, in the next read")
    if stream.full_scan:
        stage.age(stream.name)
        whole = stage.ids(stream.name, cursor=stage.last_cursor(stream.name))
        _missing(stream, [*old, *new], whole, "It declares full_scan, so that whoever is not shown counts as deleted; a "
                 "read from its last cursor")  # fmt: skip


@clause(9, "read", "more rows than a page at one timestamp")
def more_than_a_page_at_one_time(stage: Stage, stream: StreamSpec) -> None:
    """Imports stamp thousands of rows alike: a cursor of time alone loses them or turns in a circle."""
    before = stage.last_cursor(stream.name)
    ids = stage.same_time(stream.name, stage.rows(stream.name, stage.page_rows or 25))
    pages = _paged(stage, stream, ids, "A full read of rows with one time")
    ours = set(ids)
    # without zones: whether times have one is another clause's business
    times = {
        r.changed_at.replace(tzinfo=None) if r.changed_at else None
        for page in pages
        for r in page.records
        if r.id in ours
    }
    if len(times) > 1:
        raise NotTested("hook", f"{len(ids)} rows got {len(times)} times: give `same_time`")
    _missing(stream, ids, stage.ids(stream.name, cursor=before), "An incremental read of rows with one time")
    shown = {record.id for record in pages[0].records}
    rest = stage.ids(stream.name, cursor=pages[0].cursor, connector=stage.contained())
    _missing(stream, ids, shown | rest, "Resumed amid rows with one time")


@clause(10, "read", "ids unique")
def ids_unique(stage: Stage, stream: StreamSpec) -> None:
    """One row, one id, once in a full read of a quiet system."""
    stage.seeded(stream.name, max(stage.page_rows if stage.page_rows <= 250 else 0, _FEW))
    records = stage.records(stream.name)
    if blank := [r for r in records if not isinstance(r.id, str) or not r.id]:
        raise Failed(f"A row of {stream.name} has the id {blank[0].id!r}.")
    seen: set[str] = set()
    twice = {r.id for r in records if r.id in seen or seen.add(r.id)}  # type: ignore[func-returns-value]
    if twice:
        raise Failed(f"A full read of {stream.name} shows {few(twice)} more than once.")


@clause(11, "read", "only asked fields")
def only_asked_fields(stage: Stage, stream: StreamSpec) -> None:
    """A row holds the fields that were asked for: not more, and those that it has, even when empty."""
    row, empty = stage.rows(stream.name, 1)[0], stage.texts(stream.name)[0]
    (id,) = stage.seed(stream.name, [{name: value for name, value in row.items() if name != empty}])
    names = stage.asked(stream.name)
    for asked in (names[:1], names, ()):
        for record in stage.records(stream.name, fields=asked):
            if more := set(record.fields) - set(asked):
                raise Failed(f"Asked for {few(asked) or 'no field'}, {stream.name} also shows {few(more)}.")
            if record.id == id and (less := set(asked) - set(record.fields)):
                raise Failed(
                    f"Asked for {few(asked)}, {stream.name} leaves out {few(less)} of a row where {empty} is empty: "
                    "a name that is left out was not read; None was read, and is empty."
                )


@clause(12, "read", "times aware, UTC")
def times_aware_utc(stage: Stage, stream: StreamSpec) -> None:
    """All times say their zone, and it is UTC: two systems' times are compared."""
    ids = stage.seeded(stream.name, _FEW)
    for record in stage.records(stream.name):
        _aware(record.changed_at, f"{stream.name} {record.id}: changed_at")
        for name, steps in (record.history or {}).items():
            for step in steps:
                _aware(step.at, f"{stream.name} {record.id}: the history of {name}")
    _aware(stage.server_now(), "server_time")
    if not stage.answered and Can.CREATE in stream.can:
        stage.create(stream.name, stage.rows(stream.name, 1))
    if Can.UPDATE in stream.can:
        stage.update(stream.name, ids[0], {stage.texts(stream.name)[0]: "Changed"})
    for _, receipt in stage.answered:
        _aware(receipt.changed_at, f"A receipt of {stream.name} ({receipt.result}): changed_at")
    if Can.GONE in stream.can:
        with stage.without():
            for gone in left_after(stage, stream, lambda: stage.delete(stream.name, ids[1])):
                _aware(gone.at, f"What gone tells of {stream.name} {gone.id}: at")


def _aware(time: datetime | None, what: str) -> None:
    if time is not None and time.utcoffset() != timedelta(0):
        zone = "no zone" if time.tzinfo is None else f"the offset {time.utcoffset()}"
        raise Failed(f"{what} has {zone}.")


@clause(13, "read", "`until` respected")
def until_respected(stage: Stage, stream: StreamSpec) -> None:
    """All systems are read up to one moment; what comes later waits for the next run, and is in it."""
    if stream.full_scan:
        raise NotTested("ability", f"{stream.name} is read whole every time")
    old = stage.seeded(stream.name, 2)
    stage.pass_time(1)  # many systems tell their time in whole seconds, and stamp rows more finely
    until = stage.server_now()
    stage.pass_time(3600)
    new = stage.seeded(stream.name, 2)
    stage.age(stream.name)
    pages = stage.pages(stream.name, until=until)
    shown = {record.id for page in pages for record in page.records}
    if lost := set(old) - shown:
        stamps = [r.changed_at.isoformat() for r in stage.records(stream.name) if r.id in lost and r.changed_at]
        _missing(
            stream, old, shown, f"A read with until={until.isoformat()}, rows stamped {few(stamps) or 'with no time'}"
        )
    if early := shown & set(new):
        raise Failed(f"A read of {stream.name} up to a moment shows {few(early)}, entered an hour after it.")
    _follow(stage, stream, pages[-1].cursor, new, "What came behind `until`, in the next read")


@clause(14, "read", "values untouched")
def values_untouched(stage: Stage, stream: StreamSpec) -> None:
    """Values come as the vendor has them: cleaning, folding and translating are a mapping's work."""
    infos = {info.name: info for info in stage.describe(stream.name)}
    first, second = stage.texts(stream.name)[:2]
    wanted: dict[str, Any] = dict(stage.rows(stream.name, 1)[0]) | {first: "McÉl  d'Arc (Ünit-7)", second: "0"}
    (id,) = stage.seed(stream.name, [wanted])
    shown = stage.values(stream.name, id, tuple(wanted))
    for name, value in wanted.items():
        info = infos.get(name)
        plain = info is not None and info.type is FieldType.TEXT and info.choices is None
        if isinstance(value, str) and plain and shown.get(name) != value:
            raise Failed(f"{stream.name}: {name} was entered as {value!r} and is shown as {shown.get(name)!r}.")
    types_come_back(stage, stream)
    with stage.without():
        opt_outs_arrive(stage, stream)
