"""Imports go down the stairs of the house, never up and never sideways (docs/architecture.md, "Floors").

A room that climbs can no longer be read, tested or replaced by itself: `plan/` that asks the ledger is no longer a
pure decision, and a plugin that reaches behind the contract breaks with the next release of the core.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CORE = ROOT / "src" / "smarksync"

FLOORS = {
    "errors": 0, "redact": 0,
    "model": 1, "log": 1,
    "plugin": 2,
    "config": 3,
    "plan": 4, "mapping": 4, "kit": 4, "simulator": 4,
    "ledger": 5,
    "alignment": 6,
    "engine": 7,
    "web": 8, "testing": 8,
    "cli": 9,
    "__main__": 10,
}  # fmt: skip
#: what a plugin may name of the core; `.testing` in its tests only
LENT = {"plugin", "model", "kit", "simulator"}
#: rooms that decide and translate: they know no clock, no network and no database
PURE = {"plan", "mapping", "model"}
#: modules that would bring one of the three in
IMPURE = {"httpx", "requests", "socket", "urllib.request", "sqlite3", "sqlalchemy", "alembic", "psycopg", "subprocess"}


def imports(file: Path, package: tuple[str, ...]) -> Iterator[tuple[int, str, bool]]:
    """(line, module in full, whether only the type checker sees it) of every import, those in functions too."""
    tree = ast.parse(file.read_text("utf-8"), str(file))
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name, id(node) in unseen
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for name in node.names:
                yield node.lineno, f"{module}.{name.name}", id(node) in unseen


def package_of(file: Path) -> tuple[str, ...]:
    """The package that relative imports of a file start from."""
    return ("smarksync", *file.relative_to(CORE).parts[:-1])


def room_of(module: str) -> str | None:
    """The room that a module of the core stands in; None for the package itself and for all others."""
    parts = module.split(".")
    return parts[1] if parts[0] == "smarksync" and len(parts) > 1 else None


def core_files() -> list[Path]:
    return sorted(CORE.rglob("*.py"))


def place(file: Path, line: int) -> str:
    return f"{file.relative_to(ROOT)}:{line}"


def test_every_room_has_its_floor() -> None:
    rooms = {room_of(".".join([*package_of(f), f.stem])) for f in core_files() if f.name != "__init__.py"}
    rooms |= {f.parent.name for f in CORE.glob("*/__init__.py")}
    assert rooms - set(FLOORS) == set(), "give a new room its floor here and in docs/architecture.md"


def test_nobody_climbs_the_stairs() -> None:
    climbing = []
    for file in core_files():
        own = room_of(".".join([*package_of(file), file.stem]))
        if own is None or file == CORE / "__init__.py":
            continue
        for line, module, for_types in imports(file, package_of(file)):
            other = room_of(module)
            if other is None or other == own or other == "__version__" or for_types:
                continue  # types are erased: a protocol may name what is built above it
            if FLOORS.get(other, 99) > FLOORS[own]:
                climbing.append(f"{place(file, line)}: {own} (floor {FLOORS[own]}) imports {other} from above")
            elif FLOORS[other] == FLOORS[own]:
                climbing.append(f"{place(file, line)}: {own} imports {other}, which stands beside it")
    assert not climbing, "\n".join(climbing)


def test_the_package_itself_imports_nothing() -> None:
    names = [module for _, module, _ in imports(CORE / "__init__.py", ("smarksync",))]
    assert [name for name in names if not name.startswith("__future__")] == []


def test_pure_rooms_know_no_network_and_no_database() -> None:
    found = []
    for file in core_files():
        if room_of(".".join([*package_of(file), file.stem])) not in PURE:
            continue
        for line, module, _ in imports(file, package_of(file)):
            if any(module == name or module.startswith(f"{name}.") for name in IMPURE):
                found.append(f"{place(file, line)}: {module}")
    assert not found, "\n".join(found)


def test_pure_rooms_ask_no_clock() -> None:
    asked = []
    for file in core_files():
        if room_of(".".join([*package_of(file), file.stem])) not in PURE:
            continue
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                "datetime.now", "datetime.utcnow", "date.today", "time.time", "time.monotonic", "datetime.today",
            }:  # fmt: skip
                asked.append(place(file, node.lineno))
    assert not asked, "\n".join(asked)


def test_one_module_imports_httpx() -> None:
    found = [
        place(file, line)
        for file in [*core_files(), *sorted((ROOT / "plugins").glob("*/src/**/*.py"))]
        if file != CORE / "kit" / "http.py"
        for line, module, _ in imports(file, ())
        if module.split(".")[0] in ("httpx", "httpx2")
    ]
    assert not found, "take it from smarksync.kit.http: " + ", ".join(found)


@pytest.mark.parametrize("plugin", sorted(p.name for p in (ROOT / "plugins").glob("smarksync-*")))
def test_plugins_stay_within_the_contract(plugin: str) -> None:
    strangers = []
    for file in sorted((ROOT / "plugins" / plugin).rglob("*.py")):
        in_tests = "tests" in file.relative_to(ROOT / "plugins" / plugin).parts
        for line, module, _ in imports(file, ("a_plugin", "and_its", "packages")):
            room = room_of(module)
            if module.split(".")[0] != "smarksync" or room in LENT or (in_tests and room == "testing"):
                continue
            strangers.append(f"{place(file, line)}: {module}")
    assert not strangers, "plugins import smarksync.plugin, .model, .kit and .simulator only:\n" + "\n".join(strangers)


def test_simulators_stand_on_the_standard_library() -> None:
    """So that `smarksync simulate` and a plugin's tests need nothing that the vendor's own server would not."""
    strangers = []
    files = [*CORE.glob("simulator/*.py"), *(ROOT / "plugins").glob("*/src/*/simulator*.py"),
             *(ROOT / "plugins").glob("*/src/*/simulator/*.py")]  # fmt: skip
    for file in sorted(files):
        for line, module, _ in imports(
            file, ("smarksync", "simulator") if CORE in file.parents else ("smarksync_x", "y")
        ):
            top = module.split(".")[0]
            if (
                top not in sys.stdlib_module_names
                and not module.startswith("smarksync.simulator")
                and top != "smarksync_x"
            ):
                strangers.append(f"{place(file, line)}: {module}")
    assert not strangers, "\n".join(strangers)


def test_no_file_is_longer_than_can_be_read_in_one_go() -> None:
    """Nothing over 400 lines: a room that outgrows its file is split where it has two things to say."""
    files = [*CORE.rglob("*.py"), *(ROOT / "plugins").glob("*/src/**/*.py")]
    long = {str(file.relative_to(ROOT)): n for file in files if (n := len(file.read_text("utf-8").splitlines())) > 400}
    assert not long
