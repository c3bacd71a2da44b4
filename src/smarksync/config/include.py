"""A config file and the files it includes, joined to one tree."""

from __future__ import annotations

from pathlib import Path as FilePath

from .problems import Problem, error
from .source import Entry, Node, parse, read_text


class Joined:
    """The joined tree; ``files`` are all that were read, ``problems`` what clashed."""

    def __init__(self, path: FilePath) -> None:
        self.files: list[FilePath] = []
        self.problems: list[Problem] = []
        self.root = self._read(path, str(path), [])

    def _read(self, path: FilePath, shown: str, including: list[FilePath]) -> Node:
        root = parse(read_text(path, shown), shown)
        if not isinstance(root.value, dict):
            what = "a list" if isinstance(root.value, list) else "a single value"
            problem = Problem(root.place, f"the file holds {what}.", "A config is a map: `version: 1`, `workspace: …`.")
            if not including:  # nothing else can be said of such a config
                raise error([problem])
            self.problems.append(problem)
            return Node({}, root.place)
        self.files.append(path)
        here = [*including, path.resolve()]
        for node in self._included(root.value):
            name = str(node.value)
            target = path.parent / name
            if target.resolve() in here:
                self.problems.append(Problem(node.place, f"`{name}` includes itself.", "Leave it out."))
            elif any(target.resolve() == f.resolve() for f in self.files):
                self.problems.append(Problem(node.place, f"`{name}` is included twice.", "Include it once."))
            elif not target.is_file():
                self.problems.append(
                    Problem(node.place, f"there is no file {target} to include.", "Paths are relative to this file.")
                )
            else:
                self._join(root, self._read(target, str(target), here))
        return root

    def _included(self, entries: dict[str, Entry]) -> list[Node]:
        entry = entries.get("include")
        if entry is None:
            return []
        listed = entry.node.value
        if not isinstance(listed, list) or not all(isinstance(n.value, str) and n.value for n in listed):
            hint = "Write `include: [agreement.yaml]`."
            self.problems.append(Problem(entry.node.place, "`include` is a list of files.", hint))
            entries.pop("include")
            return []
        return listed

    def _join(self, into: Node, more: Node) -> None:
        """Lays ``more`` into ``into``: maps name by name; what both give is a problem with both places."""
        assert isinstance(into.value, dict) and isinstance(more.value, dict)
        for name, entry in more.value.items():
            if name == "include":
                continue
            first = into.value.get(name)
            if first is None:
                into.value[name] = entry
            elif isinstance(first.node.value, dict) and isinstance(entry.node.value, dict):
                merged = Node(dict(first.node.value), first.node.place)
                into.value[name] = Entry(first.key, merged)
                self._join(merged, entry.node)
            else:
                said = f"`{name}` is given twice; the first is at {first.key}."
                self.problems.append(Problem(entry.key, said, "Keep one."))
