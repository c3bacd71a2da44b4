"""Fingerprints: equal for rows with the same fields and values, different for all others, of one mapping."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarksync.engine.raw import Fingerprints

_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=5),
    st.lists(st.text(max_size=3), max_size=3), st.dictionaries(st.sampled_from("xyz"), st.text(max_size=2), max_size=3),
)  # fmt: skip
_ROWS = st.dictionaries(st.sampled_from(["a", "b", "c", "d", "ab"]), _VALUES, max_size=5)


def _exactly(row: dict[str, Any]) -> str:
    """Apart from the order of fields: True is no 1, and null is not absent."""
    return repr(sorted((name, _inorder(value)) for name, value in row.items()))


def _inorder(value: Any) -> str:
    return f"of {sorted(value.items())!r}" if isinstance(value, dict) else repr(value)


@given(st.lists(_ROWS, min_size=2, max_size=8), st.randoms())
def test_equal_rows_alone_have_equal_fingerprints(rows: list[dict[str, Any]], random: Any) -> None:
    prints = Fingerprints(b"mapping")
    told: dict[bytes, str] = {}
    for row in rows:
        names = list(row)
        random.shuffle(names)
        found = prints.of({name: row[name] for name in names})
        assert found == Fingerprints(b"mapping").of(row), "whatever came before, and in whatever order"
        assert told.setdefault(found, _exactly(row)) == _exactly(row)
    assert len(told) == len({_exactly(row) for row in rows})


def test_another_mapping_sees_other_rows() -> None:
    row = {"a": "1", "b": None}
    assert Fingerprints(b"one").of(row) != Fingerprints(b"two").of(row)


def test_rows_that_all_have_other_fields_are_told_apart_in_bounded_memory() -> None:
    prints = Fingerprints(b"mapping")
    rows = [{f"f{n}": "x", f"g{n}": "y"} for n in range(1_000)]
    assert len({prints.of(row) for row in rows}) == 1_000
    assert [prints.of(row) for row in rows] == [Fingerprints(b"mapping").of(row) for row in rows]
    assert len(prints._shapes) < 300


def test_a_value_that_no_json_holds_is_said() -> None:
    with pytest.raises(TypeError):
        Fingerprints(b"mapping").of({"a": b"bytes", "b": 1})
