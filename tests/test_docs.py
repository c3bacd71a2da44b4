"""README and docs say what is so: their commands run, their tables match the program, their codes are all there are.

A page that lies costs its reader an evening, and us the reader.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS, *sorted((ROOT / "plugins").glob("*/README.md"))]
BIN = Path(sys.executable).parent
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
CODE = re.compile(r"\bSMK-[A-Z0-9]+(?:-[A-Z0-9]+)*\b")


def _tables() -> Any:
    spec = importlib.util.spec_from_file_location("docs_tables", ROOT / "scripts" / "docs_tables.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tables = _tables()


def blocks(page: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(page.read_text("utf-8")) if language in languages]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


# -- the first screen and the quickstart ------------------------------------------------------------------------


def test_the_first_screen_shows_what_the_demo_says(tmp_path: Path) -> None:
    shown = next(block for block in blocks(ROOT / "README.md", "text") if block.startswith("$ make demo"))
    said = subprocess.run(
        [BIN / "smarksync", "demo"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    ).stdout
    lines = {line.strip() for line in said.splitlines()}
    assert [line for line in shown.splitlines()[1:] if line.strip() not in lines] == []


def test_the_quickstart_does_what_it_says(tmp_path: Path) -> None:
    """Its blocks are typed one after the other, in a copy of the configs; `make install` has been done."""
    text = (ROOT / "README.md").read_text("utf-8")
    part = text[text.index("## Five minutes") : text.index("## HubSpot or Marketo")]
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    script = ["set -euo pipefail"]
    expected = []
    for language, body in FENCE.findall(part):
        if language == "sh":
            script.append(body.replace("make install && source .venv/bin/activate\n", ""))
        elif language == "text":
            expected += [" ".join(line.split()) for line in body.splitlines()]
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    env.pop("SMARKSYNC_CONFIG", None)
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert expected
    assert [line for line in expected if not any(one.startswith(line) for one in said)] == []
    assert "grace@example.com" in (tmp_path / "quickstart" / "sales" / "leads.csv").read_text("utf-8")


def test_the_rehearsal_with_two_vendors_does_what_it_says(tmp_path: Path) -> None:
    """The first block starts simulators, each in a process of its own, on any free port; the second is typed after it."""
    text = (ROOT / "README.md").read_text("utf-8")
    part = text[text.index("## HubSpot or Marketo") : text.index("## Ghost and BottleCRM")]
    starts, typed = (body for language, body in FENCE.findall(part) if language == "sh")
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    env = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1"}
    env.pop("SMARKSYNC_CONFIG", None)
    running = []
    try:
        for line in starts.splitlines():
            words = re.sub(r"--port \d+", "--port 0 --people 30", line.split(" #")[0]).split()
            running.append(
                subprocess.Popen(
                    words, env=env, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
                )
            )
        for process in running:
            assert process.stdout is not None
            for line in process.stdout:
                if match := re.match(r"export (\w+)=(.*)", line):
                    env[match[1]] = match[2].strip()
                elif len(env.keys() & {"HUBSPOT_TOKEN", "SALESFORCE_CLIENT_SECRET"}) > running.index(process):
                    break
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail\n{typed}"],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
    finally:
        for process in running:
            process.terminate()
            process.wait(30)
            assert process.stdout is not None
            process.stdout.close()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().splitlines()[0].startswith("Config ")
    assert "Done: nothing to write, the systems agree." in done.stdout  # the fast lane, right after


# -- every command that a page shows ------------------------------------------------------------------------------


def shown_commands() -> Iterator[tuple[str, str]]:
    """(page, command line) of every `smarksync …` in a code block or in code within a sentence."""
    for page in PAGES:
        text = page.read_text("utf-8")
        found = [line for block in blocks(page, "sh", "") for line in block.splitlines()]
        found += re.findall(r"`(smarksync [^`]+)`", FENCE.sub("", text))
        for line in found:
            match = re.search(r"(?:^|&&|\s|/)(smarksync .*)$", line.strip())
            if match:
                yield named(page), match[1].split(" #")[0].split(" >")[0].strip()


def test_every_shown_command_is_one() -> None:
    """Its words are parsed by the program, which is not run: what it names need not exist here."""
    wrong = []
    known = dict(tables.commands())
    groups = {name.split()[0] for name in known if " " in name}
    global_words = {"--config": 1, "--log-format": 1, "--log-level": 1, "--no-color": 0, "--help": 0, "--version": 0}
    for page, line in shown_commands():
        words = shlex.split(line)[1:]
        rest: list[str] = []
        while words:
            word = words.pop(0)
            if word in global_words:
                words = words[global_words[word] :]
            else:
                rest.append(word)
        if not rest or rest[0] == "COMMAND" or (rest[0] in groups and len(rest) == 1):
            continue
        name = " ".join(rest[:2]) if rest[0] in groups else rest[0]
        command = known.get(name)
        if command is None:
            wrong.append(f"{page}: {line}: there is no command {name}")
            continue
        options = {
            opt: one for one in command.params for opt in [*one.opts, *one.secondary_opts] if opt.startswith("-")
        }
        for word in rest[len(name.split()) :]:
            if word.startswith("-") and word.split("=")[0] not in options:
                wrong.append(f"{page}: {line}: {name} has no {word}")
    assert not wrong, "\n".join(wrong)


def test_make_targets_that_pages_name_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for page in PAGES:
        text = page.read_text("utf-8")
        lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
        shown = re.findall(r"`make ([a-z]+)`", text) + [
            m[1] for line in lines if (m := re.match(r"make ([a-z]+)", line))
        ]
        assert set(shown) <= targets, named(page)


# -- tables that the program makes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("page", DOCS, ids=named)
def test_tables_are_as_the_program_says(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text == tables.renewed(text), "run `make docs`"


def test_every_command_has_its_section() -> None:
    text = (ROOT / "docs" / "cli.md").read_text("utf-8")
    wanted = {f"smarksync {name}" for name, _ in tables.commands()}
    there = {name for name in tables.named(text) if name.startswith("smarksync ")}
    assert there == wanted, "run `make docs`, and say what the command is for"
    headings = set(re.findall(r"^## (smarksync .*)$", text, re.M))
    assert headings == wanted


def test_every_section_of_the_config_has_its_table() -> None:
    there = set(tables.named((ROOT / "docs" / "config.md").read_text("utf-8")))
    assert {f"keys of a {name}" for name in tables.SECTIONS} - there == set()


def test_every_key_is_explained() -> None:
    told = tables._told()
    keys = {
        f"{model.__name__}.{info.alias or name}"
        for model in tables.SECTIONS.values()
        for name, info in model.model_fields.items()
        if not info.description
    }
    keys |= {f"guard.{name}" for name in tables.DEFAULT_GUARDS}
    assert keys - set(told) == set(), "say in scripts/docs_keys.txt what it means"
    assert set(told) - keys == set(), "scripts/docs_keys.txt explains what is no more"


# -- codes ---------------------------------------------------------------------------------------------------------


def codes_in_source() -> set[str]:
    """Every SMK code that the program can say: texts in the code of core and connectors, not in docstrings."""
    found: set[str] = set()
    files = [*(ROOT / "src" / "smarksync").rglob("*.py"), *(ROOT / "plugins").glob("*/src/**/*.py")]
    for file in files:
        if "testing" in file.parts:
            continue  # a simulated system refuses with codes of its own
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value):
                found.add(node.value)
    return found | {f"SMK-{kind}" for kind in ("AMBIGUOUS", "DUPLICATE")}  # engine/matching.py makes them from the kind


def test_codes_are_made_of_kinds_in_one_place_only() -> None:
    made = [
        named(file)
        for file in (ROOT / "src" / "smarksync").rglob("*.py")
        if re.search(r"""f["']SMK-""", file.read_text("utf-8"))
    ]
    assert made == ["src/smarksync/engine/matching.py"]


def test_every_code_is_explained_and_no_other() -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    rows = re.findall(r"^\| `(SMK-[A-Z0-9-]+)` \| (.+?) \| (.+?) \| (.+?) \|$", text, re.M)
    explained = [row[0] for row in rows]
    assert set(explained) == codes_in_source()
    assert len(explained) == len(set(explained))


def test_exit_codes_are_the_promised_ones() -> None:
    from smarksync.engine.report import ORDER

    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \| ", text, re.M)}
    assert told == {0, 1, 2, 3, 4, 5, 6, 75, 130}
    assert set(ORDER) <= told
    order = re.search(r"the first of ([\d, ]+) that applies", text)
    assert order
    assert [c for c in map(int, order[1].split(", ")) if c in ORDER] == list(ORDER)


def test_exit_codes_of_errors_are_explained() -> None:
    from smarksync import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert {getattr(kind, "exit_code", 1) for kind in kinds} <= {1, 2, 5, 75}


# -- names in the pages on plugins and mappings ------------------------------------------------------------------------


def test_the_page_on_plugins_holds_the_tested_connector() -> None:
    example = (ROOT / "tests" / "typing" / "smarksync_rolodex.py").read_text("utf-8")
    assert example in blocks(ROOT / "docs" / "plugins.md", "python")


def test_the_page_on_plugins_names_every_part_of_the_contract() -> None:
    from dataclasses import fields

    from smarksync import plugin
    from smarksync.plugin import hookspecs

    text = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    hooks = [name for name, hook in vars(hookspecs).items() if hasattr(hook, "smarksync_spec")]
    words = {*plugin.__all__} - {"SUPPORTED_CONTRACTS", "GoneKind", "GonePages", "Tokens", "Choice", "FieldType"}
    words |= {f.name for kind in (plugin.ConnectorSpec, plugin.StreamSpec) for f in fields(kind)}
    words |= {str(word) for kind in (plugin.Can, plugin.WriteResult) for word in kind}
    missing = [word for word in sorted({*words, *hooks}) if not re.search(rf"\b{re.escape(word)}", text)]
    assert missing == []


def test_other_python_in_the_pages_runs() -> None:
    for page in PAGES:
        for block in blocks(page, "python"):
            exec(compile(block, named(page), "exec"), {"__name__": "an_example"})


def test_the_page_on_mappings_lists_every_transform() -> None:
    from smarksync.mapping.transforms import PARAMETRIC, TRANSFORMS

    text = (ROOT / "docs" / "mapping.md").read_text("utf-8")
    part = text[text.index("## Transforms") : text.index("## What is checked")]
    listed = {word.strip('"').partition(":")[0] for cell in re.findall(r"^\| (`.*?`) \|", part, re.M)
              for word in re.findall(r"`([^`]+)`", cell)}  # fmt: skip
    assert listed == {*TRANSFORMS, *PARAMETRIC}


def test_the_page_on_config_lists_every_function() -> None:
    from smarksync.config.functions import FUNCTIONS

    text = (ROOT / "docs" / "config.md").read_text("utf-8")
    part = text[text.index("## Expressions") : text.index("## The agreement")]
    assert set(re.findall(r"`([a-z_]+)\(", part)) == set(FUNCTIONS)


#: what stands around a part of a config that a page shows
AROUND = {
    "version": "version: 1",
    "workspace": "workspace: pages",
    "connections": "connections:\n" + "".join(
        f"  {name}: {{connector: files, settings: {{path: {name}}}}}\n" for name in ("marketing", "sales", "audience", "crm")
    ),
}  # fmt: skip


def test_yaml_in_the_pages_is_a_config(tmp_path: Path) -> None:
    """Whole or in part: what a page shows loads, once the rest of a config stands around it."""
    from smarksync.config import load

    shown = 0
    for page in PAGES:
        for number, block in enumerate(blocks(page, "yaml")):
            there = set(re.findall(r"^([a-z_]+):", block, re.M))
            file = tmp_path / f"{page.parent.name}-{page.stem}-{number}.yaml"
            file.write_text("\n".join([text for key, text in AROUND.items() if key not in there] + [block]), "utf-8")
            load(file, environ=dict.fromkeys(re.findall(r"\$\{(\w+)\}", block), "http://127.0.0.1:1"))
            shown += 1
    assert shown >= 6


def test_the_architecture_page_has_the_floors_of_the_test() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    told: dict[str, int] = {}
    for floor, rooms in re.findall(r"^\| (\d) \| (`.*?`) \|", text, re.M):
        told.update({word.rstrip("/").removesuffix(".py"): int(floor) for word in re.findall(r"`([^`]+)`", rooms)})
    spec = importlib.util.spec_from_file_location("test_floors", ROOT / "tests" / "test_floors.py")
    assert spec is not None and spec.loader is not None
    floors = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(floors)
    rooms = {path.stem for path in (ROOT / "src" / "smarksync").iterdir() if not path.name.startswith(("__", "py."))}
    assert told == {room: floor for room, floor in floors.FLOORS.items() if room in rooms}


# -- plugins' own pages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plugin", sorted(p.name for p in (ROOT / "plugins").glob("smarksync-*")))
def test_the_page_of_a_plugin_names_its_settings_and_objects(plugin: str) -> None:
    module = importlib.import_module(plugin.replace("-", "_"))
    text = (ROOT / "plugins" / plugin / "README.md").read_text("utf-8")
    named_here = set(re.findall(r"`([A-Za-z_.]+)`|^ +([a-z_]+):", text, re.M))
    words = {word for pair in named_here for word in pair if word}
    for spec in module.smarksync_connectors():
        assert set(spec.settings.model_fields) - words == set()
        assert {stream.name for stream in spec.streams} - words == set()


# -- links ---------------------------------------------------------------------------------------------------------


def test_links_between_pages_lead_somewhere() -> None:
    dead = []
    for page in [*PAGES, ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", FENCE.sub("", page.read_text("utf-8"))):
            if "://" not in target and not (page.parent / target).exists():
                dead.append(f"{named(page)}: {target}")
    assert not dead, "\n".join(dead)


def test_files_that_pages_name_exist() -> None:
    dead = []
    for page in PAGES:
        for name in re.findall(
            r"`((?:docs|tests|configs|engine|plan|ledger|kit|plugins|mapping)/[\w./-]+)`", page.read_text("utf-8")
        ):
            if not any((base / name).exists() for base in (ROOT, ROOT / "src" / "smarksync")):
                dead.append(f"{named(page)}: {name}")
    assert not dead, "\n".join(dead)
