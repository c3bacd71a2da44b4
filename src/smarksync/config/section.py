"""The base of every part of a config: strict, immutable, and aware of where it was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, PrivateAttr

from smarksync.errors import ConfigError

from .problems import Path, Place, Problem, stop


class Section(BaseModel):
    """A map in the config. Unknown keys are errors; text is never taken for a number or the other way round."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True, populate_by_name=True
    )

    #: the field whose entries stand in the section itself
    inline: ClassVar[str] = ""

    _path: Path = PrivateAttr(default=())
    _places: Mapping[Path, Place] = PrivateAttr(default_factory=dict)

    @property
    def path(self) -> Path:
        """The way to this section from the top of the config."""
        return self._path

    @property
    def key(self) -> str:
        """The key under which this section stands."""
        return str(self._path[-1]) if self._path else ""

    def place(self, *path: str | int) -> Place:
        """Where this section, or what stands in it at ``path``, was written.

        What was left out answers with the nearest part that was written.
        """
        return nearest_place(self._places, (*self._path, *path))

    def problem(self, message: str, hint: str = "", *, at: Path = ()) -> Problem:
        """A problem of this section, or of what stands in it at ``at``."""
        return Problem(self.place(*at), message, hint, (*self._path, *at))

    def wrong(self, message: str, hint: str = "", *, at: Path = ()) -> ConfigError:
        """That problem as an error."""
        return stop(self.place(*at), message, hint)


def nearest_place(places: Mapping[Path, Place], path: Path) -> Place:
    """The place of ``path``, or of the nearest part above it that was written."""
    for end in range(len(path), -1, -1):
        if found := places.get(path[:end]):
            return found
    return Place("", 0)


def bind(value: Any, path: Path, places: Mapping[Path, Place]) -> None:
    """Tells every section below ``value`` where it stands."""
    if isinstance(value, Section):
        value._path, value._places = path, places
        for name, info in type(value).model_fields.items():
            bind(getattr(value, name), path if name == value.inline else (*path, info.alias or name), places)
    elif isinstance(value, dict):
        for key, item in value.items():
            bind(item, (*path, key), places)
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            bind(item, (*path, index), places)
