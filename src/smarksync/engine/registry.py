"""Plugins: found by entry points, imported only when a config names them, opened for one run."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from smarksync import log
from smarksync.errors import ConfigError
from smarksync.mapping import catalogue
from smarksync.mapping.lint import nearest
from smarksync.plugin import SUPPORTED_CONTRACTS, ConnectorSpec, Transform, hookspecs

from .contained import plugin_frame

GROUP = "smarksync"
#: what the name of a package may end with
_PACKAGE = re.compile(r"[a-z0-9]([a-z0-9_.-]*[a-z0-9])?")


class PluginBroken(ConfigError):
    """A plugin that cannot be used: the jobs that name it are refused, and no other."""


class Registry:
    """The installed plugins. ``extra`` are plugin objects registered besides (tests, simulators)."""

    def __init__(self, extra: Iterable[Any] = ()) -> None:
        self.manager = pluggy.PluginManager(GROUP)
        self.manager.add_hookspecs(hookspecs)
        self._found: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=GROUP):
            self._found.setdefault(point.name, []).append(point)
        self._specs: dict[str, ConnectorSpec] = {}
        self._owners: dict[str, str] = {}  # of each connector: the distribution that brings it
        self._broken: dict[str, PluginBroken] = {}
        for plugin in extra:
            self._take(plugin, getattr(plugin, "__name__", type(plugin).__name__), None)

    def names(self) -> list[str]:
        """Every connector that is installed, imported or not."""
        return sorted({*self._found, *self._specs})

    def spec(self, name: str) -> ConnectorSpec:
        """The connector of that name; its plugin is imported now. Raises ConfigError in one sentence."""
        if name in self._broken:
            raise self._broken[name]
        if name not in self._specs and name in self._found:
            try:
                self._load(name)
            except PluginBroken as error:
                self._broken[name] = error
                raise
        spec = self._specs.get(name)
        if spec is None:
            known = ", ".join(self.names()) or "none"
            near = nearest(name, self.names())
            others = (
                f" Others come with `pip install smarksync-{name}`." if _PACKAGE.fullmatch(name) and not near else ""
            )
            raise ConfigError(f"There is no connector {name!r}{near or '.'}", hint=f"Installed: {known}.{others}")
        return spec

    def transforms(self) -> list[Transform]:
        """The transforms of the plugins imported so far."""
        return [t for group in self.manager.hook.smarksync_transforms() for t in group]

    def finished(self, report: Mapping[str, Any]) -> None:
        """Tells the plugins that a run is settled. What they print goes to stderr: stdout is ours, with `--json` too.

        A plugin that fails there fails for itself: everything is settled, and it may change nothing.
        """
        with redirect_stdout(sys.stderr):
            for plugin in self.manager.get_plugins():
                told = self._hook("smarksync_run_finished", plugin)
                try:
                    told(report=report)
                except Exception as error:
                    name = self.manager.get_name(plugin) or "?"
                    log.get(plugin=name).warning(
                        "a plugin failed after the run", error=f"{type(error).__name__}: {error}"
                    )

    def _hook(self, name: str, plugin: Any) -> Any:
        """The hook, as one plugin alone implements it."""
        others = [other for other in self.manager.get_plugins() if other is not plugin]
        return self.manager.subset_hook_caller(name, others)

    def _load(self, name: str) -> None:
        points = self._found[name]
        owners = [_owner(point) for point in points]
        if len(set(owners)) > 1:
            raise ConfigError(
                f"The connector {name!r} is brought by {' and by '.join(sorted(set(owners)))}.",
                hint="Uninstall one of them.",
            )
        try:
            plugin = points[0].load()
        except Exception as error:  # whatever a plugin raises on import concerns the jobs that name it, and no other
            raise _unusable(owners[0], "cannot be imported", error) from error
        brought = self._take(plugin, owners[0], name)
        if name not in self._specs:
            hint = "Its entry point has to be called like its connector."
            if not brought:
                hint = "A function `smarksync_connectors`, marked @hookimpl, has to give a list with its spec (docs/plugins.md)."
            said = f"; it brings {', '.join(brought)}" if brought else ""
            raise PluginBroken(f"The plugin {owners[0]} brings no connector {name!r}{said}.", hint=hint)

    def _take(self, plugin: Any, owner: str, name: str | None) -> list[str]:
        """Registers a plugin whole, or not at all: what is wrong with it must not reach those who do not name it.
        Gives the names of its connectors."""
        self.manager.register(plugin, name)
        try:
            self.manager.check_pending()
            brought = [spec for group in self._hook("smarksync_connectors", plugin)() for spec in group]
            for spec in brought:
                self._judge(spec, owner)
            catalogue(self.transforms())
        except PluginBroken:
            self.manager.unregister(plugin)
            raise
        except Exception as error:
            self.manager.unregister(plugin)
            raise _unusable(owner, "cannot be used", error) from error
        for spec in brought:
            self._specs[spec.name], self._owners[spec.name] = spec, owner
        return [spec.name for spec in brought]

    def _judge(self, spec: ConnectorSpec, owner: str) -> None:
        if spec.contract not in SUPPORTED_CONTRACTS:
            raise PluginBroken(
                f"The connector {spec.name!r} was written for plugin contract {spec.contract}; this SmarkSync knows "
                f"{', '.join(map(str, sorted(SUPPORTED_CONTRACTS)))}.",
                hint=f"Install a version of smarksync-{spec.name} for it.",
            )
        # an installed plugin that is handed over besides is the same one
        points = [point for point in self._found.get(spec.name, ()) if point.value.partition(":")[0] != owner]
        others = {_owner(point) for point in points} | {self._owners.get(spec.name, owner)}
        if others - {owner}:
            raise PluginBroken(
                f"The connector {spec.name!r} is brought by {' and by '.join(sorted({owner, *others}))}.",
                hint="Uninstall one of them.",
            )


def simulator_class(spec: ConnectorSpec) -> Any:
    """The class behind ``spec.simulator``, ``module:Class``. Raises ConfigError in words when it is not there."""
    module, _, name = (spec.simulator or "").partition(":")
    hint = "`ConnectorSpec.simulator` is `module:Class`: correct it, or reinstall the plugin."
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a plugin's module raises on import is the plugin's own
        said = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"The simulator {spec.simulator!r} of {spec.name} cannot be used: {said}.", hint=hint
        ) from error


def _owner(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _unusable(owner: str, what: str, error: Exception) -> PluginBroken:
    frame = plugin_frame(error)
    where = f" ({frame.filename}:{frame.lineno})" if frame is not None else ""
    return PluginBroken(
        f"The plugin {owner} {what}: {type(error).__name__}: {error}{where}.",
        hint="Its jobs cannot run; reinstall or update it, or, if it is yours, mend it there.",
    )
