"""The part of ``explain`` about the working agreement: MQL or not and why, points, route, cases, what happened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .output import Output
from .status import when

SHOWN = 15
_MARKS = {True: "yes", False: "no", None: "unknown"}


def section(out: Output, told: Mapping[str, Any]) -> None:
    """Everything about one lead, clause by clause."""
    for one in told["definitions"]:
        _title(out, f"{one['definition']}: {_MARKS[one['passes']]}")
        for part in one["parts"]:
            mark = "✓" if part["good"] else "✗"
            first, *more = part["lines"] or ("",)
            out.line(f"  {mark} {part['kind']}: {first}")
            for line in more:
                out.line(f"      {line}")
    _points(out, told)
    for case in told["cases"]:
        _case(out, case)
    if told["activities"]:
        _title(out, "What happened, newest first")
    for one in told["activities"][:SHOWN]:
        about = ", ".join(_about(one))
        out.line(f"  {when(one['at'])}  {one['type']} by {one['actor']}{f': {about}' if about else ''}")
    rest = len(told["activities"]) + told["more_activities"] - SHOWN
    if rest > 0:
        out.line(f"  … {rest} more")


def _about(one: Mapping[str, Any]) -> list[str]:
    """What an activity was about, each thing once; that something happened at all is no news."""
    subject, asset = str(one.get("subject") or ""), str(one.get("asset") or "")
    told = [subject, "" if asset in subject else asset, str(one.get("result") or "")]
    return [text for text in told if text and text not in ("none", "done")]


def _points(out: Output, told: Mapping[str, Any]) -> None:
    scores = told["scores"]
    if scores is not None:
        _title(out, f"Score {scores['score']} (fit {scores['fit_score']}, engagement {scores['engagement_score']})")
        for point in scores["points"]:
            faded = (
                f", faded from {point['of']:+d} in {point['days']} days"
                if point["days"] and point["points"] != point["of"]
                else ""
            )
            out.line(f"  {point['points']:+4d}  {point['why'] or point['field']}{faded}")
            for line in point["lines"]:
                out.line(f"        {line}")
    if told["persona"]:
        out.line(f"  persona: {told['persona']}")
    if told["route"] is not None:
        route = told["route"]
        _title(out, "Route")
        out.line(f"  it would go to {route['owner'] or 'nobody'} ({route['how']})")
        for text in route["passed_over"]:
            out.line(f"  passed over: {text}")


def _case(out: Output, case: Mapping[str, Any]) -> None:
    product = f", {case['product']}" if case["product"] else ""
    _title(out, f"Hand-off {case['cycle']}{product}: {case['state']}")
    facts = [("by", case["definition"]), ("owner", case["owner"]), ("route", case["route"]), ("record", case["record"]), ("task", case["task"]),
             ("first attempt due", when(case["due_at"]) if case["due_at"] else None), ("reason", case["reason"]),
             ("waits until", when(case["waits_until"]) if case["waits_until"] else None)]  # fmt: skip
    for name, value in facts:
        if value:
            out.line(f"  {name}: {value}")
    if case["inferred"]:
        out.line("  its sale names no people: it was found through the account (inferred)")
    for move in case["moves"]:
        more = [
            move["reason"],
            f"owner {move['owner']}" if move["owner"] else None,
            "skipped" if move["skipped"] else None,
        ]
        if move["entered_at"][:16] != move["at"][:16]:
            more.append(f"entered {when(move['entered_at'])}")
        tail = "; ".join(str(one) for one in more if one)
        out.line(
            f"  {when(move['at'])}  {move['state']} by {move['by']}, {move['source']}{f' ({tail})' if tail else ''}"
        )


def _title(out: Output, text: str) -> None:
    out.line()
    out.line(out.style("bold", text))
