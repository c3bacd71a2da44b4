"""The end of a run as a tired operator reads it: what happened, what waits, and the next command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .output import Output

#: columns in order, those of what was read before those of what was done; what is zero everywhere is left out, but for the
#: first two
FIGURES = (
    "read", "unchanged", "settled", "created", "updated", "archived", "deleted", "associated", "held", "rejected", "stale",
    "unknown", "filtered", "deferred", "quarantined", "conflicts",
)  # fmt: skip
#: in place of the zeros of a side that did not answer
_UNREAD = {"read": "not read", "unchanged": None}
_HEADLINES = {
    2: ("bad", "Done in part: the config is wrong for a job, which was refused"),
    0: ("good", "Done"),
    3: ("warn", "Done, and something waits for a person"),
    4: ("bad", "Stopped by a guard before the first write"),
    5: ("bad", "Not finished: a system could not be reached or read, or refused us"),
    6: ("warn", "Done, but parts of the plan were stale"),
}


def headline(out: Output, report: Mapping[str, Any]) -> str:
    """The first line."""
    code = report["exit_code"]
    style, words = _HEADLINES.get(code, ("bad", "Failed"))
    if report["dry_run"]:
        words = {0: "Plan: nothing stands in the way", 3: "Plan: something waits for a person", 4: "Plan: a guard would stop the run",
                 5: "No plan: a system could not be reached or read, or refused us"}.get(code, words)  # fmt: skip
    elif code == 0 and not total(report, "written"):
        words = "Done: nothing to write, the systems agree"
    facts = f"run {report['run_id']}, {report['seconds']:.1f} s, exit code {code}"
    return f"{out.style(style, words + '.')} {out.style('dim', facts)}"


def total(report: Mapping[str, Any], figure: str) -> int:
    """One figure over all jobs and sides."""
    return sum(counts[figure] for job in report["jobs"] for side in job["sides"].values() for counts in side.values())


def summary(
    out: Output,
    report: Mapping[str, Any],
    sentences: Sequence[str],
    waits: Sequence[tuple[str, str]] = (),
    notes: Sequence[str] = (),
) -> None:
    """The whole summary on stdout; what went wrong also when everything else is quiet (to stderr)."""
    out.line(headline(out, report))
    told: set[str] = set()
    for job in report["jobs"]:
        _job(out, job, told, planned=report["dry_run"], failed=report["exit_code"] == 5)
        _handoffs(out, job, planned=bool(report["dry_run"]))
    _calls(out, report)
    for sentence in sentences:
        if out.quiet or out.json:
            out.problem(sentence)
        else:
            out.line()
            out.line(sentence)
    if waits and out.quiet:  # exit code 3 is for machines; whoever reads cron's mail is told why
        out.problem("; ".join(f"{what}: `{command}`" for what, command in waits) + ".")
    elif waits:
        out.line()
        width = max(len(what) for what, _ in waits)
        for what, command in waits:
            out.line(f"{out.style('warn', what.ljust(width))}  {command}")
    for note in notes:
        out.line(out.style("dim", note))


def _job(out: Output, job: Mapping[str, Any], told: set[str], *, planned: bool, failed: bool) -> None:
    """One job's table. What several jobs read is told once; a later job names it again when it did something there."""
    rows = [
        (f"{c}:{o}", counts) for c, objects in job["sides"].items() for o, counts in objects.items()
        if f"{c}:{o}" not in told or any(counts[f] for f in FIGURES[3:])
    ]  # fmt: skip
    told.update(name for name, _ in rows)
    unread = set(job.get("not_read", ()))
    if len(rows) > 4 and any(any(counts.values()) for _, counts in rows):  # the quiet ones among many
        rows = [(name, counts) for name, counts in rows if any(counts.values()) or name in unread]
    figures = ("read", "unchanged", "settled", "planned", *FIGURES[3:]) if planned else FIGURES
    shown = [f for f in figures if f in ("read", "unchanged") or any(counts[f] for _, counts in rows)]
    if planned:
        shown = [f for f in shown if f != "held"]
    out.line()
    out.line(out.style("head", job["job"]))
    if "refused" in job:
        out.line("  refused: see below")
        return
    if not rows:
        out.line("  not done" if failed else "  nothing to do")
        return
    out.table(
        ("side", *shown),
        [(name, *(_UNREAD.get(f, counts[f]) if name in unread else counts[f] for f in shown)) for name, counts in rows],
        right=range(1, len(shown) + 1),
        indent=2,
    )


def _handoffs(out: Output, job: Mapping[str, Any], *, planned: bool) -> None:
    """MQL conservation: what became of every lead that was offered, and the missing ones by name."""
    told = job.get("handoffs")
    if told is None:
        return
    parts = " + ".join(
        f"{told[name]:,} {name}" for name in ("accepted", "rejected", "open", "merged", "withdrawn", "missing")
    )
    out.line(f"  {told['offered']:,} offered = {parts}")
    if told["qualified_not_offered"]:
        out.line(f"  {told['qualified_not_offered']:,} qualified, not offered yet")
    if told["reassigned"]:
        out.line(f"  {told['reassigned']:,} {'to be ' if planned else ''}handed on, because nobody answered in time")
    for who in told["missing_leads"]:
        out.line(out.style("warn", f"  missing in sales: {who}"))
    for who, count in told["owners_left"].items():
        out.line(out.style("warn", f"  {count:,} open with {who}, who is not active in sales any more"))
    for text, count in told["passed_over"].items():
        out.line(f"  {text}" + (f" ({count:,} times)" if count > 1 else ""))


def _calls(out: Output, report: Mapping[str, Any]) -> None:
    parts = []
    for name, counts in report["calls"].items():
        if counts["total"]:
            more = [f"{counts[kind]:,} {kind}" for kind in ("throttled", "retried") if counts[kind]]
            left = [f"{counts['budget_left']:,} left today"] if counts["budget_left"] is not None else []
            parts.append(f"{name} {counts['total']:,}" + (f" ({', '.join([*more, *left])})" if more or left else ""))
    if parts:
        out.line()
        out.line(out.style("dim", f"Calls: {', '.join(parts)}"))
