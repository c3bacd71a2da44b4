"""Opt-outs, written as the preset writes them: whether the system then holds what was meant. (Clause 14.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.errors import ConfigError
from smarksync.mapping import CompiledMapping
from smarksync.model import ENTITIES
from smarksync.plugin import Can, StreamSpec

from .clause import Failed
from .presets import compiled, preset_streams
from .stage import Stage

_FLAG = "email_opt_out"


def opt_outs_arrive(stage: Stage, stream: StreamSpec) -> None:
    """An opt-out that is written must opt out, and nothing else may subscribe or opt anybody out unseen.

    The hook ``opted_out`` is asked, since a connector that turns a flag round twice agrees with itself.
    """
    mapping = _mapping(stage, stream)
    if mapping is None or not stream.can >= {Can.CREATE, Can.UPDATE}:
        return
    vendor = mapping.fields[_FLAG].vendor
    (id,) = stage.create(stream.name, [_plain(stage, stream, vendor)])
    if stage.opted_out(stream.name, id) is False and not stream.subscribes_on_create:
        raise Failed(
            f"A new row of {stream.name} that nobody said anything of is subscribed: declare subscribes_on_create, so that "
            "new rows say otherwise."
        )
    stage.update(stream.name, id, _sent(mapping, True))
    _holds(stage, stream, mapping, id, True)
    (id,) = stage.create(stream.name, [{**_plain(stage, stream, vendor), **_sent(mapping, False)}])
    _holds(stage, stream, mapping, id, False)


def _plain(stage: Stage, stream: StreamSpec, vendor: str) -> Mapping[str, Any]:
    """A new row that says nothing of mailings."""
    return {name: value for name, value in stage.rows(stream.name, 1)[0].items() if name != vendor}


def _mapping(stage: Stage, stream: StreamSpec) -> CompiledMapping | None:
    """The preset of that stream, where it writes opt-outs; whether it can be compiled is another clause's question."""
    try:
        written = preset_streams(stage).get(stream.name)
        if written is None or _FLAG not in written.fields or written.entity not in ENTITIES:
            return None
        mapping = compiled(stage, stream, written)
    except ConfigError:
        return None
    return mapping if _FLAG in mapping.fields and mapping.fields[_FLAG].write else None


def _sent(mapping: CompiledMapping, out: bool) -> Mapping[str, Any]:
    row, problems = mapping.outward_row({_FLAG: out}, [_FLAG])
    if problems:
        raise Failed(f"The preset cannot write {_FLAG}: {str(out).lower()}: {problems[0].message}")
    return row


def _holds(stage: Stage, stream: StreamSpec, mapping: CompiledMapping, id: str, out: bool) -> None:
    """Fails unless the system holds the opt-out, or holds none, and the row is read as it is."""
    sent = _sent(mapping, out)
    told = f"{_FLAG}: {str(out).lower()} of {stream.name}, which the preset writes as {sent}"
    held = stage.opted_out(stream.name, id)
    if (held is True) is not out:
        raise Failed(
            f"{told}, {'opts nobody out' if out else 'opts out'} in the system: preset or connector turn it round."
        )
    shown = stage.look(stream.name, [id], tuple(sent)).get(id, {})
    read, _ = mapping.inward_row(shown)
    if (read.get(_FLAG) is True) is not out:
        raise Failed(f"{told}, is kept by the system and read back as {read.get(_FLAG)} from {dict(shown)}.")
