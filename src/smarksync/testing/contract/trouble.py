"""Calls that only look, and what they owe when they fail: an error. An empty answer would be taken for the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from smarksync.errors import SystemFailure
from smarksync.plugin import Can, Explains, StreamSpec

from .clause import Failed
from .leaving import gone_pages
from .stage import Stage
from .tap import Answer

Call = Callable[[], object]

_NOBODY = "nobody@conformance.example.com"
DOWN = Answer(500, {"message": "Something went wrong on our side."})
#: of a single row that may be an answer; of a list of rows it says that the path is wrong, or the object not ours to see
NOT_THERE = Answer(404, {"message": "There is no such thing."})
#: what a gateway or a maintenance notice says, as if all were well
WEB_PAGE = Answer(200, "<html><body>We will be back soon.</body></html>", {"Content-Type": "text/html"})
#: a list of no rows says so; an answer that has no list in it says nothing
NOTHING = Answer(200, {})


def search_key(stage: Stage, stream: StreamSpec) -> str | None:
    """A field that `find` takes and that examples fill, or None."""
    names = stage.asked(stream.name)
    keys = [key for key in stream.natural_keys if key in names]
    keys += [name for name in (stream.email_field,) if name and name in names and not stream.natural_keys]
    keys += [name for name in names if "mail" in name.lower() and not stream.natural_keys]
    return keys[0] if keys else None


def looks(
    stage: Stage, stream: StreamSpec, id: str, value: str = _NOBODY, only: frozenset[Can] | None = None
) -> Iterator[tuple[str, Call]]:
    """(what, call) of everything that the connector can ask about a stream: that row, that value of a key. ``only``:
    nothing but what these abilities are for."""
    can = stream.can if only is None else stream.can & only
    connector, name, names = stage.connector, stream.name, stage.asked(stream.name)
    if only is None:
        yield "a read", lambda: stage.pages(name)
    if Can.FIND in can and (key := search_key(stage, stream)):
        yield "find", lambda: list(connector.find(name, key, [value], fields=(key,)))
    if Can.FETCH in can:
        yield "fetch", lambda: list(connector.fetch(name, [id], fields=names))
    if Can.GONE in can:
        told = gone_pages(stage, stream, None)
        cursor = told[-1][1] if told else None
        yield "gone", lambda: gone_pages(stage, stream, cursor)
    if Can.SWEEP in can:
        yield "ids", lambda: list(connector.ids(name))
    if only is None and isinstance(connector, Explains):
        yield "whereabouts", lambda: list(connector.whereabouts(name, [id]))


def must_fail(
    stage: Stage, what: str, call: Call, answer: Answer = DOWN, kind: type[SystemFailure] = SystemFailure
) -> None:
    """Fails unless a call ends in such an error when the system answers nothing else. A call that asks nothing may end
    as it likes."""
    if not stage.speaks_http:
        return
    plan = stage.tap.plan("answer", times=None, answer=answer)
    try:
        failure = stage.failure(call)
    finally:
        stage.tap.calm()
    if plan.hits and not isinstance(failure, kind):
        told = type(failure).__name__ if failure else "as if nothing were wrong"
        raise Failed(
            f"{what[0].upper()}{what[1:]} that is answered {answer.status} ends {'in ' if failure else ''}{told}; it "
            f"should end in {'the error that the client raises' if kind is SystemFailure else kind.__name__}."
        )
