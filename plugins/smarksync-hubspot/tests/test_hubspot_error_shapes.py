"""Every error shape of crm.md 2.9 that a row may get: its code, what people read, what happens to the record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hubspot_account import Account

from smarksync.plugin import Op, WriteResult

_R = WriteResult


def invalid(name: str, code: str, words: str) -> dict[str, Any]:
    """Values that are not valid: the message holds JSON as text, with the value in it."""
    inner = json.dumps([{"isValid": False, "message": words, "error": code, "name": name}], separators=(",", ":"))
    return {"status": "error", "message": f"Property values were not valid: {inner}", "category": "VALIDATION_ERROR"}


SHAPES: tuple[tuple[str, int, dict[str, Any], WriteResult, str, str | None, str], ...] = (
    ("no such property", 400, {
        **invalid("jobtitle", "PROPERTY_DOESNT_EXIST", 'Property "jobtitle" does not exist'),
        "errors": [{"message": "does not exist", "code": "PROPERTY_DOESNT_EXIST", "context": {"propertyName": ["jobtitle"]}}],
    }, _R.REJECTED, "SMK-INVALID", "jobtitle", "PROPERTY_DOESNT_EXIST"),
    *(
        (code, 400, invalid("jobtitle", code, "Head of Secrets was not valid"), _R.REJECTED, ours, "jobtitle", code)
        for ours, codes in (
            ("SMK-VALUE-TYPE", ("INVALID_LONG", "INVALID_EMAIL", "INVALID_FLOAT", "INVALID_DATE")),
            ("SMK-PICKLIST-UNMAPPED", ("INVALID_OPTION",)), ("SMK-READ-ONLY", ("READ_ONLY_VALUE",)),
            ("SMK-TOO-LONG", ("STRING_TOO_LONG",)), ("SMK-REFUSED", ("NEVER_HEARD_OF",)),
        )
        for code in codes
    ),
    ("required", 400, {
        "status": "error", "message": "Invalid input JSON on line 1, column 60. Some required fields were not set: [name]",
        "category": "VALIDATION_ERROR",
    }, _R.REJECTED, "SMK-REQUIRED", None, "required fields"),
    ("conflict", 409, {
        "status": "error", "message": "Contact already exists. Existing ID: 37765128953", "category": "CONFLICT",
    }, _R.REJECTED, "SMK-DUPLICATE", None, "already exists"),
    ("object type", 400, {"status": "error", "message": "Unable to infer object type from: butterflies"},
     _R.REJECTED, "SMK-REFUSED", None, "infer object type"),
    ("not found", 404, {"status": "error", "message": "Object not found", "category": "OBJECT_NOT_FOUND"},
     _R.CONFLICT, "SMK-GONE", None, "not there any more"),
    ("rate", 400, {"status": "error", "message": "slow down", "category": "RATE_LIMITS"}, _R.RETRY, "SMK-THROTTLED", None, "slow down"),
    ("no word", 400, {"status": "error"}, _R.REJECTED, "SMK-REFUSED", None, "without a word"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "status", "body", "result", "ours", "field", "read"), SHAPES, ids=[s[0] for s in SHAPES]
)
def test_a_row_is_told_by_its_error(
    hub: Account,
    name: str,
    status: int,
    body: dict[str, Any],
    result: WriteResult,
    ours: str,
    field: str | None,
    read: str,
) -> None:
    rid = hub.sim.create("contacts", email="ada@example.com", jobtitle="Countess")
    hub.connector.describe("contacts")
    hub.sim.faults.answer(status, body, path="*/contacts/batch/update", times=None)
    (receipt,) = hub.write("contacts", Op.UPDATE, {"id": rid, "jobtitle": "Head of Secrets"})
    assert (receipt.result, receipt.code, receipt.field) == (result, ours, field)
    assert read in str(receipt.message) and "Secrets" not in str(receipt.message)
    assert receipt.duplicate_of == (("37765128953",) if name == "conflict" else ())


def test_a_web_page_instead_of_an_answer_is_no_refusal_of_the_row(hub: Account) -> None:
    # recorded: text/html of a Jetty server, with X-HubSpot-NotFound
    rid = hub.sim.create("contacts", email="ada@example.com")
    hub.connector.describe("contacts")
    page = "<html><h2>HTTP ERROR 404</h2><p>Resource not found</p></html>"
    hub.sim.faults.answer(404, page, path="*/contacts/batch/update", times=None)
    (receipt,) = hub.write("contacts", Op.UPDATE, {"id": rid, "jobtitle": "Head of Secrets"})
    assert receipt.result in (WriteResult.REJECTED, WriteResult.CONFLICT) and "html" not in str(receipt.message)
