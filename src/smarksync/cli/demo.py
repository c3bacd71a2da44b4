"""``smarksync demo``: a whole two-way sync on this machine, told in plain words."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from smarksync import log
from smarksync.errors import SmarkSyncError, UsageError

from .globals import Globals

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    ctx: typer.Context,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Make the two folders there and leave them, to play with.")
    ] = None,
) -> int:
    """See a whole two-way sync on this machine: two folders of CSV files play the systems. No account, no network."""
    settings: Globals = ctx.obj
    if settings.log_format is None and settings.log_level is None:
        log.configure("console", "warning", color=settings.color)
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError(f"{keep} is not an empty folder.", hint="Name one that does not exist yet.")
    folder = keep or Path(tempfile.mkdtemp(prefix="smarksync-demo-"))
    try:
        report = _Story(settings, folder).tell()
        if keep is None:
            handle, page = tempfile.mkstemp(prefix="smarksync-demo-", suffix=".html")
            os.close(handle)
            shutil.copyfile(report, page)
        else:
            page = str(report)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    out = settings.out
    out.line(f"The whole story as a page: {page}")
    if keep is not None:
        out.line(f"Go on by hand: cd {keep}, edit a file, then `smarksync plan` and `smarksync run`.")
    else:
        out.line("To play with it: `smarksync demo --keep DIR`.")
    return 0


class _Story:
    """The demo, step by step; what it says is also put on the page."""

    def __init__(self, settings: Globals, folder: Path) -> None:
        self.out = settings.out
        self.settings = Globals()
        self.settings.config_file = folder / "smarksync.yaml"
        self.settings.color = settings.color
        self.settings.log_level, self.settings.log_format = (
            settings.log_level or "warning",
            settings.log_format or "console",
        )
        self.folder = folder
        self.chapters: list[dict[str, Any]] = []

    def tell(self) -> Path:
        """Plays everything; returns the page."""
        from . import demo_data, demo_page

        started = datetime.now(UTC)
        demo_data.write(self.folder, started)
        contacts, leads = demo_data.people(started)
        self._chapter(
            "Two systems that never talked",
            f"A marketing system with {len(contacts)} contacts and a CRM with {len(leads)} leads: two folders of CSV files in "
            f"{self.folder}. {demo_data.BOTH} people are in both, some of them with other values; one has opted out in marketing only, "
            "one was entered twice in the CRM, and of one both sides edited the company at the same second.",
        )
        self._plan()
        first = self._run("The first run", "People are matched by their e-mail address; where both sides have a value, the newest edit "
                          "stands, and phones are the CRM's to say.")  # fmt: skip
        self._waits(first)
        self._run(
            "A second run, right after",
            "Nobody edited anything, so nothing may be written: no echo, no ping-pong.",
            expect=0,
        )
        self._edits(contacts, leads)
        self._run(
            "The third run", "Each edit reaches the other side, once. A score is marketing's to say, a phone the CRM's."
        )
        page = self.folder / "report.html"
        page.write_text(demo_page.page(self.chapters), encoding="utf-8")
        return page

    def _chapter(self, title: str, text: str, **more: Any) -> dict[str, Any]:
        out = self.out
        out.line(out.style("head", f"{len(self.chapters) + 1}. {title}"))
        for line in _wrapped(text):
            out.line(f"   {line}")
        out.line()
        chapter = {"title": title, "text": text, **more}
        self.chapters.append(chapter)
        return chapter

    def _plan(self) -> None:
        from smarksync.engine.changes import changes
        from smarksync.engine.run import Options
        from smarksync.plan import render

        from .work import perform

        chapter = self._chapter(
            "A plan first", "`smarksync plan` shows what a run would write and why, and writes nothing."
        )
        found: list[dict[str, Any]] = []
        _went_well(perform(self.settings, Options(dry_run=True), after_plan=lambda run: found.extend(changes(run))))
        groups: dict[tuple[str, str], int] = {}
        for change in found:
            groups[render.group_of(change)] = groups.get(render.group_of(change), 0) + 1
        rows = [(name, op, count) for (name, op), count in sorted(groups.items())]
        self.out.table(("side", "what", "records"), rows, right=(2,), indent=3)
        self.out.line()
        sample = [
            next(c for c in found if c["op"] == op) for op in ("update", "create") if any(c["op"] == op for c in found)
        ]
        for line in render.text(sample):
            self.out.line(f"   {line}")
        self.out.line()
        chapter.update(table=(("side", "what", "records"), rows), changes=found)

    def _run(self, title: str, text: str, expect: int | None = None) -> Any:
        from smarksync.engine.run import Options

        from .summary import total
        from .work import perform

        chapter = self._chapter(title, text)
        result = _went_well(perform(self.settings, Options()))
        figures = ("read", "unchanged", "created", "updated", "quarantined", "conflicts")
        rows = [
            (f"{side}:{name}", *(counts[f] for f in figures))
            for job in result.report["jobs"] for side, objects in job["sides"].items() for name, counts in objects.items()
        ]  # fmt: skip
        written = total(result.report, "written")
        head = ("side", *figures)
        self.out.table(head, rows, right=range(1, len(head)), indent=3)
        verdict = (
            f"{written} records written in {result.report['seconds']:.1f} s."
            if written
            else "Nothing written: the systems agree."
        )
        if expect is not None and written != expect:
            verdict += " This should not be: please report it."
        self.out.line(f"   {self.out.style('good', verdict)}")
        self.out.line()
        chapter.update(table=(head, rows), verdict=verdict)
        self._note_waiting(result, chapter if "first" in title else None)
        return result

    def _note_waiting(self, result: Any, chapter: dict[str, Any] | None) -> None:
        ledger = result.run.ledger
        try:
            if chapter is not None:
                chapter["waits"] = _open_questions(result.run)
        finally:
            ledger.close()

    def _waits(self, _first: Any) -> None:
        waits = self.chapters[-1].get("waits", [])
        self._chapter(
            "What waits for a person",
            "Where only a person can know, SmarkSync asks and leaves both sides as they are; everything else has gone through. "
            "(`smarksync conflicts list` and `smarksync quarantine list`)", items=waits,
        )  # fmt: skip
        for text in waits:
            for number, line in enumerate(_wrapped(text, 90)):
                self.out.line(f"   {'• ' if not number else '  '}{line}")
        self.out.line()

    def _edits(self, contacts: list[dict[str, str]], leads: list[dict[str, str]]) -> None:
        from . import demo_data

        now = datetime.now(UTC)
        contact, lead = contacts[15], leads[20]
        demo_data.edit(
            self.folder / "marketing" / "contacts.csv", contact["id"], now, job_title="Chief Executive", score="99"
        )
        demo_data.edit(self.folder / "sales" / "leads.csv", lead["id"], now, Phone="+44 20 7946 1234", OptedOut="yes")
        self._chapter(
            "People edit, on both sides",
            f"In marketing, {contact['first_name']} {contact['last_name']} becomes Chief Executive with a score of 99. In the CRM, "
            f"{lead['FirstName']} {lead['LastName']} gets another phone number and asks not to be mailed any more.",
        )


def _open_questions(run: Any) -> list[str]:
    """Each conflict with both values, each quarantined record with its reason, in words."""
    from smarksync.ledger import conflicts, entities, quarantine
    from smarksync.plan.render import shown

    said = []
    for conflict in conflicts.listed(run.ledger, "state = 'open'"):
        agreed = entities.load(run.ledger, [conflict.eid])[conflict.eid][2]
        name = " ".join(filter(None, (agreed.get("first_name"), agreed.get("last_name")))) or "a person"
        voices = ", ".join(f"{side} says {shown(v.get('value'))}" for side, v in conflict.body["values"].items())
        said.append(f"Conflict: {conflict.field} of {name}: {voices}. {conflict.body['question']}")
    return said + [f"Quarantine: {held.message}." for held in quarantine.listed(run.ledger, "state = 'open'")]


def _went_well(result: Any) -> Any:
    """A demo that fails says so, like everything else."""
    if result.exit_code not in (0, 3):
        raise SmarkSyncError(" ".join(result.sentences) or f"The demo ended with exit code {result.exit_code}.")
    return result


def _wrapped(text: str, width: int = 96) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width)
