"""A document of headings, sentences, lists and tables, as Markdown and as one self-contained accessible page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple


class Heading(NamedTuple):
    """The title of a part."""

    text: str


class Sentence(NamedTuple):
    """A paragraph."""

    text: str


class Items(NamedTuple):
    """A list."""

    texts: Sequence[str]


class Table(NamedTuple):
    """A table with its caption."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


Part = Heading | Sentence | Items | Table


def as_markdown(title: str, document: Iterable[Part]) -> str:
    """GitHub's Markdown."""
    lines = [f"# {title}", ""]
    for part in document:
        if isinstance(part, Heading):
            lines += [f"## {part.text}", ""]
        elif isinstance(part, Sentence):
            lines += [_plain(part.text), ""]
        elif isinstance(part, Items):
            lines += [*(f"- {_plain(text)}" for text in part.texts), ""]
        elif part.rows:
            lines += [
                f"**{_plain(part.caption)}**",
                "",
                _row(part.head),
                _row(["---"] * len(part.head)),
                *map(_row, part.rows),
                "",
            ]
    return "\n".join(lines).rstrip() + "\n"


def _plain(text: str) -> str:
    for sign in "\\`*_<[":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell if cell == '---' else _plain(cell).replace('|', chr(92) + '|') for cell in cells)} |"


STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8881 }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { line-height: 1.2 } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line) }
.wide { overflow-x: auto } table { border-collapse: collapse; margin: 1rem 0; width: 100% }
caption { text-align: left; font-weight: 600; padding: .3rem 0 } th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border: 1px solid var(--line); overflow-wrap: anywhere }
thead th { background: var(--soft) }
@media print { body { max-width: none; margin: 0 } h2 { break-after: avoid } table { break-inside: avoid } }
"""


def as_html(title: str, document: Iterable[Part], language: str = "en") -> str:
    """One page without scripts and without anything from elsewhere; readable by keyboard, in the dark and on paper."""
    body: list[str] = []
    for number, part in enumerate(document):
        if isinstance(part, Heading):
            body.append(f"<h2>{escape(part.text)}</h2>")
        elif isinstance(part, Sentence):
            body.append(f"<p>{escape(part.text)}</p>")
        elif isinstance(part, Items):
            body.append("<ul>" + "".join(f"<li>{escape(text)}</li>" for text in part.texts) + "</ul>")
        elif part.rows:
            body.append(_html_table(part, number))
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{escape(title)}</h1>\n"
        + "\n".join(body)
        + "\n</main>\n</body>\n</html>\n"
    )


def _html_table(table: Table, number: int) -> str:
    head = ""
    if any(table.head):
        head = "<thead><tr>" + "".join(f'<th scope="col">{escape(cell)}</th>' for cell in table.head) + "</tr></thead>"
    rows = "".join(
        "<tr>"
        + f'<th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-labelledby="t{number}"><table>'
        f'<caption id="t{number}">{escape(table.caption)}</caption>{head}<tbody>{rows}</tbody></table></div>'
    )


__all__ = ["Heading", "Items", "Part", "Sentence", "Table", "as_html", "as_markdown"]
