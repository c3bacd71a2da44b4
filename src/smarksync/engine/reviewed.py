"""Applying a reviewed plan: the ordinary run reads and plans, and releases only rows that a person has seen.

A row is written when planning afresh, on the state of now, gives the same row: same record, same values before and
after, same rules, same records behind it. Whatever else is planned by then waits for the next run; what was
reviewed and is no longer so is stale, and reported with what it has become.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from smarksync.config import Config
from smarksync.errors import SmarkSyncError, SystemFailure
from smarksync.ledger import links, meta, plans, states
from smarksync.plan.render import Change, differences, target
from smarksync.plugin import Can, Record

from .changes import FORMAT, described
from .context import JobRun, Lane, Run
from .observe import observe_again

CHUNK = 500
#: local rows need no release: matching has done them or not
LOCAL = ("link", "unlink")
#: before the key of a plan that is used up, with the run that applied it
_APPLIED = "applied:"


class StalePlan(SmarkSyncError):
    """The whole plan is stale: nothing of it was written."""

    code = "SMK-STALE"
    exit_code = 6


class Reviewed:
    """One reviewed plan (:class:`.context.Review`). ``stale`` are the rows that no longer hold, each with what it is now."""

    def __init__(self, plan: Mapping[str, Any]) -> None:
        self.terms: Mapping[str, Any] = plan["plan"]
        self.rows: dict[str, dict[tuple[Any, ...], Change]] = {}
        for change in plan["changes"]:
            if change["op"] not in LOCAL:
                self.rows.setdefault(change["job"], {})[target(change)] = change
        self.stale: list[dict[str, Any]] = []
        self.left = 0  # rows planned by now that nobody has reviewed

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs that the plan was made for."""
        return tuple(self.terms["rules"])

    def check(self, config: Config, now: datetime) -> None:
        """What can be known before anything is opened. Raises StalePlan."""
        again = "Make and review a new one: `smarksync plan --out FILE`."
        if self.terms["format"] != FORMAT:
            raise StalePlan("The plan was made by another version of SmarkSync.", hint=again)
        if self.terms["workspace"] != config.workspace:
            raise StalePlan(
                f"The plan is of the workspace {self.terms['workspace']!r}, and the config of {config.workspace!r}.",
                hint="Name the right config with `--config FILE`.",
            )
        if now >= datetime.fromisoformat(self.terms["expires_at"]):
            raise StalePlan(f"The plan of {self.terms['made_at']} has expired: plans hold for 24 hours.", hint=again)
        if self.terms["config"] != config.digest:
            raise StalePlan("The config was changed since the plan was made.", hint=again)

    def begin(self, run: Run) -> None:
        """Live schemas are compiled by now: other mappings or rules make another plan. Raises StalePlan."""
        for job in run.jobs:
            if self.terms["rules"].get(job.name) != job.rules_hash:
                raise StalePlan(
                    f"The mapping of job {job.name} is another one than when the plan was made: a system's schema changed.",
                    hint="Make and review a new one: `smarksync plan --out FILE`.",
                )
        before = meta.get(run.ledger, self._key)
        if before is not None:
            raise StalePlan(f"This plan was applied already, by run {before}: nothing is left of it.",
                            hint=f"See what it did: `smarksync show {before}`. For what is new: `smarksync plan`.")  # fmt: skip
        open_rows = run.ledger.value("SELECT count(*) FROM plan WHERE status IN ('released', 'sending', 'unknown')")
        if open_rows:
            raise StalePlan(
                f"{open_rows:,} writes of an interrupted run are not finished, and the plan does not know them.",
                hint="Finish them with `smarksync run`, then plan again.",
            )

    @property
    def _key(self) -> str:
        """What tells this plan from every other."""
        seed = orjson.dumps([self.terms, sorted(map(repr, self.rows))], option=orjson.OPT_SORT_KEYS, default=str)
        return _APPLIED + hashlib.blake2b(seed, digest_size=12).hexdigest()

    def remember(self, run: Run, exit_code: int) -> None:
        """The plan is used up, unless a guard or a system stood in its way."""
        if exit_code in (0, 3, 6):
            for plan, by in meta.under(run.ledger, _APPLIED).items():
                if by < _days_ago(run):
                    meta.forget(run.ledger, _APPLIED + plan)
            meta.put(run.ledger, self._key, run.run_id)

    def look_again(self, run: Run) -> None:
        """Reads by id every record that the rows rest on, where the pull did not read the whole object."""
        wanted: dict[str, set[str]] = {}
        for rows in self.rows.values():
            for change in rows.values():
                for name in _records(change):
                    connection, obj, rid = name.split(":", 2)
                    wanted.setdefault(f"{connection}:{obj}", set()).add(rid)
        for lane in run.lanes.values():
            ids = sorted(wanted.get(lane.name, ()))
            opened = run.connections[lane.stream.connection]
            if not ids or lane.pulled_whole or Can.FETCH not in lane.spec.can or lane.failed or opened.failed:
                continue
            for start in range(0, len(ids), 100):
                try:
                    _observe(run, lane, ids[start : start + 100])
                except SystemFailure as error:
                    lane.fail(error)
                    break

    def choose(self, run: Run, job: JobRun) -> bool:
        """Keeps the planned rows that were reviewed and are the same; holds the others for the next run."""
        waiting = dict(self.rows.get(job.name, {}))
        whole = True
        last = 0
        while True:
            where = "run = ? AND job = ? AND status = 'planned' AND seq > ?"
            rows = plans.load(run.ledger, where, (run.run_id, job.name, last), CHUNK)
            if not rows:
                break
            last = rows[-1].seq
            held: list[int] = []
            with run.ledger.tx():
                for row, fresh in described(run, job, rows):
                    reviewed = waiting.pop(target(fresh), None)
                    changed = differences(reviewed, fresh) if reviewed is not None else None
                    if changed and row.body.get("case"):
                        changed = {v: told for v, told in changed.items() if v not in _times(run.lanes[row.sid])}
                    if reviewed is not None and not changed:
                        continue
                    held.append(row.seq)
                    job.count(row.sid, "held" if reviewed is None else "stale")
                    self.left += reviewed is None
                    if reviewed is not None:
                        self._stale(reviewed, changed or {}, "it would be written otherwise now")
                    job.fates.setdefault(row.eid, "deferred")
                    states.set_due(run.ledger, job.name, [(row.eid, "not reviewed")], run.stamp())
                plans.set_status(run.ledger, held, "held")
            whole = whole and not held
        for reviewed in waiting.values():
            lane = next(
                (one for one in job.lanes if one.name == f"{reviewed['connection']}:{reviewed['object']}"), None
            )
            if lane is not None:  # counted as planned and stale, so that the figures add up
                job.count(lane.sid, "planned")
                job.count(lane.sid, "stale")
            self._stale(reviewed, _now(run, lane, reviewed), "nothing would be written there now")
        return whole

    def _stale(self, reviewed: Change, changed: Mapping[str, Any], why: str) -> None:
        self.stale.append({**{k: reviewed[k] for k in ("op", "connection", "object", "id", "entity")}, "why": why,
                           "differs": dict(changed)})  # fmt: skip


def _days_ago(run: Run) -> str:
    """The beginning of the ids of runs of a week ago: plans hold for a day."""
    return (run.now() - timedelta(days=7)).strftime("%Y%m%dT%H%M%S")


def _times(lane: Lane) -> set[str]:
    """A hand-off is offered when it is written: its own times are not what a person has reviewed."""
    return {
        codec.vendor
        for name, codec in lane.mapping.fields.items()
        if name in ("handoff_at", "handoff_due_at", "qualified_at", "at")
    }


def _records(change: Change) -> Iterable[str]:
    if change["id"] is not None:
        yield f"{change['connection']}:{change['object']}:{change['id']}"
    yield from change.get("records", ())


def _observe(run: Run, lane: Lane, ids: list[str]) -> None:
    found: list[Record] = list(lane.fetch(ids))
    known, fingerprint = links.fingerprints(run.ledger, lane.sid, [r.id for r in found]), lane.fingerprints.of
    changed = [r for r in found if r.id in known and known[r.id] != fingerprint(r.fields)]
    with run.ledger.tx():
        observe_again(run, lane, changed)


def _now(run: Run, lane: Lane | None, reviewed: Change) -> dict[str, Any]:
    """What the target shows now in the fields that the row would have written."""
    if lane is None or reviewed["id"] is None:
        return {}
    link = links.of_records(run.ledger, lane.sid, [reviewed["id"]]).get(reviewed["id"])
    if link is None or link.eid is None:
        return {}
    from smarksync.ledger import entities

    from .lookup import side_of

    side = side_of(run, link)
    agreed = entities.load(run.ledger, [link.eid])[link.eid][2]
    codecs = lane.mapping.codecs_by_vendor
    out = {}
    for vendor, field in reviewed["fields"].items():
        shown = side.shown(codecs[vendor], agreed) if vendor in codecs else None
        if shown != field.get("before"):
            out[vendor] = {"reviewed": {"before": field.get("before"), "after": field.get("after")},
                           "now": {"before": shown if isinstance(shown, (str, int, float, bool, list, dict)) else None}}  # fmt: skip
    return out
