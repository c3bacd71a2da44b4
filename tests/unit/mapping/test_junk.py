"""Whatever a system shows: translation succeeds or raises ValueProblem, and comparison never raises."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smarksync.mapping import CompiledField
from smarksync.mapping.lint import FITS
from smarksync.model import ABSENT, ValueProblem
from smarksync.plugin import FieldType

_WORDS = """NaN Infinity 1e999999 -0 0x1 ١٢ 2026-13-40 2026-11-22T25:00:00Z 99999999999999999 -99999999999999 + ;
0001-01-01T00:00:00+23:59 9999-12-31T23:59:59-23:59 2026-11-22T10:00:00"""
_ODD = st.sampled_from(["", " ", "\ud800", *_WORDS.split()])
_LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | _ODD
JUNK = st.recursive(
    _LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("id"), inner), max_leaves=4
)
KINDS = {"enum": "enum", "set": "set(text)", "ref": "ref(account)"}
PAIRS = [(kind, vendor) for kind, vendors in FITS.items() for vendor in sorted(vendors)]


@pytest.mark.parametrize(("kind", "vendor"), PAIRS, ids=lambda value: str(value))
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(raw=JUNK, other=JUNK)
def test_junk_is_refused_in_order(
    one: Callable[..., CompiledField], kind: str, vendor: FieldType, raw: Any, other: Any
) -> None:
    choices = ["true", "false"] if vendor is FieldType.CHOICE else None
    words = ("true", "false") if kind == "enum" else ()
    field = one(KINDS.get(kind, kind), vendor, words=words, choices=choices, resolution=timedelta(seconds=1))
    field.is_fold(raw, other)
    field.agrees(raw, None)
    field.same(raw, None)
    try:
        wire = field.inward(raw)
    except ValueProblem as refused:
        told = refused.message
        assert refused.code.startswith("SMK-")  # noqa: PT017 - what may be refused is what is tested
        assert not (isinstance(raw, str) and len(raw) > 4 and raw in told)
        return
    if wire is ABSENT:
        return
    assert field.same(raw, wire)
    try:
        sent = field.outward(wire)
    except ValueProblem:
        return
    assert field.agrees(sent, wire)
