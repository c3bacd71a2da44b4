"""``smarksync schema``: what a config may say, for editors; and the canonical schema as tables."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def schema(
    ctx: typer.Context,
    canonical: Annotated[bool, typer.Option("--canonical", help="Print the canonical fields by entity.")] = False,
) -> int:
    """Print the JSON Schema of the config, for editors."""
    out = ctx.obj.out
    if canonical:
        _canonical(out)
        return 0
    import orjson

    from smarksync.config import json_schema

    out.text(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2).decode())
    return 0


def _canonical(out: object) -> None:
    from smarksync.model import ENTITIES

    from .output import Output

    assert isinstance(out, Output)
    for name, entity in ENTITIES.items():
        out.line(out.style("head", name))
        out.table(
            ("field", "type", "group", "notes"),
            [(f.name, type_of(f), f.group, "read only" if f.read_only else "") for f in entity.fields.values()],
            indent=2,
        )
        out.line()


def type_of(field: object) -> str:
    """A field's type as schema.md writes it."""
    kind = str(getattr(field, "type"))  # noqa: B009  # any object with these attributes
    length, values, of = getattr(field, "length", None), getattr(field, "values", ()), getattr(field, "of", None)
    if kind == "enum" and values:
        return f"{'open ' if getattr(field, 'open', False) else ''}enum({', '.join(values)})"
    if getattr(field, "open", False):
        return "open enum" + (f"({', '.join(values)})" if values else "")
    if of:
        return f"{kind}({of})"
    return f"{kind}({length})" if length else kind
