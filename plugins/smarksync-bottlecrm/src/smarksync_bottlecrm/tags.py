"""Tags by name: rows show names, writes want ids, and a name that is new must be made first."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from smarksync.plugin import PermissionDenied

from .client import Api


class TagRefused(Exception):
    """A tag that could not be made: the row that needs it is refused, no other."""


class Tags:
    """The account's tags, asked for once and when a name is not among them.

    Names that differ in case, spaces and punctuation only are one tag (the server compares slugs), so
    "newsletter" written may be "Newsletter" stored; the receipt shows it.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ids: dict[str, str] | None = None

    def ids(self, names: Iterable[str]) -> list[str]:
        """The id of each name, in order, each once; makes missing tags. Raises :class:`TagRefused`."""
        return list(dict.fromkeys(self._id(name) for name in names))

    def _id(self, name: str) -> str:
        known = self._load() if self._ids is None else self._ids
        return known.get(slug(name)) or self._make(name)

    def _load(self) -> dict[str, str]:
        shown = self._api.get("/api/tags/", kind="schema")
        self._ids = {tag["slug"]: str(tag["id"]) for tag in shown["tags"]}
        return self._ids

    def _make(self, name: str) -> str:
        try:
            answer = self._api.schema_write("POST", "/api/tags/", {"name": name})
        except PermissionDenied:
            raise TagRefused("only administrators make tags in BottleCRM; make it by hand") from None
        # 200: an archived tag came back to life; 400: made by somebody else meanwhile, or too long, or without a letter
        made = str(answer.json["tag"]["id"]) if answer.status < 300 else self._load().get(slug(name))
        if not made:
            raise TagRefused("BottleCRM does not take a tag of that name (at most 50 characters, with a letter)")
        if self._ids is not None:
            self._ids[slug(name)] = made
        return made


def slug(name: str) -> str:
    """The form in which the server tells tags apart (found by trying: "a b" is "A-B"; "a_b" and "ab" are others)."""
    kept = (c for c in unicodedata.normalize("NFKC", name).lower() if c.isalnum() or c in "_- " or _is_mark(c))
    return re.sub(r"[-\s]+", "-", "".join(kept)).strip("-_")


def _is_mark(char: str) -> bool:
    return unicodedata.category(char).startswith("M")  # vowels of Devanagari, Thai, …
