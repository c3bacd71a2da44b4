"""Paginators notice circles; batches answer every ref."""

from __future__ import annotations

import pytest
from pyrate_limiter import InMemoryBucket

from smarksync.errors import AuthFailed, ConfigError, Invalid, Malformed, Throttled, Transient, Unknown
from smarksync.kit.batch import one_by_one, pack, pair
from smarksync.kit.budget import Budgets, parse_rates
from smarksync.kit.clock import ManualClock
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


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("100/10s", [(100, 10_000)]),
        ("5 per second", [(5, 1000)]),
        ("60/minute", [(60, 60_000)]),
        ("250000/day, 100/10s", [(100, 10_000), (250_000, 86_400_000)]),
        ("10/2 hours", [(10, 7_200_000)]),
        ("20/400ms", [(20, 400)]),
        ("7/5 mins", [(7, 300_000)]),
    ],
)
def test_rates(text, rates):
    assert [(rate.limit, rate.interval) for rate in parse_rates(text)] == rates


@pytest.mark.parametrize("text", ["fast", "10", "0/s", "10/0s", "10/fortnight", "5/s, 1/day"])
def test_what_is_no_rate(text):
    with pytest.raises(ConfigError, match="rate_limit"):
        parse_rates(text)


class Kept:
    """What stands for the other processes."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.pauses: dict[str, float] = {}

    def bucket(self, account, rates):
        self.made.append(account)
        return InMemoryBucket(rates)

    def pause(self, account, seconds):
        self.pauses[account] = seconds

    def paused(self, account):
        return self.pauses.get(account, 0.0)


def test_accounts_share_one_budget_and_processes_one_bucket():
    kept = Kept()
    budgets = Budgets(clock=ManualClock(), shared=kept)
    assert budgets.get("crm", "5/s") is budgets.get("crm", "5/s")
    assert budgets.get("crm", "5/s") is not budgets.get("audience", "5/s")
    assert kept.made == ["crm 5/s", "audience 5/s"]
    budgets.get("crm", "5/s").pause(90)
    assert kept.pauses == {"crm 5/s": 90}
    with pytest.raises(Throttled):
        Budgets(clock=ManualClock(), shared=kept).get("crm", "5/s").take(patience=60)


def test_calls_that_a_vendor_counts_apart_have_a_budget_of_their_own():
    """HubSpot allows five searches a second, and a hundred calls of other kinds in ten: one must not eat the other."""
    kept = Kept()
    budgets = Budgets(clock=ManualClock(), shared=kept)
    budgets.get("hub", "5/1s").pause(3600)
    budgets.get("hub", "100/10s").take(patience=1)
    assert kept.made == ["hub 5/1s", "hub 100/10s"]
