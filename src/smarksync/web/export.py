"""The report's figures as one table for spreadsheets: section, dimension, value, figure, number, interval."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

HEAD = ("section", "dimension", "value", "figure", "number", "low", "high", "of")


def csv_text(report: Mapping[str, Any]) -> str:
    """All figures, a line each. A cell that a spreadsheet would run as a formula is led by an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEAD)
    writer.writerows([_safe(cell) for cell in row] for row in _rows(report))
    return out.getvalue()


def _safe(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    funnel, handoffs = report["funnel"], report["handoffs"]
    for name, rows in (("", [funnel["whole"]]), *funnel["by"].items()):
        for row in rows:
            place = ("funnel", name, row["value"] or "")
            for rung, count in row["counts"].items():
                yield (*place, rung, count, None, None, None)
            for step in row["steps"]:
                yield (*place, f"{step['from']} to {step['to']}", step["share"], step["low"], step["high"], step["of"])
                yield (
                    *place,
                    f"{step['from']} to {step['to']}, median seconds",
                    step["median_seconds"],
                    None,
                    None,
                    None,
                )
            whole = row["overall"]
            yield (*place, "lead to customer", whole["share"], whole["low"], whole["high"], whole["of"])
            yield (*place, "won", row["won"], None, None, None)
    for month in funnel["months"]:
        for rung, count in month.items():
            if rung != "month":
                yield ("months", "month", month["month"], rung, count, None, None, None)
    for state, reasons in handoffs["reasons"].items():
        for one in reasons:
            yield ("reasons", state, one["reason"], "hand-offs", one["count"], None, None, None)
    for goal, found in handoffs["good_leads"].items():
        for one in found:
            place = ("good leads", one["attribute"], one["value"])
            yield (*place, f"lift of {goal}", one["lift"], one["low"], one["high"], one["with"]["of"])
    for model in report["attribution"]["models"]:
        for one in model["rows"]:
            yield ("attribution", model["name"], one["credit"], "amount", one["amount"], None, None, None)
            yield ("attribution", model["name"], one["credit"], "sales", one["sales"], None, None, None)
    for one in report["pipeline"]["owners"]:
        for state, count in one.items():
            if state != "owner":
                yield ("pipeline", "owner", one["owner"], state, count, None, None, None)
    for one in report["pipeline"]["opportunities"]:
        place = ("pipeline", one["currency"] or "", one["stage"])
        yield (*place, "opportunities", one["count"], None, None, None)
        yield (*place, "amount", one["amount"], None, None, None)
