"""Who may send when: rates in words, one budget an account, slots that are held until an answer came."""

from __future__ import annotations

import httpx
import pytest

from smarksync.errors import ConfigError, SystemFailure, Throttled
from smarksync.kit.budget import Budgets, parse_rates
from smarksync.kit.clock import ManualClock
from smarksync.kit.session import OpenSession
from smarksync.kit.slots import OwnSlots

URL = "https://crm.example.com"


@pytest.mark.parametrize(
    ("text", "rates"),
    [
        ("100/10s", [(100, 10)]),
        ("5 per second", [(5, 1)]),
        ("60/minute", [(60, 60)]),
        ("250000/day, 100/10s", [(100, 10), (250_000, 86_400)]),
        ("10/2 hours", [(10, 7_200)]),
        ("20/400ms", [(20, 0.4)]),
        ("7/5 mins", [(7, 300)]),
    ],
)
def test_rates(text, rates):
    assert parse_rates(text) == rates


@pytest.mark.parametrize(
    "text", ["fast", "10", "0/s", "10/0s", "10/fortnight", "5/s, 1/day", "5/s, 60/10s", "5/s, 4/s"]
)
def test_what_is_no_rate(text):
    with pytest.raises(ConfigError, match="rate_limit"):
        parse_rates(text)


class Kept:
    """What stands for the other processes."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.pauses: dict[str, float] = {}

    def slots(self, account, rates):
        self.made.append(account)
        return OwnSlots(rates, ManualClock().monotonic)

    def pause(self, account, seconds):
        self.pauses[account] = seconds

    def paused(self, account):
        return self.pauses.get(account, 0.0)


def test_accounts_share_one_budget_and_processes_its_slots():
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


class Slow:
    """A network whose answers take so many seconds, by a clock that nobody waits for; or that fails in some way."""

    def __init__(self, seconds):
        self.clock, self.seconds, self.problem = ManualClock(), seconds, None
        self.left: list[float] = []
        self.session = OpenSession("crm", clock=self.clock, transport=httpx.MockTransport(self.answer))

    def answer(self, request):
        self.left.append(self.clock.monotonic())
        self.clock.move(self.seconds)
        if self.problem is not None:
            raise self.problem
        return httpx.Response(200, json={})


@pytest.fixture
def slow():
    net = Slow(3.0)
    yield net
    net.session.close()


def test_a_call_counts_from_its_answer(slow):
    """It may have arrived at any moment before that."""
    client = slow.session.client(URL, rate_limit="1/10s")
    client.get("/a")
    client.get("/b")
    assert slow.left == [0.0, pytest.approx(13.01)]


@pytest.mark.parametrize(
    ("problem", "again"),
    [
        (httpx.ConnectError("nobody there"), 13.01),
        (httpx.ReadError("hung up"), 13.01),
        (httpx.RemoteProtocolError("hung up"), 13.01),
        (httpx.ReadTimeout("no answer"), 110.01),  # 10 s to connect and three times 30 s: until then it may arrive
        (httpx.WriteTimeout("no answer"), 110.01),
        (KeyboardInterrupt(), 110.01),
    ],
)
def test_a_call_that_failed_counts_as_long_as_it_may_have_arrived(slow, problem, again):
    client = slow.session.client(URL, rate_limit="1/10s")
    slow.problem = problem
    with pytest.raises((SystemFailure, KeyboardInterrupt)):
        client.request("POST", "/a", json={})
    first = len(slow.left)
    slow.problem = None
    client.get("/b")
    assert slow.left[first] - slow.left[first - 1] == pytest.approx(again)
