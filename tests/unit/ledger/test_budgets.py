"""One limit for all processes on an account: the vendor counts calls, not processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from smarksync.errors import LedgerError, Throttled
from smarksync.kit.budget import Budgets
from smarksync.ledger.budgets import SharedBudgets, budgets_path

SENDER = textwrap.dedent("""\
    import sys, time
    from smarksync.kit.budget import Budgets
    from smarksync.ledger.budgets import SharedBudgets

    budget = Budgets(shared=SharedBudgets(sys.argv[1])).get("account", "20/300ms")
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(40):
        slot = budget.take()
        print(time.monotonic(), flush=True)  # the vendor counts it here
        budget.answered(slot)
    """)


def busiest(times: list[float], window: float) -> int:
    """The most calls in any window."""
    return max(sum(at <= other < at + window for other in times) for at in times)


def test_two_processes_together_keep_the_limit(tmp_path: Path) -> None:
    """80 calls at 20 in 300 ms, by two processes that know nothing of each other but the file."""
    file = str(tmp_path / "acme.db.budgets")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    senders = [subprocess.Popen([sys.executable, "-c", SENDER, file], **pipes) for _ in range(2)]
    assert [sender.stdout.readline() for sender in senders] == ["ready\n"] * 2
    for sender in senders:
        sender.stdin.write("go\n")
        sender.stdin.flush()
    told = [sender.communicate(timeout=60)[0] for sender in senders]
    times = [float(line) for text in told for line in text.splitlines()]
    assert [sender.returncode for sender in senders] == [0, 0]
    assert len(times) == 80
    assert busiest(times, 0.3) <= 20
    assert max(times) - min(times) >= 3 * 0.3


def test_threads_of_one_process_share_it_too(tmp_path: Path) -> None:
    shared = SharedBudgets(str(tmp_path / "b"))
    budget = Budgets(shared=shared).get("account", "10/200ms")
    budget.answered(budget.take())  # opens the file

    def send() -> None:
        for _ in range(10):
            budget.answered(budget.take())

    begin = time.monotonic()
    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared.close()
    assert time.monotonic() - begin >= 3 * 0.2 * 0.9


def test_a_pause_that_the_vendor_asked_for_holds_for_the_other_process(tmp_path: Path) -> None:
    """A 429 that one process got is no reason for the other to find out for itself."""
    ours, theirs = SharedBudgets(str(tmp_path / "b")), SharedBudgets(str(tmp_path / "b"))
    Budgets(shared=ours).get("account", None).pause(3600)
    with pytest.raises(Throttled) as told:
        Budgets(shared=theirs).get("account", None).take(patience=60)
    assert 3500 < (told.value.retry_after or 0) <= 3600
    Budgets(shared=theirs).get("another", None).take()
    ours.close()
    theirs.close()


def test_looking_makes_no_file(tmp_path: Path) -> None:
    shared = SharedBudgets(str(tmp_path / "b"))
    Budgets(shared=shared).get("account", None).take()
    assert list(tmp_path.iterdir()) == []
    shared.close()


def test_what_left_the_window_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "b"
    shared = SharedBudgets(str(file))
    budget = Budgets(shared=shared).get("account", "5/20ms")
    for _ in range(40):
        budget.answered(budget.take())
    shared.close()
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("SELECT count(*) FROM slots").fetchone()[0] <= 6


def test_a_file_that_is_none_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("this is not a database, and it is longer than a header of one would be " * 20)
    with pytest.raises(LedgerError, match="made anew"):
        SharedBudgets(str(tmp_path / "b")).pause("account", 1)


def test_it_stands_beside_the_ledger() -> None:
    assert budgets_path("/srv/acme.db") == "/srv/acme.db.budgets"


TOLD = """\
import sys
from smarksync.kit.budget import Budgets
from smarksync.ledger.budgets import SharedBudgets

Budgets(shared=SharedBudgets(sys.argv[1])).get("account", "20/1s").keep(0, told=int(sys.argv[2]))
"""


def test_what_is_kept_for_hand_offs_is_kept_by_every_process(tmp_path: Path) -> None:
    """Another process heard that 500 calls are left: this one, which was told nothing yet, spends none of them."""
    file = str(tmp_path / "acme.db.budgets")
    shared = SharedBudgets(file)
    # a vendor may have several rates on one account: what is left of its day is one number
    budget = Budgets(shared=shared).get("account", "4/1s", name="hub")
    budget.keep(500, told=None)
    for left, kept in ((501, False), (500, True), (9_000, False)):
        subprocess.run([sys.executable, "-c", TOLD, file, str(left)], check=True, timeout=60)
        if not kept:
            budget.keep(500, told=None)
            continue
        with pytest.raises(Throttled, match="hub: the 500 calls that its account has left today are kept") as caught:
            budget.keep(500, told=None)
        assert caught.value.kept and caught.value.retry_after, "nobody tries again at once"
        budget.keep(0, told=None)
    shared.close()


def test_what_a_vendor_said_long_ago_is_no_news(tmp_path: Path) -> None:
    later = [0.0]
    shared = SharedBudgets(str(tmp_path / "b"), uptime=lambda: 100.0 + later[0])
    shared.tell("account", 3)
    assert shared.left("account") == 3 and shared.left("other") is None
    later[0] = 3600.0
    assert shared.left("account") is None, "the day may be a new one"
    shared.close()


def test_a_file_that_cannot_be_written_is_said_where_calls_are_counted_too(tmp_path: Path) -> None:
    shared = SharedBudgets(str(tmp_path / "b"))
    budget = Budgets(shared=shared).get("account", "5/1s")
    budget.answered(budget.take())
    shared.close()
    (tmp_path / "b").write_text("overwritten by somebody " * 400)
    with pytest.raises(LedgerError, match="made anew"):
        budget.take()
