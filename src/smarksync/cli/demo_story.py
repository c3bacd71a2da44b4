"""The story that the demo plays, chapter by chapter, against two simulators; it says only what it sees there."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from smarksync.config import load
from smarksync.engine.changes import changes
from smarksync.engine.check import check
from smarksync.engine.run import Options, execute
from smarksync.errors import SmarkSyncError
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.plan import render
from smarksync.redact import hide

from . import demo_config
from .globals import Globals
from .progress import progress
from .summary import total

ZONE = "Europe/Berlin"
_FIGURES = ("read", "unchanged", "settled", "created", "updated", "quarantined", "conflicts")


class StoryClock(ManualClock):
    """Begins on a Monday morning of this or last week, and moves as the story does."""

    def __init__(self) -> None:
        today = datetime.now(ZoneInfo(ZONE)).replace(hour=9, minute=0, second=0, microsecond=0)
        super().__init__((today - timedelta(days=today.weekday() or 7)).astimezone(UTC))
        self._began: float | None = None

    def now(self) -> datetime:
        """The time, aware UTC."""
        gone = 0.0 if self._began is None else time.monotonic() - self._began
        return super().now() + timedelta(seconds=gone)

    def run_on(self) -> None:
        """From here it goes by itself."""
        self._began = time.monotonic()


class Story:
    """Plays everything. ``hub`` and ``crm`` are the simulators: what people do there, and what they hold."""

    def __init__(self, settings: Globals, folder: Path, clock: StoryClock, hub: Any, crm: Any) -> None:
        self.settings, self.out, self.folder, self.clock = settings, settings.out, folder, clock
        self.hub, self.crm = hub, crm
        file = folder / "smarksync.yaml"
        user = next(
            row["Email"] for row in crm.rows("User") if row["IsActive"] and not row["Email"].startswith("smarksync")
        )
        file.write_text(demo_config.TEXT.format(owner=user), "utf-8")
        self.config = load(file, environ={**hub.environment, **crm.environment})
        hide(*self.config.secrets)
        self.chapters = 0

    def tell(self) -> Path:
        """Plays it all; the report page."""
        self._two_systems()
        self._fields()
        self._plan()
        self._run(
            "The first run",
            "People are matched by their e-mail address. Whoever only sales knows is created in marketing; where both sides "
            "have a value, the newest edit stands, and phones are sales' to say.",
            jobs=("people",),
        )
        self._run("A second run, right after", "Nobody edited anything: no echo, no ping-pong.", quiet=True)
        name, rid = self._somebody_qualifies()
        self._somebody_sells(name, rid)
        self._run("One more run", "Everybody knows everything.", quiet=True)
        return self._report()

    # --- the chapters ------------------------------------------------------------------------------------------

    def _two_systems(self) -> None:
        contacts = {str(row.properties.get("email")).lower() for row in self.hub.rows().values()}
        leads, people = self.crm.rows("Lead"), self.crm.rows("Contact")
        both = len(contacts & {str(row["Email"]).lower() for row in [*leads, *people]})
        self.moved = next(row for row in leads if str(row["Email"]).lower() in contacts and row["Phone"])
        self.clock.move(60)
        self.crm.edit("Lead", self.moved["Id"], Phone="+44 20 7946 0123")
        self._chapter(
            "Two systems that never talked",
            f"HubSpot with {len(contacts)} contacts, Salesforce with {len(leads)} leads and {len(people)} contacts, each "
            f"simulated on a port of this machine with its own rules, limits and quirks. {both} people are in both, spelled in "
            f"two ways, and sales has a new phone number of {self.moved['Name']}.",
        )

    def _fields(self) -> None:
        found = check(self.config, self.settings.plugins(), self._session, None, self.clock.now, fix=True)
        made = sum(len(one["fixed"]) for one in found["connections"])
        if not found["ok"]:
            raise SmarkSyncError("The demo's own systems are not as they should be: please report it.")
        self._chapter(
            "Before anything is written",
            f"`smarksync check --fix` tries credentials, rights and mappings, and made {made} fields of ours in HubSpot.",
        )

    def _plan(self) -> None:
        self._chapter("A plan first", "`smarksync plan` shows what a run would write and why, and writes nothing.")
        found: list[dict[str, Any]] = []
        self._execute(Options(jobs=("people",), dry_run=True), after_plan=lambda run: found.extend(changes(run)))
        groups: dict[tuple[str, str], int] = {}
        for change in found:
            groups[render.group_of(change)] = groups.get(render.group_of(change), 0) + 1
        self._table(("side", "what", "records"), [(side, op, n) for (side, op), n in sorted(groups.items())])
        sample = next(c for c in found if c["op"] == "update" and "phone" in c["fields"])
        for line in render.text([sample]):
            self.out.line(f"   {line}")
        self.out.line()

    def _run(self, title: str, text: str, *, jobs: Sequence[str] = (), quiet: bool = False) -> None:
        self._chapter(title, text)
        report = self._execute(Options(jobs=tuple(jobs)))
        sides: dict[str, dict[str, int]] = {}
        for job in report["jobs"]:
            for side, objects in job["sides"].items():
                for name, counts in objects.items():
                    if name in ("contacts", "Lead", "Contact"):
                        shown = sides.setdefault(f"{side}:{name}", dict.fromkeys(_FIGURES, 0))
                        for figure in _FIGURES:
                            shown[figure] = max(shown[figure], counts[figure])
        if not quiet:
            self._table(("side", *_FIGURES), [(side, *shown.values()) for side, shown in sides.items()])
        written = total(report, "written")
        calls = ", ".join(f"{name} {counts['total']}" for name, counts in report["calls"].items())
        verdict = f"{written} records written" if written else "Nothing written: the systems agree"
        if quiet and written:
            verdict += ", and this should not be: please report it"
        self.out.line(f"   {self.out.style('good', verdict + '.')} Calls: {calls}.")
        self.out.line()

    def _somebody_qualifies(self) -> tuple[str, str]:
        known = {str(row["Email"]).lower() for kind in ("Lead", "Contact") for row in self.crm.rows(kind)}
        rid, row = next(
            (rid, row) for rid, row in self.hub.rows().items()
            if row.properties.get("company") and str(row.properties.get("email")).lower() not in known
        )  # fmt: skip
        told = row.properties
        name = f"{told['firstname']} {told['lastname']}"
        self.hub.edit("contacts", rid, hubspotscore="87", smarksync_journey="decision_early")
        self.hub.submit(told["email"])
        self._chapter(
            "A lead is handed over",
            f"{name} ({told['company']}) asks for a demo; HubSpot's score is 87 now. That is an MQL by the definition that both "
            "teams signed. Marketing's people are never created in sales otherwise.",
        )
        report = self._execute(Options())
        lead = self.crm.find("Lead", Email=told["email"])
        task = next(one for one in self.crm.rows("Task") if one["WhoId"] == lead["Id"])
        owner = self.crm.get("User", lead["OwnerId"])
        due = datetime.fromisoformat(lead["SmarkSync_Handoff_Due_At__c"])
        self._facts("In Salesforce", {
            "lead": f"{lead['Name']}, {lead['Company']}, {lead['SmarkSync_Lifecycle__c']}, score {lead['SmarkSync_Score__c']:.0f}",
            "owner": owner["Name"],
            "task": task["Subject"].split(" [#")[0],
            "due": f"{due.astimezone(ZoneInfo(ZONE)):%A %H:%M}, five business hours after the offer",
            "note": lead["SmarkSync_Handoff_Note__c"].split("\n", 1)[1].replace("\n", " · ").replace("Lately: ·  ", "Lately: "),
        })  # fmt: skip
        self._conserved(report)
        return name, rid

    def _somebody_sells(self, name: str, rid: str) -> None:
        lead = self.crm.find("Lead", Email=self.hub.rows()[rid].properties["email"])
        who = self.crm.get("User", lead["OwnerId"])["Name"]
        self._chapter(
            "Sales works it, and wins",
            f"{who} calls within the hour, converts the lead the next day, and closes the deal for 12,000. Three runs carry "
            "it back.",
        )
        self.clock.move(1800)
        self.crm.add(
            "Task", WhoId=lead["Id"], Subject="Call", TaskSubtype="Call", Status="Completed", OwnerId=lead["OwnerId"]
        )
        self.crm.edit("Lead", lead["Id"], Status="Working - Contacted")
        self._execute(Options())
        rows = [("sales called", *self._told(rid))]
        self.clock.move(86_400)
        _, _, deal = self.crm.convert(lead["Id"])
        self._execute(Options())
        rows.append(("lead converted", *self._told(rid)))
        self.clock.move(86_400)
        today = f"{self.clock.now():%Y-%m-%d}"
        self.crm.edit("Opportunity", deal, StageName="Closed Won", Amount=12000.0, CloseDate=today)
        report = self._execute(Options())
        rows.append(("deal won", *self._told(rid)))
        self.out.line(f"   {name} in HubSpot, when …")
        self._table(("", "hand-off", "lifecycle", "attempts", "opportunity", "amount"), rows)
        self._conserved(report)

    def _told(self, rid: str) -> tuple[Any, ...]:
        has = self.hub.rows()[rid].properties.get
        stage = has("smarksync_opportunity_stage")
        return (
            has("smarksync_handoff_state"), has("lifecyclestage"), has("smarksync_attempts"), stage, has("smarksync_opportunity_amount"),
        )  # fmt: skip

    def _report(self) -> Path:
        from smarksync.engine.figures.collect import collect
        from smarksync.engine.figures.period import parse
        from smarksync.ledger.db import Ledger
        from smarksync.web.report import page

        now = self.clock.now()
        ledger = Ledger(self.config.ledger_url, root=str(self.folder))
        try:
            found = collect(self.config, ledger, parse(None, self.config.time_zone, now), now)
        finally:
            ledger.close()
        file = self.folder / "report.html"
        file.write_text(page(found), "utf-8")
        return file

    # --- how it is told ------------------------------------------------------------------------------------------

    def _execute(self, options: Options, **how: Any) -> Mapping[str, Any]:
        """One run, ten minutes later."""
        self.clock.move(600)
        with progress(quiet=not sys.stderr.isatty(), color=self.settings.color) as show:
            result = execute(
                self.config, options, registry=self.settings.plugins(), make_session=self._session, now=self.clock.now,
                progress=show, **how,
            )  # fmt: skip
        if not options.dry_run:
            result.run.ledger.close()
        if result.exit_code not in (0, 3):
            raise SmarkSyncError(" ".join(result.sentences) or f"The demo ended with exit code {result.exit_code}.")
        return result.report

    def _session(self, name: str, _settings: Any) -> OpenSession:
        return OpenSession(name, root=str(self.folder), clock=self.clock)

    def _conserved(self, report: Mapping[str, Any]) -> None:
        told = next(job["handoffs"] for job in report["jobs"] if "handoffs" in job)
        parts = " + ".join(
            f"{told[word]} {word}" for word in ("accepted", "rejected", "open", "merged", "withdrawn", "missing")
        )
        self.out.line(f"   No lead is lost: {told['offered']} offered = {parts}")
        self.out.line()

    def _chapter(self, title: str, text: str) -> None:
        self.chapters += 1
        self.out.line(self.out.style("head", f"{self.chapters}. {title}"))
        for line in textwrap.wrap(text, 96):
            self.out.line(f"   {line}")
        self.out.line()

    def _table(self, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.out.table(
            head, rows, right=[n for n, one in enumerate(rows[0]) if isinstance(one, int)] if rows else (), indent=3
        )
        self.out.line()

    def _facts(self, title: str, facts: Mapping[str, str]) -> None:
        self.out.line(f"   {title}:")
        for name, text in facts.items():
            first, *rest = textwrap.wrap(text, 86)
            self.out.line(f"     {name:<6} {first}")
            for line in rest:
                self.out.line(f"     {'':<6} {line}")
        self.out.line()
