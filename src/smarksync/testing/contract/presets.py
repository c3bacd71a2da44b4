"""The preset mapping that a connector brings, compiled as runs compile it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from smarksync.engine.registry import Registry
from smarksync.errors import ConfigError
from smarksync.mapping import CompiledMapping, ObjectMapping, catalogue, compile_mapping, load_preset
from smarksync.model import ENTITIES
from smarksync.plugin import StreamSpec, Transform

from .stage import Stage


def preset_streams(stage: Stage) -> Mapping[str, ObjectMapping]:
    """{object: its mapping}; {} without a preset. Raises ConfigError where it cannot be read."""
    return load_preset(stage.spec.preset, f"{stage.spec.name} preset").streams if stage.spec.preset else {}


def compiled(stage: Stage, stream: StreamSpec, written: ObjectMapping) -> CompiledMapping:
    """A stream's mapping against what the system shows. Raises ConfigError where something of it does not fit."""
    live, entity = stage.describe(stream.name), ENTITIES[written.entity]
    return compile_mapping(stage.spec.name, stream, written, live, entity, transforms=_transforms(stage))


def _transforms(stage: Stage) -> Mapping[str, Transform]:
    """SmarkSync's own, and those of the connector's plugin where that is installed."""
    registry = Registry()
    with suppress(ConfigError):
        registry.spec(stage.spec.name)
    return catalogue(registry.transforms())
