"""Clauses 1 to 4 and 32: what a connector says of itself, and its preset of the system."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from smarksync.errors import ConfigError
from smarksync.mapping.lint import nearest
from smarksync.model import ENTITIES
from smarksync.plugin import (
    SUPPORTED_CONTRACTS,
    Can,
    Connector,
    Fetches,
    Finds,
    Fixes,
    StreamSpec,
    Sweeps,
    TellsGone,
    Writes,
)

from .clause import Failed, NotTested, clause, few
from .presets import compiled, preset_streams
from .stage import Stage

_PROTOCOLS: tuple[tuple[type, frozenset[Can]], ...] = (
    (Writes, frozenset({Can.CREATE, Can.UPDATE, Can.ARCHIVE, Can.DELETE, Can.ASSOCIATE})),
    (Finds, frozenset({Can.FIND})),
    (Fetches, frozenset({Can.FETCH})),
    (TellsGone, frozenset({Can.GONE})),
    (Sweeps, frozenset({Can.SWEEP})),
)


#: what the names of fields contain that accounts get from `check --fix` or by hand
_OURS = "smarksync"


@clause(1, "spec", "contract supported", each=False)
def contract_supported(stage: Stage, stream: StreamSpec) -> None:
    """The connector was written for a contract that this SmarkSync knows."""
    if stage.spec.contract not in SUPPORTED_CONTRACTS:
        raise Failed(f"It was written for contract {stage.spec.contract}; known: {few(sorted(SUPPORTED_CONTRACTS))}.")


@clause(2, "spec", "abilities match protocols", each=False)
def abilities_match_protocols(stage: Stage, stream: StreamSpec) -> None:
    """What streams declare is implemented, and what is implemented some stream declares."""
    if not isinstance(stage.connector, Connector):
        raise Failed("It lacks one of check, describe, read and close.")
    streams = stage.all_streams()
    declared = frozenset(can for one in streams for can in one.can)
    for protocol, abilities in _PROTOCOLS:
        has = isinstance(stage.connector, protocol)
        claimed = abilities & declared
        if claimed and not has:
            raise Failed(f"A stream declares {few(claimed)}, and the connector is no {protocol.__name__}.")
        if has and not claimed:
            raise Failed(f"The connector is a {protocol.__name__}, and no stream declares {few(abilities)}.")
    for one in streams:
        if Can.UPSERT_BY_KEY in one.can and Can.CREATE not in one.can:
            raise Failed(f"{one.name} declares upsert_by_key without create.")
        if Can.CONDITIONAL in one.can and not one.can & {Can.UPDATE, Can.DELETE, Can.ARCHIVE}:
            raise Failed(f"{one.name} declares conditional, and nothing that could be.")
        if one.max_batch < 1:
            raise Failed(f"{one.name} takes {one.max_batch} rows a batch.")


@clause(3, "spec", "settings refuse unknown keys", each=False)
def settings_refuse_unknown_keys(stage: Stage, stream: StreamSpec) -> None:
    """A misspelt key in a config is an error, not a silence; and the error repeats no value."""
    word = "surely_no_setting"
    try:
        stage.spec.settings.model_validate({**stage.given, word: "and-its-value"})
    except ValidationError as refused:
        if not any(word in error["loc"] for error in refused.errors()):
            raise Failed("The settings that the suite gives are refused for another reason.") from None
        return
    raise Failed(f"Settings with the unknown key {word!r} are taken.")


@clause(4, "spec", "building does no I/O", each=False)
def building_does_no_io(stage: Stage, stream: StreamSpec) -> None:
    """`plan` and `check` open connectors of systems that may be down: opening must not ask them."""
    stage.open()  # whatever it imports is imported now
    mark = stage.tap.mark()
    with _watched() as seen:
        stage.open()
    if asked := stage.tap.since(mark):
        raise Failed(f"Opening sent {len(asked)} requests, the first to {asked[0].path}.")
    if seen:
        raise Failed(f"Opening did I/O: {few(seen)}.")


@clause(32, "spec", "preset fits the live schema", each=False)
def preset_fits(stage: Stage, stream: StreamSpec) -> None:
    """Objects, entities, canonical fields, value tables and transforms of the preset are such as there are."""
    if not stage.spec.preset:
        raise NotTested("trait", "it brings no preset")
    try:
        streams = {one.name: one for one in stage.all_streams()}
        for name, mapping in preset_streams(stage).items():
            if name not in streams:
                raise Failed(f"{mapping.place}: there is no object {name}{nearest(name, streams)}.")
            if mapping.entity not in ENTITIES:
                raise Failed(
                    f"{mapping.place}: there is no entity {mapping.entity}{nearest(mapping.entity, ENTITIES)}."
                )
            shown = {info.name for info in stage.describe(name)}
            inactive = compiled(stage, streams[name], mapping).inactive
            lacking = [one for one in inactive if one.vendor not in shown and _OURS not in one.vendor.lower()]
            fixer = stage.connector
            if lacking and isinstance(fixer, Fixes):  # as `check --fix` does
                fixer.create_fields(name, [one.vendor for one in lacking])
                shown = {info.name for info in stage.connector.describe(name)}
            for one in lacking:
                if one.vendor not in shown:
                    where = mapping.fields[one.name].place
                    raise Failed(f"{where}: {one.name}: {name} has no field {one.vendor}{nearest(one.vendor, shown)}.")
    except ConfigError as wrong:
        raise Failed(f"{wrong}") from None


_EVENTS = (
    "socket.connect",
    "socket.getaddrinfo",
    "open",
    "os.listdir",
    "os.scandir",
    "subprocess.Popen",
    "sqlite3.connect",
)
_watching = threading.local()
_hooked: list[bool] = []


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Lists what this thread does to files and sockets. An audit hook stays for good, so there is one, mostly idle."""
    if not _hooked:
        _hooked.append(True)
        sys.addaudithook(_hook)
    seen: list[str] = []
    _watching.seen = seen
    try:
        yield seen
    finally:
        _watching.seen = None


def _hook(event: str, args: tuple[Any, ...]) -> None:
    seen = getattr(_watching, "seen", None)
    if seen is not None and event in _EVENTS and not str(args[0]).endswith((".py", ".pyc")):
        seen.append(f"{event} {args[0]}" if event != "socket.connect" else event)
