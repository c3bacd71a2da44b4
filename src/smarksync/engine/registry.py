"""Plugins: found by entry points, imported only when a config names them, opened for one run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from smarksync.errors import ConfigError
from smarksync.plugin import SUPPORTED_CONTRACTS, ConnectorSpec, Transform, hookspecs

GROUP = "smarksync"


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
        for plugin in extra:
            self.manager.register(plugin)
        self._collect()

    def names(self) -> list[str]:
        """Every connector that is installed, imported or not."""
        return sorted({*self._found, *self._specs})

    def spec(self, name: str) -> ConnectorSpec:
        """The connector of that name; its plugin is imported now. Raises ConfigError in one sentence."""
        if name not in self._specs and name in self._found:
            self._load(name)
        spec = self._specs.get(name)
        if spec is None:
            known = ", ".join(self.names()) or "none"
            raise ConfigError(
                f"There is no connector {name!r}.",
                hint=f"Installed: {known}. Others come with `pip install smarksync-{name}`.",
            )
        return spec

    def transforms(self) -> list[Transform]:
        """The transforms of the plugins imported so far."""
        return [t for group in self.manager.hook.smarksync_transforms() for t in group]

    def finished(self, report: Mapping[str, Any]) -> None:
        """Tells the plugins that a run is settled. What they print goes to stderr: stdout is ours, with `--json` too."""
        with redirect_stdout(sys.stderr):
            self.manager.hook.smarksync_run_finished(report=report)

    def _load(self, name: str) -> None:
        points = self._found[name]
        owners = [f"{p.dist.name} {p.dist.version}" if p.dist else p.value for p in points]
        if len(set(owners)) > 1:
            raise ConfigError(
                f"The connector {name!r} is brought by {' and by '.join(sorted(set(owners)))}.",
                hint="Uninstall one of them.",
            )
        try:
            plugin = points[0].load()
        except Exception as error:  # whatever a plugin raises on import concerns the jobs that name it, and no other
            raise PluginBroken(
                f"The plugin {owners[0]} cannot be imported: {type(error).__name__}: {error}.",
                hint="Its jobs cannot run; reinstall or update it.",
            ) from error
        self.manager.register(plugin, name)
        self.manager.check_pending()
        self._collect()

    def _collect(self) -> None:
        for group in self.manager.hook.smarksync_connectors():
            for spec in group:
                if spec.contract not in SUPPORTED_CONTRACTS:
                    raise PluginBroken(
                        f"The connector {spec.name!r} was written for plugin contract {spec.contract}; this SmarkSync knows "
                        f"{', '.join(map(str, sorted(SUPPORTED_CONTRACTS)))}.",
                        hint=f"Install a version of smarksync-{spec.name} for it.",
                    )
                self._specs[spec.name] = spec
