"""What a server answers, as JSON: damage is told from what is merely odd."""

from __future__ import annotations

import pytest

from smarksync.errors import Malformed
from smarksync.kit.response import Answered, NotJson, Response, whole


def body(content: bytes) -> Response:
    return Response(200, {"content-type": "application/json"}, content)


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (rb'{"name": "Ann \ud83d"}', {"name": "Ann \ufffd"}),
        (rb'[{"name": "\ud83d\ude00"}, {"name": "\ude00\ud83d x"}]', [{"name": "😀"}, {"name": "\ufffd\ufffd x"}]),
        (b'{"name": "M\xfcller"}', {"name": "M\ufffdller"}),
        (rb'{"name": "\ud83d", "amount": 1e999}', {"name": "\ufffd", "amount": "1e999"}),
    ],
)
def test_half_a_character_does_not_make_a_whole_page_unreadable(content: bytes, read: object) -> None:
    assert body(content).json == read


@pytest.mark.parametrize("content", [b'{"a": 1', b'{"a": NaN}', b"[" * 100_000, b'{"a": ' + b"9" * 5_000 + b"}"])
def test_what_is_damaged_is_still_said_to_be(content: bytes) -> None:
    with pytest.raises(NotJson) as caught:
        _ = body(content).json
    assert caught.value.cut


def test_a_documented_key_that_is_missing_is_told_with_vendor_and_place() -> None:
    found = Answered({"results": [{"id": 1}, {}]}, "Acme's answer of /people")
    one, two = found.rows("results")
    assert one["id"] == 1 and two.get("id") is None and dict(one) == {"id": 1}
    with pytest.raises(Malformed, match="Acme's answer of /people has an object without `id`, which is documented"):
        two["id"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Acme's answer has no list `rows`"),
        ({"rows": {}}, "Acme's answer has no list `rows`"),
        ({"rows": [None]}, "Acme's answer has nothing where an object is documented"),
        ({"rows": ["x"]}, "Acme's answer has a plain value where an object is documented"),
        ([], "Acme's answer has a list where an object is documented"),
    ],
)
def test_what_is_no_list_of_objects_is_malformed(body: object, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        Answered(body, "Acme's answer").rows("rows")


def test_a_whole_number_may_be_written_as_text_and_nothing_else_is_one() -> None:
    row = Answered(
        {"id": 7, "text": "8", "odd": "seven", "flag": True, "part": 1.5, "none": None}, "Acme's answer of /people"
    )
    assert (whole(row, "id"), whole(row, "text")) == (7, 8)
    for key in ("odd", "flag", "part", "none"):
        with pytest.raises(Malformed, match=f"Acme's answer of /people has an object whose `{key}` is no whole number"):
            whole(row, key)
    with pytest.raises(Malformed, match="without `gone`, which is documented"):
        whole(row, "gone")
