"""What a run said and what it sent, and the sums that must come out after each (I8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smarksync.plan import render

ONCE_READ = ("unchanged", "filtered", "settled", "quarantined", "deferred")
ONCE_PLANNED = ("written", "rejected", "stale", "unknown", "held")
ONCE_WRITTEN = ("created", "updated", "archived", "deleted", "associated")


class Ran:
    """What a run said, and what it sent."""

    def __init__(self, result: Any, sent: dict[str, list[Any]]) -> None:
        self.exit_code: int = result.exit_code
        self.report: dict[str, Any] = result.report
        self.sentences: list[str] = result.sentences
        self.text = "\n".join(result.sentences)
        self.changes: list[Any] = result.changes
        self.left = {key: n for job in result.run.jobs for key, n in job.left.items()}
        self.sent = sent

    @property
    def lines(self) -> list[str]:
        """A plan as people read it."""
        return list(render.text(self.changes))

    @property
    def fields(self) -> list[tuple[str, str, str | None, dict[str, Any]]]:
        """A plan in short: (system, what, id, fields)."""
        short = []
        for one in self.changes:
            after = {name: field["after"] for name, field in one["fields"].items()}
            short.append((one["connection"], one["op"], one["id"], after))
        return short

    def __getitem__(self, system: str) -> dict[str, int]:
        """The figures of one system, added up over jobs and objects."""
        total: dict[str, int] = {}
        for job in self.report["jobs"]:
            for figures in job["sides"].get(system, {}).values():
                for name, count in figures.items():
                    total[name] = total.get(name, 0) + count
        return total

    @property
    def stopped_by(self) -> str | None:
        """The guard that stopped the first job."""
        found: str | None = self.report["jobs"][0]["stopped_by"]
        return found

    @property
    def wrote(self) -> int:
        """Records written anywhere."""
        return sum(self[system]["written"] for job in self.report["jobs"] for system in job["sides"])


def conserved(report: Mapping[str, Any]) -> None:
    """I8: every record read and every row planned is accounted for exactly once."""
    for job in report["jobs"]:
        for system, objects in job["sides"].items():
            for name, f in objects.items():
                where = f"{job['job']} {system}:{name} { ({k: v for k, v in f.items() if v}) }"
                assert f["read"] == sum(f[k] for k in ONCE_READ), f"read: {where}"
                assert f["planned"] == sum(f[k] for k in ONCE_PLANNED), f"planned: {where}"
                assert f["written"] == sum(f[k] for k in ONCE_WRITTEN), f"written: {where}"
                assert min(f.values()) >= 0, where
