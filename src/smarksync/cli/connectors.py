"""``smarksync connectors``: what is installed, and what each can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from smarksync.errors import SmarkSyncError

from .globals import Globals
from .options import Json

if TYPE_CHECKING:
    from smarksync.plugin import ConnectorSpec

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _connectors() -> None:
    """Installed connectors and what each can do."""


@app.command("list")
def list_(ctx: typer.Context, json: Json = False) -> int:
    """Every installed connector, with its role and objects."""
    settings: Globals = ctx.obj
    settings.json = json
    registry = settings.plugins()
    rows, broken = [], []
    for name in registry.names():
        try:
            spec = registry.spec(name)
        except SmarkSyncError as error:  # one broken plugin must not hide the others
            broken.append({"name": name, "error": str(error)})
            continue
        objects = ", ".join(s.name for s in spec.streams) or "depend on the settings"
        rows.append(
            {"name": name, "role": spec.role, "contract": spec.contract, "objects": objects, "docs": spec.docs_url}
        )
    out = settings.out
    if json:
        out.object({"connectors": rows, "broken": broken})
        return 2 if broken else 0
    if rows:
        out.table(("name", "role", "objects"), [(r["name"], r["role"], r["objects"]) for r in rows])
        out.line()
        out.line("`smarksync connectors show NAME` tells the settings and abilities of one.")
    else:
        out.line(
            "No connector is installed. They come as packages of their own, such as `pip install smarksync-files`."
        )
    for one in broken:
        out.problem(f"{one['name']}: {one['error']}")
    return 2 if broken else 0


@app.command()
def show(ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="NAME")], json: Json = False) -> int:
    """One connector: its objects, what it can do with each, and its settings."""
    settings: Globals = ctx.obj
    settings.json = json
    spec = settings.plugins().spec(name)
    facts = _facts(spec)
    out = settings.out
    if json:
        out.object(facts)
        return 0
    out.line(f"{out.style('head', spec.name)}  role {spec.role}, plugin contract {spec.contract}")
    if spec.docs_url:
        out.line(f"Documentation: {spec.docs_url}")
    out.line()
    if facts["objects"]:
        out.table(
            ("object", "holds", "can", "rows a write", "found by"),
            [(o["name"], o["entity"], ", ".join(o["can"]) or "read only", o["max_batch"], ", ".join(o["natural_keys"]))
             for o in facts["objects"]],
        )  # fmt: skip
    else:
        out.line("Its objects depend on the settings: `smarksync check` lists those of a connection.")
    out.line()
    out.table(
        ("setting", "type", "default", "what it is"),
        [(s["name"], s["type"] + (" (secret)" if s["secret"] else ""), "required" if s["required"] else _plain(s["default"]),
          s["description"]) for s in facts["settings"]],
    )  # fmt: skip
    if spec.preset:
        out.line()
        out.line(f"It brings a preset: a connection without a mapping, or with `mappings.CONNECTION: preset`, uses it.")  # noqa: F541
    return 0


def _facts(spec: ConnectorSpec) -> dict[str, Any]:
    return {
        "name": spec.name, "role": spec.role, "contract": spec.contract, "docs": spec.docs_url, "preset": bool(spec.preset),
        "objects": [
            {"name": s.name, "entity": s.entity, "can": sorted(str(can) for can in s.can), "max_batch": s.max_batch,
             "natural_keys": list(s.natural_keys), "full_scan": s.full_scan, "external_id": s.external_id}
            for s in spec.streams
        ],
        "settings": [_setting(name, info) for name, info in spec.settings.model_fields.items()],
    }  # fmt: skip


def _setting(name: str, info: Any) -> dict[str, Any]:
    kind = type_name(info.annotation)
    default = None if info.is_required() else info.get_default(call_default_factory=True)
    secret = "Secret" in str(info.annotation)
    return {
        "name": info.alias or name, "type": kind.replace("SecretStr", "text"), "required": info.is_required(),
        "default": None if secret else default, "secret": secret, "description": info.description or "",
    }  # fmt: skip


def type_name(kind: Any) -> str:
    """A type as people write it in a config."""
    from types import NoneType, UnionType
    from typing import Literal, Union, get_args, get_origin

    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(type_name(a) for a in args if a is not NoneType)
    if origin is Literal:
        return "|".join(str(a) for a in args)
    if origin in (tuple, list, set, frozenset):
        inner = [type_name(a) for a in args if a is not Ellipsis]
        return f"list of {' or '.join(dict.fromkeys(inner))}" if inner else "list"
    if origin is not None:
        return (
            type_name(args[0])
            if origin.__class__.__name__ == "_AnnotatedAlias"
            else str(getattr(origin, "__name__", origin))
        )
    return {"str": "text", "int": "number", "float": "number", "bool": "true|false"}.get(
        getattr(kind, "__name__", str(kind)), getattr(kind, "__name__", str(kind))
    )


def _plain(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list, set, frozenset)):
        return ", ".join(map(str, value)) or "none"
    return str(value)
