"""The report page: figures of :mod:`smarksync.engine.figures` laid out as charts with a table behind each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .charts import Bar, Span
from .pages import render
from .words import called, lasting, money, number, percent, share

RUNGS = ("lead", "mql", "sal", "sql", "opportunity", "customer")
#: rows of one table; the export has all
MOST = 25


def page(report: Mapping[str, Any]) -> str:
    """The whole page, self-contained."""
    currency, funnel, handoffs = report["currency"], report["funnel"], report["handoffs"]
    return render(
        "report.html", report={"scorecard": (), **report}, time_zone=report["period"]["time_zone"],
        bars={
            "funnel": [Bar(called(r), funnel["whole"]["counts"][r], number(funnel["whole"]["counts"][r])) for r in RUNGS],
            "reasons": {state: _reason_bars(rows) for state, rows in handoffs["reasons"].items()},
            "good": {goal: _spans(rows) for goal, rows in handoffs["good_leads"].items()},
        },
        tables={
            "funnel": _funnel(funnel["whole"]),
            "months": [[m["month"], *(number(m[r]) for r in RUNGS)] for m in funnel["months"]],
            "cuts": [_cut(name, rows, currency) for name, rows in funnel["by"].items()],
            "reasons": {state: _reasons(rows) for state, rows in handoffs["reasons"].items()},
            "good": {goal: _good(rows) for goal, rows in handoffs["good_leads"].items()},
            "attribution": [
                {**model, "rows": [
                    [row["credit"], money(row["amount"], currency), percent(row["share"]), number(row["sales"], 1)]
                    for row in model["rows"][:MOST]
                ]} for model in report["attribution"]["models"]
            ],
            **_pipeline(report["pipeline"]),
        },
        lines={
            "labels": [m["month"] for m in funnel["months"]], "head": ("month", *map(called, RUNGS)), "right": range(1, 7),
            "series": [(called(r), [m[r] for m in funnel["months"]]) for r in ("lead", "mql", "customer")],
        },
    )  # fmt: skip


def brief(report: Mapping[str, Any]) -> dict[str, Any]:
    """The funnel's bars and tables alone, for the dashboard."""
    whole = report["funnel"]["whole"]
    return {
        "bars": [Bar(called(r), whole["counts"][r], number(whole["counts"][r])) for r in RUNGS], "rows": _funnel(whole),
        "cuts": [_cut(name, rows, report["currency"]) for name, rows in report["funnel"]["by"].items()],
    }  # fmt: skip


def _funnel(row: Mapping[str, Any]) -> list[list[str]]:
    found = []
    for rank, rung in enumerate(RUNGS):
        step = row["steps"][rank] if rank < len(row["steps"]) else None
        found.append(
            [
                called(rung),
                number(row["counts"][rung]),
                *((share(step), lasting(step["median_seconds"])) if step else ("–", "–")),
            ]
        )
    return found


def _cut(name: str, rows: Sequence[Mapping[str, Any]], currency: str | None) -> dict[str, Any]:
    body = [
        [called(row["value"]) if name == "source" else row["value"] or "(none)", *(number(row["counts"][r]) for r in RUNGS),
         share(row["steps"][0]), share(row["overall"]), money(row["won"], currency)]
        for row in rows[:MOST]
    ]  # fmt: skip
    head = (called(name), *map(called, RUNGS), "Lead → MQL", "Lead → customer", "won")
    return {
        "name": name,
        "head": head,
        "rows": body,
        "right": range(1, len(head)),
        "more": len(rows) if len(rows) > MOST else 0,
    }


def _reason_bars(rows: Sequence[Mapping[str, Any]]) -> list[Bar]:
    return [Bar(called(row["reason"]), row["count"], number(row["count"])) for row in rows[:12]]


def _reasons(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    total = sum(row["count"] for row in rows)
    return [[called(row["reason"]), number(row["count"]), percent(row["count"] / total)] for row in rows]


def _label(row: Mapping[str, Any]) -> str:
    return f"{called(row['attribute'])}: {called(row['value'])}"


def _spans(rows: Sequence[Mapping[str, Any]]) -> list[Span]:
    return [
        Span(_label(row), row["low"], row["lift"], row["high"], f"{row['lift']:.2f} ×", row["clear"])
        for row in rows if row["lift"] is not None and not row["small"]
    ][:12]  # fmt: skip


def _good(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [
        [_label(row), share(row["with"]), share(row["without"]),
         "–" if row["lift"] is None else f"{row['lift']:.2f} ×" + ("" if row["clear"] else " (may be luck)"),
         "–" if row["low"] is None else f"{row['low']:.2f}–{row['high']:.2f}"]
        for row in rows[:MOST]
    ]  # fmt: skip


def _pipeline(found: Mapping[str, Any]) -> dict[str, Any]:
    states = tuple(found["cases"])
    return {
        "owner_head": ("owner", *map(called, states)),
        "owners": [[row["owner"], *(number(row.get(state, 0)) for state in states)] for row in found["owners"]],
        "stages": [[r["stage"], number(r["count"]), money(r["amount"], r["currency"])] for r in found["opportunities"]],
    }  # fmt: skip
