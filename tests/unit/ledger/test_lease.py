"""Who holds a lease: the living do, and the dead never, however they died and whoever has their number now."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from smarksync.errors import LeaseHeld
from smarksync.ledger import lease, process
from smarksync.ledger.db import Ledger

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path}/t.db")
    yield ledger
    ledger.close()


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Another process."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE) as other:
        yield other
        other.kill()


def held_by(ledger: Ledger, pid: int, marked: str) -> None:
    lease.take(ledger, ["sales:leads"], "the-other-run", NOW)
    ledger.hold({})
    ledger.run("UPDATE leases SET pid = ?, started = ?", (pid, marked))


def take(ledger: Ledger, seconds: float = 0) -> None:
    lease.take(ledger, ["sales:leads"], "mine", NOW + timedelta(seconds=seconds))


def dead_and_not_buried(other: subprocess.Popen[bytes]) -> None:
    """kill -9, and the parent does not ask for its end: a zombie."""
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    os.kill(other.pid, 0)  # the number is still taken


def test_a_living_holder_keeps_its_lease_however_silent(ledger: Ledger, sleeper: subprocess.Popen[bytes]) -> None:
    held_by(ledger, sleeper.pid, process.mark(sleeper.pid))
    with pytest.raises(LeaseHeld, match=f"the-other-run, process {sleeper.pid} .* sales:leads.*Nothing was done here"):
        take(ledger, 86_400)
    assert lease.holders(ledger, NOW)[0].alive


@pytest.mark.parametrize("with_mark", [True, False])
def test_a_zombie_holds_nothing(ledger: Ledger, sleeper: subprocess.Popen[bytes], with_mark: bool) -> None:
    held_by(ledger, sleeper.pid, process.mark(sleeper.pid) if with_mark else "")
    dead_and_not_buried(sleeper)
    assert not lease.holders(ledger, NOW)[0].alive
    take(ledger)


def test_a_buried_process_holds_nothing(ledger: Ledger, sleeper: subprocess.Popen[bytes]) -> None:
    held_by(ledger, sleeper.pid, process.mark(sleeper.pid))
    sleeper.kill()
    sleeper.wait()
    take(ledger)


def test_another_process_with_the_number_of_a_dead_one_holds_nothing(ledger: Ledger) -> None:
    began, _, rest = process.mark(os.getpid()).partition(" ")
    held_by(ledger, os.getpid(), f"{int(began) - 1} {rest}")
    take(ledger)


def test_what_ran_before_the_machine_was_started_anew_holds_nothing(ledger: Ledger) -> None:
    began, _, namespace = process.mark(os.getpid()).split(" ")
    held_by(ledger, os.getpid(), f"{began} 00000000-another-start {namespace}")
    take(ledger)


def test_a_holder_in_another_container_is_judged_by_its_signs_of_life(ledger: Ledger) -> None:
    """Its number means nothing here: not that it lives, and not that it is dead."""
    began, boot, _ = process.mark(os.getpid()).split(" ")
    held_by(ledger, 2**22 + 7, f"{began} {boot} pid:[1]")
    with pytest.raises(LeaseHeld, match="a minute after it died"):
        take(ledger, 59)
    take(ledger, 61)


def test_a_sign_of_life_from_tomorrow_is_none(ledger: Ledger) -> None:
    """The clock was set back by a day: a dead holder elsewhere does not hold for a day."""
    held_by(ledger, 1, "")
    ledger.run("UPDATE leases SET host = 'elsewhere', heartbeat = ?", ((NOW + timedelta(days=1)).isoformat(),))
    take(ledger)


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps on this machine (Debian: apt install procps)")
def test_without_proc_the_same_is_asked_of_ps(
    ledger: Ledger, sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_boot", lambda: "")
    monkeypatch.setattr(process, "_namespace", lambda: "")
    marked = process.mark(sleeper.pid)
    assert marked
    assert process.lives(sleeper.pid, marked)
    assert not process.lives(sleeper.pid, "Sun-Nov-22-08:50:22-1970")
    dead_and_not_buried(sleeper)
    assert not process.lives(sleeper.pid, marked)
    sleeper.wait()
    assert not process.lives(sleeper.pid, marked)


def test_with_neither_proc_nor_ps_a_process_that_answers_lives(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_boot", lambda: "")
    monkeypatch.setattr(process, "_namespace", lambda: "")
    monkeypatch.setenv("PATH", "/nowhere")
    assert process.mark(sleeper.pid) == ""
    assert process.lives(sleeper.pid, "")
    sleeper.kill()
    sleeper.wait()
    assert not process.lives(sleeper.pid, "")
