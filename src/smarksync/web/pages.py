"""Templates to pages. Everything is escaped unless a chart of ours says that it is safe; nothing is loaded from outside."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from . import charts, words


@lru_cache(maxsize=1)
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("smarksync.web"), autoescape=lambda name: bool(name and name.endswith(".html")),
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    found.filters.update(
        number=words.number, percent=words.percent, share=words.share, lasting=words.lasting, money=words.money,
        called=words.called, when=words.when, shown=words.shown,
    )  # fmt: skip
    found.globals.update(charts=charts, Bar=charts.Bar, Span=charts.Span, style=style)
    return found


@lru_cache(maxsize=1)
def style() -> str:
    """The stylesheet of all pages."""
    return files("smarksync.web").joinpath("static", "page.css").read_text("utf-8")


def prepare() -> None:
    """Compiles every page's template, before anybody waits for one."""
    for name in _environment().list_templates(extensions=["html"]):
        _environment().get_template(name)


def render(template: str, **values: Any) -> str:
    """The page that a template makes of these values; one that it misses is an error, never a blank."""
    return _environment().get_template(template).render(**values)


#: hand-offs and first counts come anew by themselves; without a script a reload does the same
SCRIPT = files("smarksync.web").joinpath("static", "page.js").read_text("utf-8")
