"""YAML text to plain values, with the line and column of every key and value.

The parser's events are read here, not its objects: so depth, size, aliases and repeated keys are in our hands,
and nothing in a file can make an object. Plain scalars follow YAML 1.2 (``no`` is a country), except that digits
with a leading zero stay text (``007`` is a code) and dates stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from .problems import Place, Problem, error, stop

#: Bounds no honest config comes near: bytes of a file, nesting, values after aliases are followed.
MAX_BYTES, MAX_DEPTH, MAX_VALUES = 2_000_000, 60, 100_000

_INT = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_RADIX = re.compile(r"0(o[0-7]{1,20}|x[0-9a-fA-F]{1,16})")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,20}|[0-9]{1,20}(\.[0-9]{0,20})?)([eE][-+]?[0-9]{1,2})?")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
#: what git leaves where two versions of a file met (git-merge, "How conflicts are presented")
_MARKER = re.compile(r"^(<{7}|>{7}|\|{7})(?= |\r?$)", re.MULTILINE)
_MERGE = "Keep one of the two versions, and take out the lines of `<<<<<<<`, `=======` and `>>>>>>>`."
#: problems that the parser meets after the place where they stand: there something was begun and not ended
#: `${NAME}` in a flow map or list, outside quotes: there YAML takes its brace for one of its own
_BARE_REFERENCE = re.compile(r"""[\[{,][^#"']*\$\{""")
_BEGAN_EARLIER = ("end of stream", "expected ',' or", "could not find expected ':'")
_WORDS: dict[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_CORE = "tag:yaml.org,2002:"

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One ``key: value`` of a map."""

    key: Place
    node: Node


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place: a scalar, a list of nodes, or a map of entries. ``size`` counts values below."""

    value: Scalar | list[Node] | dict[str, Entry]
    place: Place
    size: int = 1


def read_text(path: FilePath, shown: str) -> str:
    """The text of a config file; everything that may be wrong with it is a ConfigError."""
    top = Place(shown, 1)
    try:
        if path.is_dir():
            raise stop(top, "this is a directory, not a file.", "Name the YAML file in it.")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise stop(top, "there is no such file.", "Check the path.") from None
    except (OSError, ValueError) as e:
        hint = "Whoever runs SmarkSync needs the right to read it."
        raise stop(top, f"the file cannot be read: {getattr(e, 'strerror', None) or e}.", hint) from None
    if len(data) > MAX_BYTES:
        raise stop(top, f"the file is larger than {MAX_BYTES // 1_000_000} MB: is this a config?")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1
        raise stop(
            Place(shown, line), f"byte 0x{data[e.start]:02x} is not UTF-8.", "Save the file as UTF-8 text."
        ) from None


def parse(text: str, file: str) -> Node:
    """The tree of a YAML text; ``file`` is the name used in messages. Raises ConfigError."""
    if odd := _CONTROL.search(text):
        line = text.count("\n", 0, odd.start()) + 1
        raise stop(Place(file, line), f"control character 0x{ord(odd[0]):02x}: this is not a text file.")
    builder = _Builder(file)
    try:
        root = builder.build(YAML(typ="safe", pure=True).parse(text))
    except MarkedYAMLError as e:
        if marker := _MARKER.search(text):
            at = Place(file, text.count("\n", 0, marker.start()) + 1)
            raise stop(at, f"`{marker[0]}` is a mark of a merge that was not finished.", _MERGE) from None
        earlier = any(words in str(e.problem) for words in _BEGAN_EARLIER)
        mark = (e.context_mark if earlier else None) or e.problem_mark or e.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1)
        if e.problem_mark is not None and e.problem_mark.line + 1 == builder.quote_ends:
            said = f"the quote that opens here is closed only in line {builder.quote_ends}, by another one."
            raise stop(builder.quote_opens, said, "Close it where its text ends.") from None
        lines = text.splitlines()
        near = [lines[m.line] for m in (e.problem_mark, e.context_mark) if m is not None and m.line < len(lines)]
        if earlier and any(_BARE_REFERENCE.search(line) for line in near):
            raise stop(
                place, "a `${…}` stands inside brackets without quotes.", 'There it needs them: `{path: "${NAME}"}`.'
            ) from None
        raise stop(place, *_plain_words(str(e.problem or e.context or "cannot be read"))) from None
    except YAMLError as e:
        raise stop(Place(file, 1), f"this is not YAML: {str(e).splitlines()[0]}.") from None
    except (ValueError, TypeError, LookupError, AttributeError, AssertionError, RecursionError) as e:
        # Malformed text can trip the parser itself; to the user that is still a malformed file.
        raise stop(Place(file, 1), f"this is not YAML that can be read ({type(e).__name__}).") from None
    if builder.problems:
        raise error(builder.problems)
    if root is None or root.value is None:
        raise stop(Place(file, 1), "the file is empty.", "It starts with `version: 1` and `workspace: NAME`.")
    return root


def _plain_words(problem: str) -> tuple[str, str]:
    if "'\\t'" in problem or "'\t'" in problem:
        return "a tab stands here.", "YAML is indented with spaces."
    if "mapping values are not allowed" in problem:
        return "a `:` stands where none can be.", "Put text that contains `: ` in quotes, or check the indentation."
    if "could not find expected ':'" in problem:
        return "a key without `:`.", "Write `key: value`, and check the indentation and quotes."
    if "did not find expected key" in problem or "<block end>" in problem:
        return "the indentation does not fit, or a quote ends too early.", "Keys of one map start in one column."
    if "end of stream" in problem or "expected ',' or" in problem:
        return "the quote or bracket that opens here is not closed where it should be.", "Close it, or quote the text."
    return f"this is not YAML: {problem}.", ""


class _Builder:
    def __init__(self, file: str) -> None:
        self.file = file
        self.anchors: dict[str, Node | None] = {}
        self.problems: list[Problem] = []
        self.total = 0
        # the last quoted text of several lines: where it opens, and the line in which it ends
        self.quote_opens, self.quote_ends = Place(file, 1), 0

    def build(self, events: Iterator[Any]) -> Node | None:
        root: Node | None = None
        for event in events:
            kind = type(event).__name__
            if kind == "DocumentStartEvent" and getattr(event, "version", None) not in (None, (1, 2)):
                raise stop(self.place(event), "only YAML 1.2 is read here.", "Leave the `%YAML` line out.")
            if kind in ("StreamStartEvent", "StreamEndEvent", "DocumentStartEvent", "DocumentEndEvent"):
                continue
            if root is not None:
                raise stop(self.place(event), "a second document starts here.", "A config is one; leave `---` out.")
            root = self.node(event, events, 1)
        return root

    def place(self, event: Any) -> Place:
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        kind, place = type(event).__name__, self.place(event)
        if depth > MAX_DEPTH:
            raise stop(place, f"values are nested more than {MAX_DEPTH} deep.")
        if kind == "AliasEvent":
            return self.alias(event.anchor, place)
        if event.anchor:
            self.anchors[event.anchor] = None
        if kind == "ScalarEvent":
            if event.style in ("'", '"') and event.end_mark.line > event.start_mark.line:
                self.quote_opens, self.quote_ends = place, event.end_mark.line + 1
            node = Node(self.scalar(event, place), place)
        else:
            if event.tag and event.tag not in (f"{_CORE}map", f"{_CORE}seq"):
                raise stop(place, f"the tag `{event.tag}` means nothing here.", "Leave it out.")
            node = (
                self.sequence(events, place, depth) if kind == "SequenceStartEvent" else self.map(events, place, depth)
            )
        self.count(1, place)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def count(self, size: int, place: Place) -> None:
        self.total += size
        if self.total > MAX_VALUES:
            raise stop(place, f"the config holds more than {MAX_VALUES:,} values, aliases included.")

    def alias(self, name: str, place: Place) -> Node:
        if name not in self.anchors:
            raise stop(
                place, f"`*{name}` names an anchor that does not exist.", f"Write `&{name}` where it is defined."
            )
        node = self.anchors[name]
        if node is None:
            raise stop(place, f"`*{name}` contains itself.")
        self.count(node.size, place)
        return node

    def sequence(self, events: Iterator[Any], place: Place, depth: int) -> Node:
        items: list[Node] = []
        for event in events:
            if type(event).__name__ == "SequenceEndEvent":
                break
            items.append(self.node(event, events, depth + 1))
        return Node(items, place, 1 + sum(n.size for n in items))

    def map(self, events: Iterator[Any], place: Place, depth: int) -> Node:
        entries: dict[str, Entry] = {}
        for event in events:
            if type(event).__name__ == "MappingEndEvent":
                break
            at = self.place(event)
            key = self.key(event, events, depth, at)
            node = self.node(next(events), events, depth + 1)
            if key in entries:
                first = entries[key].key
                self.problems.append(Problem(at, f"`{key}` is given twice; the first is at {first}.", "Keep one."))
            else:
                entries[key] = Entry(at, node)
        return Node(entries, place, 1 + sum(e.node.size for e in entries.values()))

    def key(self, event: Any, events: Iterator[Any], depth: int, at: Place) -> str:
        if type(event).__name__ != "ScalarEvent":
            raise stop(at, "a key must be a plain word.", "Lists, maps and aliases cannot be keys.")
        if event.anchor:
            self.node(event, events, depth + 1)
        text = characters(str(event.value), at)
        if not text.strip():
            raise stop(at, "a key is missing before `:`.")
        if text == "<<":
            raise stop(at, "`<<` is not a key: YAML 1.2 has no merge.", "Write the keys out.")
        return text

    def scalar(self, event: Any, place: Place) -> Scalar:
        text, tag = characters(str(event.value), place), str(event.tag) if event.tag else ""
        if tag == f"{_CORE}str" or (not tag and not event.implicit[0]) or tag == "!":
            return text
        if tag and tag.removeprefix(_CORE) not in ("int", "float", "bool", "null"):
            raise stop(place, f"the tag `{tag}` means nothing here.", "Leave it out.")
        return plain(text)


def characters(text: str, place: Place) -> str:
    """The text with the two halves in which JSON writes one character joined; half a character is a ConfigError."""
    if text.isascii():
        return text
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise stop(
            place, "this text holds half a character (`\\uD800` to `\\uDFFF`).", "Write the character itself."
        ) from None


def plain(text: str) -> Scalar:
    """The value of an unquoted scalar, by YAML 1.2's core schema (see the module's note)."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    if _RADIX.fullmatch(text):
        return int(text, 0)
    if "." in text or "e" in text.lower():
        bare = text.lstrip("+-")
        if _FLOAT.fullmatch(text) and not (bare.startswith("0") and bare[1:2].isdigit()):
            return float(text)
    return text
