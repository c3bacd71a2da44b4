"""Paginators notice circles; batches answer every ref."""

from __future__ import annotations

import pytest

from smarksync.errors import AuthFailed, Invalid, Malformed, Throttled, Transient, Unknown
from smarksync.kit.batch import one_by_one, pack, pair
from smarksync.kit.pages import KeysetPages, LinkPages, OffsetPages, TokenPages, position
from smarksync.plugin import Op, Receipt, Write, WriteResult


def test_tokens():
    pages = TokenPages("after")
    assert pages.params == {}
    pages.turn("a")
    assert (pages.more, pages.params) == (True, {"after": "a"})
    pages.turn("b")
    pages.turn("c", more=False)
    assert not pages.more
    with pytest.raises(Malformed, match="circle"):
        pages.turn("a")
    with pytest.raises(Malformed, match="no token"):
        pages.turn(None, more=True)


def test_links():
    pages = LinkPages("/1")
    pages.turn("/2")
    assert pages.link == "/2"
    with pytest.raises(Malformed, match="circle"):
        pages.turn("/1")
    pages.turn(None)
    assert not pages.more


def test_offsets_move_by_what_came_and_never_take_a_short_page_for_the_last():
    pages = OffsetPages(100)
    pages.turn(50, total=120)  # the server caps at 50
    assert (pages.more, pages.params) == (True, {"offset": 50, "limit": 100})
    pages.turn(0, total=220)
    assert (pages.more, pages.offset) == (True, 150)
    pages.turn(70, total=220)
    assert not pages.more


def test_an_empty_page_with_more_goes_on_but_not_for_ever():
    pages = OffsetPages(10, empty_pages=3)
    pages.turn(0, more=True)
    pages.turn(0, more=True)
    with pytest.raises(Malformed, match="empty pages"):
        pages.turn(0, more=True)


def test_keysets():
    pages = KeysetPages("09:00")
    pages.turn([("09:00", "a"), ("09:00", "b")], more=True)
    assert (pages.at, pages.id) == ("09:00", "b")
    with pytest.raises(Malformed, match="circle"):
        pages.turn([("09:00", "b"), ("09:00", "c")], more=True)
    with pytest.raises(Malformed, match="empty"):
        pages.turn([], more=True)
    pages.turn([], more=False)
    assert not pages.more


def test_a_cursor_of_another_version_is_not_read():
    assert position({"v": 1, "at": "x"}, 2) == {}
    assert position(None, 1) == {}
    assert position({"v": 1, "at": "x"}, 1)["at"] == "x"


def test_packing_by_count_and_bytes():
    assert list(pack(range(5), count=2)) == [[0, 1], [2, 3], [4]]
    assert list(pack(["aaaa", "bbbb", "c" * 50, "d"], count=9, size=14)) == [["aaaa", "bbbb"], ["c" * 50], ["d"]]
    assert list(pack([], count=2)) == []


def write(ref):
    return Write(ref, Op.UPDATE, {}, id=ref.upper())


def test_every_ref_is_answered_and_none_invented():
    answers = {ref: Receipt(ref, WriteResult.UPDATED) for ref in ("b", "never asked")}
    assert [(r.ref, r.result) for r in pair([write("a"), write("b")], answers)] == [
        ("a", WriteResult.UNKNOWN),
        ("b", WriteResult.UPDATED),
    ]


def test_one_call_a_row_keeps_mixed_results_mixed():
    fates = {"a": None, "b": Invalid("no"), "c": Unknown("lost"), "d": Throttled("slow", retry_after=9), "e": None}

    def send(row):
        if (fate := fates[row.ref]) is not None:
            raise fate
        return Receipt(row.ref, WriteResult.UPDATED, row.id)

    receipts = list(one_by_one([write(ref) for ref in fates], send))
    assert [r.result.value for r in receipts] == ["updated", "rejected", "unknown", "retry", "updated"]
    assert receipts[3].retry_after == 9
    assert [r.ref for r in receipts] == list(fates)


@pytest.mark.parametrize("failure", [Transient("down"), AuthFailed("no")])
def test_when_the_system_is_out_of_reach_every_row_is_known_not_sent_and_the_failure_raised(failure):
    def send(row):
        if row.ref == "b":
            raise failure
        return Receipt(row.ref, WriteResult.UPDATED, row.id)

    answers = one_by_one([write(ref) for ref in "abc"], send)
    receipts = [next(answers) for _ in "abc"]
    assert [(r.ref, r.result.value) for r in receipts] == [("a", "updated"), ("b", "retry"), ("c", "retry")]
    with pytest.raises(type(failure)):
        next(answers)
