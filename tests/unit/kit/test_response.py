"""What a server answers, as JSON: damage is told from what is merely odd."""

from __future__ import annotations

import pytest

from smarksync.kit.response import NotJson, Response


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
