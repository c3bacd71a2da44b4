"""Why BottleCRM refused a row, as stable codes.

It says so with 400 and one of three shapes (recorded): ``{"error": true, "errors": {field: [words]}}``,
``{"error": true, "errors": "words"}``, or ``{field: [words]}`` for ids that are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from smarksync.kit.response import NotJson, Response

DUPLICATE = "SMK-DUPLICATE"
REFUSED = "SMK-REFUSED"
GONE = "SMK-GONE"
CONVERTED = "SMK-CONVERTED"

# "Another lead in this organisation already uses that email address.", "Contact already exists with this email", …
_TAKEN = re.compile(r"\balready (exists|uses|used)\b", re.IGNORECASE)
# its sentences repeat the refused value in quotes; that may be somebody's address
_QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'")


class Refusal(NamedTuple):
    """A refused row: our code, the vendor's words without values, and the first field at fault."""

    code: str
    message: str
    field: str | None


def refusal(answer: Response) -> Refusal:
    """What an answer of 400 or 403 says of the row."""
    try:
        body = answer.json
    except NotJson:
        body = None
    errors = body.get("errors", body) if isinstance(body, Mapping) else None
    found = list(_sentences(errors, ""))
    if not found:
        return Refusal(REFUSED, f"refused ({answer.status})", None)
    taken = next((entry for entry in found if _TAKEN.search(entry[1])), None)
    field, _ = taken or found[0]
    words = "; ".join(f"{name}: {text}" if name else text for name, text in found[:5])
    return Refusal(DUPLICATE if taken else REFUSED, _QUOTED.sub("…", words), field or None)


def _sentences(errors: Any, field: str) -> list[tuple[str, str]]:
    if isinstance(errors, str):
        return [] if field in ("error", "message") else [(field, errors)]
    if isinstance(errors, Mapping):
        # custom fields nest one deeper: {"custom_fields": {key: "must be a boolean"}}
        named = ((f"{field}.{name}" if field else str(name), inner) for name, inner in errors.items())
        return [found for name, inner in named for found in _sentences(inner, name)]
    if isinstance(errors, list):
        return [found for inner in errors for found in _sentences(inner, field)]
    return []
