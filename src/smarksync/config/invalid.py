"""pydantic's findings in our own words, each with its file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from .problems import Path, Place, Problem, dotted, shown, suggest
from .section import nearest_place

_KINDS = {
    "string_type": "text", "int_type": "a whole number", "int_from_float": "a whole number", "float_type": "a number",
    "bool_type": "true or false", "list_type": "a list", "tuple_type": "a list", "dict_type": "a map",
    "model_type": "a map", "model_attributes_type": "a map", "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false", "decimal_type": "a number", "decimal_parsing": "a number", "url_type": "a URL",
}  # fmt: skip
_BOUNDS = {
    "greater_than": "more than {gt}", "greater_than_equal": "at least {ge}", "less_than": "less than {lt}",
    "less_than_equal": "at most {le}", "too_short": "not empty", "string_too_short": "not empty",
    "finite_number": "a finite number",
}  # fmt: skip


def problems(
    error: ValidationError,
    model: type[BaseModel],
    places: Mapping[Path, Place],
    *,
    at: Path = (),
    secret: bool = False,
    hints: Mapping[str, str] | None = None,
) -> list[Problem]:
    """What pydantic found in the value at ``at``. ``secret`` keeps values out of the messages."""
    found: list[Problem] = []
    for detail in error.errors(include_url=False, include_input=not secret):
        path = (*at, *_real_path(detail["loc"], model, (*at,), places))
        message, hint = _say(detail, path, model, at, secret, hints or {})
        found.append(Problem(_place(detail["type"], places, path), message, hint, path))
    return found


def told_once(found: Sequence[Problem]) -> list[Problem]:
    """Without the missing keys that are there, misspelt: those are told already, with the right word."""
    return [p for p in found if not (p.message.endswith(f"no `{_last(p)}`.") and _misspelt(p, found))]


def _last(problem: Problem) -> str | int:
    return problem.path[-1] if problem.path else ""


def _misspelt(missing: Problem, found: Sequence[Problem]) -> bool:
    hint = f"Did you mean `{_last(missing)}`?"
    return any(p.path[:-1] == missing.path[:-1] and p.hint == hint for p in found)


def _real_path(loc: Sequence[str | int], model: type[BaseModel], at: Path, places: Mapping[Path, Place]) -> Path:
    """pydantic's location without the names of validators and unions, which stand in no file."""
    path: list[str | int] = []
    for index, part in enumerate(loc):
        if part == "[key]":
            continue
        known = (*at, *path, part) in places
        last = index == len(loc) - 1
        if known or last or isinstance(part, int):
            if (
                last
                and isinstance(part, str)
                and not known
                and re.search(r"[\[\](),-]|^(function|str|list|dict)$", part)
            ):
                continue
            path.append(part)
        elif isinstance(part, str) and part.isidentifier() and _model_at(model, tuple(path)) is not None:
            continue
    return tuple(path)


def _place(kind: str, places: Mapping[Path, Place], path: Path) -> Place:
    return nearest_place(places, path[:-1] if kind == "missing" else path)


def _say(
    detail: ErrorDetails, path: Path, model: type[BaseModel], at: Path, secret: bool, hints: Mapping[str, str]
) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx") or {}
    name = _name(path)
    value = detail.get("input")
    if kind == "smk":
        inside = f"`{dotted(path)}`: " if path else ""
        return inside + str(context["message"]), str(context["hint"])
    if kind == "extra_forbidden":
        owner = _model_at(model, path[len(at) : -1])
        known = _keys(owner) if owner else []
        word = str(path[-1])
        where = f" in `{dotted(path[:-1])}`" if len(path) > 1 else ""
        return f"unknown key `{word}`{where}.", hints.get(word) or suggest(word, known)
    if kind == "missing":
        where = f"`{dotted(path[:-1])}` has no" if len(path) > 1 else "there is no"
        return f"{where} `{path[-1]}`.", f"Add `{path[-1]}: {'1' if path == ('version',) else '…'}`."
    if kind in ("literal_error", "enum"):
        words = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        said = name if secret else f"{shown(value)}"
        hint = suggest(str(value), words) if words and not secret else f"Known: {context.get('expected')}."
        return f"{said} is not a word that {name} takes.", hint
    if kind in _KINDS:
        seen = "" if secret else f", not {_what(value)}"
        return f"{name} must be {_KINDS[kind]}{seen}.", _form(kind, value, path, secret)
    if kind in _BOUNDS:
        return f"{name} must be {_BOUNDS[kind].format(**context)}.", ""
    message = str(detail["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{name}: {message}.", ""


def _form(kind: str, value: Any, path: Path, secret: bool) -> str:
    if value is None:
        return "Write a value, or leave the key out."
    if kind == "list_type" and not isinstance(value, (dict, list)) and not secret and path:
        return f"Write `{path[-1]}: [{shown(value)[1:-1]}]`."
    if kind == "string_type" and isinstance(value, (int, float, bool)) and not secret:
        return f'Put it in quotes: `"{value}"`.'
    return ""


def _what(value: Any) -> str:
    if value is None:
        return "empty"
    for kind, word in ((bool, "true or false"), (dict, "a map"), (list, "a list")):
        if isinstance(value, kind):
            return word
    return (
        f"{'the text' if isinstance(value, str) else 'the number'} {shown(value)}"
        if isinstance(value, (str, int, float))
        else "that"
    )


def _name(path: Path) -> str:
    return f"`{dotted(path)}`" if path else "the config"


def _keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model that stands at a path below ``model``."""
    current: Any = model
    for part in path:
        current = _inside(current, part)
        if current is None:
            return None
    found = [m for m in _models(current) if isinstance(m, type)]
    return found[0] if found else None


def _inside(annotation: Any, part: str | int) -> Any:
    for one in _options(annotation):
        if isinstance(one, type) and issubclass(one, BaseModel):
            for name, info in one.model_fields.items():
                if (info.alias or name) == part:
                    return info.annotation
            inner = one.model_fields.get("objects")
            if inner is not None and "extends" in one.model_fields:
                return _inside(inner.annotation, part)
        elif get_origin(one) is dict:
            return get_args(one)[1]
        elif get_origin(one) in (list, tuple):
            return get_args(one)[0]
    return None


def _options(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [o for a in get_args(annotation) if a is not NoneType for o in _options(a)]
    return [annotation]


def _models(annotation: Any) -> list[type[BaseModel]]:
    return [o for o in _options(annotation) if isinstance(o, type) and issubclass(o, BaseModel)]
