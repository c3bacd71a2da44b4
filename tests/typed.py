"""Types a page of the docs: its first block starts the systems, the others go into one shell, block by block."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
END = "@@ the block is done @@"
#: for machines without curl: as much of it as the pages use
CURL = """curl() { python - "$@" <<'PY'
import sys, urllib.error, urllib.request
words = sys.argv[1:]
address = next(word for word in words if word.startswith("http"))
data = "&".join(value for flag, value in zip(words, words[1:]) if flag == "-d")
try:
    answer = urllib.request.urlopen(address, data.encode() or None, 30)
except urllib.error.HTTPError as refused:
    answer = refused
print(answer.read().decode(), end="")
PY
}"""


class Page:
    """A page: ``steps`` are (heading, [commands, …], [lines that are shown, …]), a part of the page each."""

    def __init__(self, path: Path) -> None:
        text = path.read_text("utf-8")
        parts = re.split(r"^## (.*)$", text, flags=re.M)
        self.starts = [body for language, body in FENCE.findall(parts[0]) if language == "sh"]
        self.steps: list[tuple[str, list[tuple[str, str]]]] = []
        for heading, part in zip(parts[1::2], parts[2::2], strict=True):
            self.steps.append((heading, [(lang, body) for lang, body in FENCE.findall(part) if lang in ("sh", "text")]))


@contextmanager
def systems(starts: str, folder: Path) -> Iterator[dict[str, str]]:
    """Starts what the page starts, on any free port; the environment that they print, with our own program first."""
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    env.pop("SMARKSYNC_CONFIG", None)
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")  # two dozen commands compile the program once
    running: list[subprocess.Popen[str]] = []
    try:
        for line in starts.splitlines():
            words = re.sub(r"--port \d+", "--port 0", line).split()
            process = subprocess.Popen(
                words, env=env, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            running.append(process)
        for process in running:
            assert process.stdout is not None
            for line in process.stdout:
                if match := re.match(r"export (\w+)=(.*)", line):
                    env[match[1]] = match[2].strip()
                elif line.startswith("# or,"):
                    break
        yield env
    finally:
        for process in running:
            process.terminate()
            process.wait(30)
            assert process.stdout is not None
            process.stdout.close()


class Shell:
    """A shell into which blocks are typed; each gives what it printed. One that fails ends everything."""

    def __init__(self, env: dict[str, str], folder: Path) -> None:
        shutil.copytree(ROOT / "configs", folder / "configs")
        self.errors = (folder / "stderr").open("w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["bash"], env=env, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.type("set -euo pipefail")
        if shutil.which("curl") is None:
            self.type(CURL)

    def type(self, block: str) -> str:
        """What the block printed; AssertionError when a command of it failed."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{block}\necho; echo '{END}'\n")
        self.process.stdin.flush()
        said: list[str] = []
        for line in self.process.stdout:
            if line.strip() == END:
                return "".join(said)
            said.append(line)
        self.errors.seek(0)
        raise AssertionError(f"a command failed in:\n{block}\n{''.join(said)}\n{self.errors.read()}")

    def close(self) -> None:
        """Lets the shell go."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        self.errors.close()


def missing(shown: str, said: str) -> list[str]:
    """The lines of ``shown`` that no line of ``said`` begins with, columns apart; ``{month}`` is this month."""
    month = f"{datetime.now(UTC).astimezone(ZoneInfo('Europe/Berlin')):%Y-%m}"
    lines = [" ".join(line.split()) for line in said.splitlines()]
    wanted = [" ".join(line.replace("{month}", month).split()) for line in shown.splitlines()]
    return [line for line in wanted if not any(one.startswith(line) for one in lines)]
