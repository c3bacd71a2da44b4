"""What starting costs, counted in modules: a number that is the same on every machine, as seconds are not.

`smarksync --help` and tab completion are typed all day, and cron starts a run every few minutes: neither may
load the libraries of rooms that it does not enter.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

#: libraries that only some commands need
HEAVY = {
    "sqlalchemy", "alembic", "mako", "httpx", "httpcore", "anyio", "pydantic", "pydantic_core", "tenacity",
    "jwt", "cryptography", "ruamel", "phonenumbers", "email_validator", "dns", "publicsuffixlist",
    "babel", "holidays", "dateutil", "psycopg", "keyring", "vcr", "pytest", "hypothesis",
}  # fmt: skip
#: libraries that nothing here may ever load
NEVER = {"pandas", "numpy", "matplotlib", "IPython"}


def loaded(code: str) -> set[str]:
    """The modules that a fresh interpreter has after ``code`` and had not before."""
    script = f"""
import sys
before = set(sys.modules)
try:
    {code}
except SystemExit:
    pass
print("\\n=modules=")
print("\\n".join(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split("=modules=\n")[1].split())


def libraries(modules: set[str]) -> set[str]:
    return {name.split(".")[0] for name in modules}


def command(*words: str) -> str:
    return f"from smarksync.cli.main import invoke; invoke({list(words)!r})"


def test_importing_smarksync_loads_nothing_else() -> None:
    assert {name for name in loaded("import smarksync") if not name.startswith("__")} == {"smarksync"}


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_loads_no_heavy_library(words: list[str]) -> None:
    modules = loaded(command(*words))
    assert libraries(modules) & (HEAVY | NEVER) == set()
    assert len(modules) < 350, f"{len(modules)} modules"


@pytest.mark.parametrize("words", [["run", "--help"], ["plan", "--help"], ["conflicts", "list", "--help"]])
def test_help_of_a_command_loads_what_reads_its_words_only(words: list[str]) -> None:
    modules = loaded(command(*words))
    assert libraries(modules) & (HEAVY | NEVER) - {"pydantic", "pydantic_core"} == set()  # typer reads options with it
    assert len(modules) < 600, f"{len(modules)} modules"


def test_the_contract_is_light() -> None:
    """A plugin's module is imported to list connectors: what it imports may cost no network library."""
    assert libraries(loaded("import smarksync.plugin")) & (HEAVY - {"pydantic", "pydantic_core"}) == set()


@pytest.mark.parametrize("plugin", ["smarksync_files", "smarksync_ghost", "smarksync_bottlecrm", "smarksync_marketo"])
def test_listing_a_plugin_opens_no_network_library(plugin: str) -> None:
    modules = loaded(f"import {plugin}; list({plugin}.smarksync_connectors())")
    assert libraries(modules) & {"httpx", "httpcore", "sqlalchemy", "tenacity", "jwt", "cryptography"} == set()


def test_a_run_loads_no_test_library() -> None:
    modules = loaded("import smarksync.engine.run, smarksync.config, smarksync.kit.session")
    assert libraries(modules) & (NEVER | {"pytest", "hypothesis", "vcr", "babel", "holidays", "keyring"}) == set()
