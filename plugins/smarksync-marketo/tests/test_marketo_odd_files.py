"""Bulk extracts whose answers or files are none: told in words, and nothing of them is taken for read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from smarksync_marketo.fields import ALWAYS

from smarksync.plugin import Malformed

from .conftest import FIELDS, Instance

Make = Callable[..., Instance]
COLUMNS = [*ALWAYS, *(name for name in (*FIELDS, "company") if name not in ALWAYS)]
HEADER = ",".join(COLUMNS)


def line(**cells: str) -> str:
    return ",".join(cells.get(name, "null") for name in COLUMNS)


def exported(m: Instance, file: Any, **status: Any) -> None:
    """Every job is done at once, and this is its file."""
    told = {"exportId": "x", "status": "Completed", "numberOfRecords": 1, **status}
    m.sim.faults.answer(200, {"requestId": "1", "success": True, "result": [told]}, path="*/status.json", times=None)
    m.sim.faults.answer(200, file, path="*/file.json", times=None)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (f"{HEADER}\n{line(id='1001', firstName='x')}\n".encode().replace(b"x", b"\xff"), "no CSV in UTF-8"),
        (f'{HEADER}\n{line(id="1001")}\n"{"a" * 140_000}', "no CSV in UTF-8"),
        ("id,createdAt,updatedAt\n1001,null,null\n", "no column"),
        ("<html><body>Bad gateway</body></html>", "no column"),
        ("", "0 rows"),
        (f"{HEADER}\n", "0 rows"),
        (f"{HEADER}\n1001,null\n", "number of columns"),
        (f"{HEADER}\n{line(id='one')}\n", "number is documented"),
        (f"{HEADER}\n{line(id='1001', leadScore='high')}\n", "number is documented"),
        (f"{HEADER}\n{line(id='1001', leadScore='1e999.')}\n", "number is documented"),
    ],
    ids=["bytes", "endless", "columns", "page", "empty", "header", "cells", "id", "score", "infinite"],
)  # fmt: skip
def test_a_file_of_leads_that_is_none(marketo: Make, file: Any, words: str) -> None:
    m = marketo(people=5)
    m.again(bulk="always")
    exported(m, file)
    with pytest.raises(Malformed, match=words):
        m.read(fields=(*FIELDS, "company"))


@pytest.mark.parametrize("name", ["numberOfRecords", "fileSize"])
@pytest.mark.parametrize("value", ["many", 1.5, [], {"a": 1}, True], ids=str)
def test_a_count_of_a_job_that_is_no_number(marketo: Make, name: str, value: object) -> None:
    m = marketo(people=5)
    m.again(bulk="always")
    exported(m, f"{HEADER}\n{line(id='1001')}\n", **{name: value})
    with pytest.raises(Malformed, match=name):
        m.read()


@pytest.mark.parametrize("stream", ["activities", "memberships"])
def test_a_file_of_facts_that_ends_early_or_has_other_columns(marketo: Make, stream: str) -> None:
    m = marketo(people=5)
    m.again(bulk="always")
    exported(m, "color,size\nred,7\n")
    with pytest.raises(Malformed, match="documented"):
        m.read(stream=stream, fields=("leadId", "lead", "campaign"))
    m.sim.faults.clear()
    exported(m, "")
    with pytest.raises(Malformed, match="0 rows"):
        m.read(stream=stream, fields=("leadId", "lead", "campaign"))
