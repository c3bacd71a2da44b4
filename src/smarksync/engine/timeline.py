"""The history of one entity, in sentences, and where each agreed value came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Entry = tuple[str, str, dict[str, Any]]  # run, at, body


def of(history: Sequence[Entry]) -> list[dict[str, Any]]:
    """What happened, newest first."""
    return [{"at": at, "run": run, "what": sentence(body), "detail": body} for run, at, body in history]


def sentence(body: Mapping[str, Any]) -> str:
    """One audit row for people. Values are shown: this is for whoever may see the record itself."""
    op = body.get("op", "")
    name = ":".join(str(body[part]) for part in ("connection", "object", "id") if body.get(part))
    reason = body.get("reason") or ""
    tail = f" ({reason})" if reason else ""
    if op == "create":
        return f"created {name}{tail}"
    if op == "update":
        vendor = body.get("vendor", {})
        parts = [f"{field}: {shown(v.get('before'))} → {shown(v.get('after'))}" for field, v in vendor.items()]
        return f"updated {name}: {'; '.join(parts)}{tail}"
    if op == "agreed":
        return "agreed without a write: " + "; ".join(_field(n, why) for n, why in body.get("fields", {}).items())
    if op == "consent":
        parts = [
            f"{channel} {why.get('after')}" + (f" by {why['from']}" if why.get("from") else "")
            for channel, why in body.get("fields", {}).items()
        ]
        return f"consent: {'; '.join(parts)}"
    if op == "answered":
        parts = [f"{n} = {shown(why.get('after'))}" for n, why in body.get("fields", {}).items()]
        return f"{reason}: {'; '.join(parts)}"
    if op in ("archive", "delete"):
        return f"{op}d {name}{tail}"
    if op == "associate":
        return f"membership: {reason}, in {body.get('connection')}"
    return f"{op}: {reason}" if reason else op


def _field(name: str, why: Mapping[str, Any]) -> str:
    value = f" = {shown(why['after'])}" if "after" in why else ""
    source = ", ".join(str(why[k]) for k in ("how", "from") if why.get(k))
    if name == "*":
        return f"all its values ({source})"
    return f"{name}{value}" + (f" ({source})" if source else "")


def shown(value: Any, most: int = 60) -> str:
    """A value in a sentence. An amount whose currency nobody told is a number."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = (
        ", ".join(str(part) for part in value if part is not None)
        if isinstance(value, list)
        else " ".join(str(value).split())
    )
    return repr(text if len(text) <= most else text[: most - 1] + "…")


def provenance(history: Sequence[Entry]) -> dict[str, dict[str, Any]]:
    """{field: run, time, connection, rule and beaten values of what is agreed now}; newest entry of each field.

    ``*`` stands for fields that came with the entity's first records and met no other value.
    """
    found: dict[str, dict[str, Any]] = {}
    for run, at, body in history:
        for name, why in body.get("fields", {}).items():
            if name not in found and body.get("op") != "consent":
                told = {k: why[k] for k in ("from", "how", "at", "by", "beaten") if why.get(k)}
                found[name] = {**told, "run": run, "agreed_at": at, "value": why.get("after")}
    if history and "*" not in found:
        run, at, _ = history[-1]
        found["*"] = {"how": "came with its first records", "run": run, "agreed_at": at}
    return found


__all__ = ["of", "provenance", "sentence", "shown"]
