"""At the end of a run: what the config's ``retention`` says is old enough is forgotten, a bounded piece at a time."""

from __future__ import annotations

from datetime import timedelta

from smarksync.config import Config
from smarksync.ledger import retention

from .context import Run, instant


def forget_old(run: Run, config: Config) -> None:
    """Forgets plans, before-images and history by their ages. Nothing that a run still owes is touched."""
    keep, now = config.retention, run.now()

    def before(age: timedelta) -> str:
        return instant(now - age)

    with run.ledger.tx():
        retention.drop_plans(run.ledger, before(keep.plans.timedelta))
        retention.drop_before_images(run.ledger, before(keep.before_images.timedelta))
        retention.drop_history(run.ledger, before(keep.audit.timedelta))
        retention.drop_runs(run.ledger, before(max(keep.audit.timedelta, keep.plans.timedelta)))
        retention.drop_flips(run.ledger, before(timedelta(days=30)))


__all__ = ["forget_old"]
