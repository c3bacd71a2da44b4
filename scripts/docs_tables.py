"""The tables of docs/cli.md and docs/config.md, written from the program itself: `make docs`.

What stands between `<!-- table: NAME -->` and `<!-- end -->` is made here, the prose around it is not. A command
that has no section yet gets one at the end of docs/cli.md. A test fails while a table and the program disagree.
"""

from __future__ import annotations

import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any

import typer
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from smarksync.config import DEFAULT_GUARDS, Config
from smarksync.config import agreement as agreed
from smarksync.config import jobs as config_jobs
from smarksync.config import schema as shape
from smarksync.kit.settings import HttpSettings

cli = import_module("smarksync.cli.main")  # the package has a function of that name
DOCS = Path(__file__).parents[1] / "docs"
MARKED = re.compile(r"<!-- table: ([^>]+?) -->\n(.*?)<!-- end -->", re.S)

#: the sections of a config that have a table of keys
SECTIONS: Mapping[str, type[BaseModel]] = {
    "config": Config,
    "connection": shape.ConnectionConfig,
    "http settings": HttpSettings,
    "mapping": shape.MappingConfig,
    "field": shape.FieldMapping,
    "custom field": shape.CustomFieldConfig,
    "job": config_jobs.Job,
    "rule": config_jobs.FieldRule,
    "adopt": config_jobs.Adopt,
    "list": config_jobs.ListRule,
    "rate": shape.CurrencyRate,
    "defaults": shape.Defaults,
    "persona": agreed.Persona,
    "definition": agreed.Definition,
    "score": agreed.Score,
    "route": agreed.Route,
    "move": agreed.Move,
    "agreement": agreed.Agreement,
    "calendar": agreed.Calendar,
    "segment": agreed.Segment,
    "promise": agreed.Promise,
    "goals": agreed.Goals,
    "channel": shape.Channel,
    "logging": shape.Logging,
    "retention": shape.Retention,
}


# -- the command line ---------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, Any]]:
    """(words after `smarksync`, command) of every command that does something, in the order of the help page."""
    group = typer.main.get_command(cli.app)
    for name in group.list_commands(None):
        yield from _below(name, group.get_command(None, name))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if not inner:
        yield name, command
        return
    for word, one in inner.items():
        yield from _below(f"{name} {word}", one)


def command_table(command: Any) -> str:
    """Arguments and options of a command."""
    rows = []
    for one in command.params:
        if one.param_type_name == "argument":
            shown = (one.metavar or one.name).upper().strip("[]. ")
            shown += "…" if one.nargs == -1 else ""
            shown = shown if one.required else f"[{shown}]"
            rows.append((f"`{shown}`", one.help or ""))
        elif not one.hidden and "--help" not in one.opts:
            words = ", ".join(f"`{opt}`" for opt in [*one.opts, *one.secondary_opts])
            value = "" if one.is_flag else f" `{_value(one)}`"
            rows.append((f"{words}{value}", one.help or ""))
    return _table(("option", "what it does"), rows) if rows else "No options.\n"


def _value(option: Any) -> str:
    """What stands behind an option."""
    kind = option.type_descriptor.annotation
    if option.metavar:
        return str(option.metavar)
    return "|".join(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else kind.__name__.upper()


def global_table() -> str:
    """The options that every command takes."""
    return command_table(typer.main.get_command(cli.app))


# -- the config ---------------------------------------------------------------------------------------------


def section_table(model: type[BaseModel]) -> str:
    """Keys, values and defaults of a section."""
    told = _told()
    rows = []
    for name, info in model.model_fields.items():
        key = info.alias or name
        text = told.get(f"{model.__name__}.{key}") or info.description or ""
        rows.append((f"`{key}`", _kind(info.annotation), _default(info), text))
    return _table(("key", "value", "default", ""), rows)


def guard_table() -> str:
    """The guards and their limits."""
    told = _told()
    rows = []
    for name, limit in DEFAULT_GUARDS.items():
        cells = [f"{limit.count:,}" if limit.count is not None else "–"]
        cells.append(f"{limit.share:.0%}".replace("%", " %") if limit.share is not None else "–")
        cells.append(f"{limit.cap:,}" if limit.cap is not None else "–")
        rows.append((f"`{name}`", *cells, told.get(f"guard.{name}", "")))
    return _table(("guard", "count", "share", "cap", "what it counts"), rows)


def _kind(annotation: Any) -> str:
    """The words that a key takes, when it takes words; else nothing: the text says it."""
    options = [a for a in typing.get_args(annotation) if a is not type(None)] if _is_union(annotation) else [annotation]
    if len(options) == 1 and typing.get_origin(options[0]) is typing.Literal:
        return " · ".join(f"`{word}`" for word in typing.get_args(options[0]))
    if options == [bool]:
        return "`true` · `false`"
    return ""


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _default(info: Any) -> str:
    if info.is_required():
        return "required"
    value = info.default if info.default is not PydanticUndefined else info.default_factory()
    if value is None or value == "" or value == [] or value == {} or value == ():
        return "–"
    if isinstance(value, BaseModel):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float) and 0 < value < 1:
        return f"`{value:.0%}`"
    return f"`{value}`"


def _told() -> Mapping[str, str]:
    """What each key means: docs/keys.txt, one `Model.key  text` a line."""
    lines = (Path(__file__).with_name("docs_keys.txt")).read_text("utf-8").splitlines()
    return dict(line.split("  ", 1) for line in lines if line and not line.startswith("#"))


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    used = [i for i in range(len(head)) if i == 0 or any(row[i] for row in rows)]
    lines = [
        [head[i] for i in used],
        ["---"] * len(used),
        *([row[i].replace("|", "\\|") for i in used] for row in rows),
    ]
    return "".join(f"| {' | '.join(line)} |\n".replace("|  |", "| |") for line in lines)


# -- writing ------------------------------------------------------------------------------------------------


def tables() -> dict[str, Callable[[], str]]:
    """Every table by its name."""
    made: dict[str, Callable[[], str]] = {"global options": global_table, "guards": guard_table}
    made.update({f"keys of a {name}": (lambda model=model: section_table(model)) for name, model in SECTIONS.items()})
    made.update({f"smarksync {name}": (lambda one=one: command_table(one)) for name, one in commands()})
    return made


def renewed(text: str) -> str:
    """The page with its tables as they should be. Raises KeyError for a table that is no more."""
    known = tables()
    return MARKED.sub(lambda m: f"<!-- table: {m[1]} -->\n{known[m[1]]()}<!-- end -->", text)


def named(text: str) -> list[str]:
    """The tables that a page holds."""
    return [match[1] for match in MARKED.finditer(text)]


def write() -> None:
    """Renews all pages; commands without a section get one."""
    page = DOCS / "cli.md"
    text = page.read_text("utf-8")
    for name, command in commands():
        if f"smarksync {name}" not in named(text):
            text += f"\n## smarksync {name}\n\n{(command.help or '').strip()}\n\n<!-- table: smarksync {name} -->\n<!-- end -->\n"
    page.write_text(text, "utf-8")
    for page in sorted(DOCS.glob("*.md")):
        old = page.read_text("utf-8")
        new = renewed(old)
        if new != old:
            page.write_text(new, "utf-8")
            print(f"renewed {page.name}", file=sys.stderr)


if __name__ == "__main__":
    write()
