"""The connector of docs/plugins.md, asked as anybody's plugin is: by a suite, and by the command line."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from smarksync.testing import ConnectorContract

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BIN = Path(sys.executable).parent


def _rolodex() -> ModuleType:
    found = importlib.util.spec_from_file_location("smarksync_rolodex", ROOT / "tests/typing/smarksync_rolodex.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["smarksync_rolodex"] = module
    found.loader.exec_module(module)
    return module


class TestRolodex(ConnectorContract):
    spec = replace(_rolodex().SPEC, simulator="rolodex_simulator:RolodexSimulator")
    page_rows = 5


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """An environment in which the plugin is installed, with its simulator."""
    site = tmp_path / "site"
    dist = site / "smarksync_rolodex-0.1.0.dist-info"
    dist.mkdir(parents=True)
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: smarksync-rolodex\nVersion: 0.1.0\n")
    (dist / "entry_points.txt").write_text("[smarksync]\nrolodex = smarksync_rolodex\n")
    source = (ROOT / "tests/typing/smarksync_rolodex.py").read_text("utf-8")
    named = source.replace(
        "    preset=PRESET,", '    preset=PRESET,\n    simulator="rolodex_simulator:RolodexSimulator",'
    )
    (site / "smarksync_rolodex.py").write_text(named, "utf-8")
    (site / "rolodex_simulator.py").write_text((HERE / "rolodex_simulator.py").read_text("utf-8"), "utf-8")
    return {**os.environ, "PYTHONPATH": str(site), "NO_COLOR": "1"}


def test_the_command_asks_the_simulator(installed: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "smarksync", "conformance", "rolodex", "--json"],
        cwd=tmp_path, env=installed, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    assert told["conforms"] is True
    assert [clause["number"] for clause in told["clauses"]] == list(range(1, 33))
    assert told["score"]["spec"] == {"passed": 5, "tested": 5, "not_tested": 0}


def test_the_command_says_what_is_broken(installed: dict[str, str], tmp_path: Path) -> None:
    module = Path(installed["PYTHONPATH"], "smarksync_rolodex.py")
    text = module.read_text("utf-8")
    found = 'yield from (_record(row, fields) for row in answer["people"])'
    assert found in text
    module.write_text(text.replace(found, found[:-1] + " if row[key] == value)"), "utf-8")
    done = subprocess.run(
        [BIN / "smarksync", "conformance", "rolodex"],
        cwd=tmp_path, env=installed, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    assert re.search(r"25 +BROKEN +case and space of keys", done.stdout)
    assert "rolodex breaks 1 of 32 clauses" in done.stdout


def asked(installed: dict[str, str], where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`smarksync …` in that environment."""
    return subprocess.run(
        [BIN / "smarksync", *words], cwd=where, env=installed, capture_output=True, text=True, check=False, timeout=60
    )


def changed(installed: dict[str, str], module: str, was: str, now: str) -> None:
    """One line of the plugin, otherwise."""
    file = Path(installed["PYTHONPATH"], module)
    text = file.read_text("utf-8")
    assert was in text
    file.write_text(text.replace(was, now), "utf-8")


def test_an_object_that_there_is_none_of_is_named(installed: dict[str, str], tmp_path: Path) -> None:
    done = asked(installed, tmp_path, "conformance", "rolodex", "--stream", "peple")
    assert (done.returncode, done.stdout) == (2, "")
    assert "rolodex has no object peple; it has people." in done.stderr


@pytest.mark.parametrize("words", [("conformance", "rolodex"), ("simulate", "rolodex")])
@pytest.mark.parametrize(
    "place", ["rolodex_simulator:Nobody", "rolodex_simulatr:RolodexSimulator", "rolodex_simulator"]
)
def test_a_simulator_that_is_not_there_is_the_plugins_affair(
    installed: dict[str, str], tmp_path: Path, words: tuple[str, ...], place: str
) -> None:
    changed(installed, "smarksync_rolodex.py", "rolodex_simulator:RolodexSimulator", place)
    done = asked(installed, tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert (
        f"The simulator {place!r} of rolodex cannot be used: " in done.stderr and "bug in SmarkSync" not in done.stderr
    )


def test_a_bug_of_the_simulator_is_no_fault_of_the_connector(installed: dict[str, str], tmp_path: Path) -> None:
    line = "        rows = [*self.rows.values()]\n"
    changed(installed, "rolodex_simulator.py", line, line + "        raise TypeError('items')\n")
    done = asked(installed, tmp_path, "conformance", "rolodex")
    assert done.returncode == 2
    assert "The simulator of rolodex has a bug: TypeError: items (File " in done.stderr
    assert 'rolodex_simulator.py", line ' in done.stderr and "BROKEN" not in done.stdout


def test_without_a_simulator_or_a_sandbox_there_is_nothing_to_ask(tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "smarksync", "conformance", "files"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert "files brings no simulator" in done.stderr


def test_a_sandbox_is_asked_and_left_tidy(tmp_path: Path) -> None:
    (tmp_path / "crm").mkdir()
    (tmp_path / "crm" / "leads.csv").write_text("id,email,first,last,updated_at\nl1,ada@example.com,Ada,L,\n")
    (tmp_path / "smarksync.yaml").write_text(
        textwrap.dedent("""\
            version: 1
            workspace: sandbox
            connections:
              crm: {connector: files, settings: {path: crm}}
            """)
    )
    done = subprocess.run(
        [BIN / "smarksync", "conformance", "files", "--connection", "crm", "--stream", "leads", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert done.returncode == 0, told
    assert (tmp_path / "crm" / "leads.csv").read_text().count("conformance.example.com") <= 3


def test_simulate_says_how_to_use_it_and_ends_quietly(installed: dict[str, str], tmp_path: Path) -> None:
    running = subprocess.Popen(
        [BIN / "smarksync", "simulate", "rolodex", "--people", "7"],
        cwd=tmp_path, env=installed, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None and running.stderr is not None
    lines = []
    while not (lines and lines[-1].lstrip().startswith("api_key:")):
        lines.append(running.stdout.readline())
        assert lines[-1], running.stderr.read()
    url = re.search(r"export ROLODEX_URL=(http://127\.0\.0\.1:\d+)", "".join(lines))
    assert url
    running.send_signal(signal.SIGINT)
    rest, errors = running.communicate(timeout=30)
    assert running.returncode == 0
    assert "Ended after 0 calls" in rest and errors == ""


def test_simulate_names_those_that_can_be_played(installed: dict[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "smarksync", "simulate", "files"],
        cwd=tmp_path, env=installed, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "files brings no simulator. These do:" in done.stderr and "rolodex" in done.stderr


@pytest.mark.parametrize("name", ["hubspot", "marketo", "salesforce"])
def test_the_shipped_connectors_conform_by_command_too(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "smarksync", "conformance", name, "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert done.returncode == 0, [one for one in told["clauses"] if one["outcome"] == "failed"]


@pytest.mark.parametrize("how", [(), ("-n", "2")], ids=["one process", "two"])
def test_pytest_prints_the_score_whatever_process_ran_the_clauses(
    installed: dict[str, str], tmp_path: Path, how: tuple[str, ...]
) -> None:
    tmp_path.joinpath("test_contract.py").write_text(
        "from smarksync.testing import ConnectorContract\n"
        "from smarksync_rolodex import SPEC\n\n\n"
        "class TestRolodex(ConnectorContract):\n"
        "    spec = SPEC\n"
        "    page_rows = 5\n"
        "    known_deviations = {'values_untouched': 'says so without need'}\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *how, "test_contract.py"],
        cwd=tmp_path, env=installed, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    _, _, score = done.stdout.partition(" conformance =")
    assert done.returncode == 1, done.stdout
    assert "test_contract.py::TestRolodex: spec 5/5, read 9/9" in score, done.stdout
    assert "  6 empty page with more continues: not tested: no hook `empty_pages`" in score
    assert "1 failed" in score
