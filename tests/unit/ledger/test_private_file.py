"""The ledger's file: made for its owner only, and never opened and closed beside SQLite, which would drop its locks."""

import fcntl
import os
import subprocess
import sys

import pytest

from smarksync.errors import LedgerError
from smarksync.ledger.db import Ledger, private_file

TRY = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB)"


def test_looking_at_a_file_again_keeps_the_locks_that_this_process_has_on_it(tmp_path):
    path = str(tmp_path / "acme.db")
    private_file(path)
    with open(path, "r+b") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        private_file(path)
        assert subprocess.run([sys.executable, "-c", TRY, path], check=False, capture_output=True).returncode != 0


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path):
    path = tmp_path / "acme.db"
    path.touch(0o644)
    private_file(str(path))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_folder_is_no_ledger(tmp_path):
    with pytest.raises(LedgerError, match="cannot be opened"):
        private_file(str(tmp_path))


def test_two_processes_begin_one_ledger_at_the_same_moment(tmp_path):
    code = "import sys; from smarksync.ledger.db import Ledger; Ledger('sqlite:///' + sys.argv[1]).close()"
    path = str(tmp_path / "acme.db")
    both = [subprocess.Popen([sys.executable, "-c", code, path], stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0, 0], said
    ledger = Ledger(f"sqlite:///{path}")
    assert ledger.value("SELECT count(*) FROM meta") is not None
    ledger.close()
    assert os.stat(path).st_mode & 0o777 == 0o600
