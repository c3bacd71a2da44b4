"""Starting and stopping the real servers that live tests talk to; the work is in the shell scripts beside this."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
#: Where servers are installed and run: SMARKSYNC_PEERS, else `.peers` in the repository.
HOME = Path(os.environ.get("SMARKSYNC_PEERS") or HERE.parents[2] / ".peers")
#: Seconds: installing Ghost fetches some hundred packages.
_INSTALL, _START = int(os.environ.get("SMARKSYNC_PEERS_PATIENCE") or 1800), 300


class Unavailable(Exception):
    """The server cannot be had on this machine; the message says what is missing."""


class Peer:
    """One running instance of a real server on loopback. Its keys are attributes (``token``, ``admin_key``, …)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = 0
        self.url = ""
        self.keys: dict[str, Any] = {}
        self._database_port = 0

    def __getattr__(self, name: str) -> str:
        try:
            return str(self.__dict__["keys"][name])
        except KeyError:
            raise AttributeError(f"{self.__dict__.get('name')} has no {name}") from None

    def start(self) -> Peer:
        """Installs the server if need be and starts it with fresh data. Raises :class:`Unavailable`."""
        self.port, self._database_port = free_ports(2)
        folder = HOME / self.name
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "lock").open("w") as lock:  # two test runs at once install once
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._run("install", _INSTALL)
        self.reset()
        return self

    def reset(self) -> None:
        """Fresh data at the same address, in a few seconds."""
        shown = self._run("up", _START)
        self.keys = json.loads(Path(shown.split()[-1]).read_text())
        self.url = self.keys["url"]

    def restart(self) -> None:
        """The same data again, as after a crash of the server."""
        self._run("restart", _START)

    def stop(self) -> None:
        """Ends the processes that ``start`` began, by their ids."""
        if self.port:
            with suppress(Unavailable):
                self._run("down", _START)

    def end(self) -> None:
        """Stops it and removes its data; what was installed stays for the next time."""
        self.stop()
        if self.port:
            shutil.rmtree(HOME / self.name / str(self.port), ignore_errors=True)

    def _run(self, command: str, seconds: int) -> str:
        env = {**os.environ, "PEERS_DIR": str(HOME), "MARIADB_PORT": str(self._database_port)}
        call = ["bash", str(HERE / f"{self.name}.sh"), command, str(self.port)]
        try:
            done = subprocess.run(call, env=env, capture_output=True, text=True, timeout=seconds, check=False)
        except FileNotFoundError:
            raise Unavailable("needs bash") from None
        except subprocess.TimeoutExpired:
            raise Unavailable(f"{self.name}.sh {command} took longer than {seconds} s") from None
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise Unavailable(said[-1] if said else f"{self.name}.sh {command} failed")
        return done.stdout


def free_ports(number: int) -> list[int]:
    """Ports of loopback that nothing listens on now."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
