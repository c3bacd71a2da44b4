"""From a file to a :class:`Config`: read, join, fill in secrets, validate, compile, check. All problems at once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import SecretStr, ValidationError

from . import checks, invalid
from .include import Joined
from .problems import Path, Place, Problem, Revealed, dotted, error
from .schema import Config
from .secrets import Malformed, Missing, has_reference, resolve, to_redact
from .section import Section, bind
from .source import Node, parse

Part = TypeVar("Part", bound=Section)

#: Keys that people put in the wrong map, and where they belong.
_SETTINGS = (
    "base_url", "login_url", "identity_url", "timeout", "rate_limit", "proxy", "ca_file", "hosts", "allow_http", "path",
    "read_only", "access_token", "token", "client_id", "client_secret", "admin_key",
)  # fmt: skip
_BELONGS = dict.fromkeys(_SETTINGS, "It belongs under `settings:` of the connection.")


def load(path: str | os.PathLike[str], *, environ: Mapping[str, str] | None = None) -> Config:
    """The config in a file. Raises ConfigError naming every problem by file and line, and nothing else.

    A secret of a connection or of a channel that is not there is no problem yet: :meth:`Config.require` tells of it to
    those who open the connection or write to the channel.
    """
    file = FilePath(path)
    joined = Joined(file)
    tree = Tree(environ=os.environ if environ is None else environ, root=file.parent)
    data = tree.value(joined.root, ())
    found = [*joined.problems, *tree.problems]
    valid = _validate(data, tree)
    config = valid.config
    found += valid.problems
    if config is not None:
        bind(config, (), tree.places)
        config._file, config._files = file, tuple(joined.files)
        config._secrets = to_redact(tuple(tree.secrets))
        config._digest = hashlib.blake2b(
            json.dumps(_written(joined.root), sort_keys=True).encode(), digest_size=16
        ).hexdigest()
        config._schema, said = checks.build_schema(config)
        warnings, wrong = checks.check(config, config._schema, whole=valid.whole)
        config._warnings = tuple(warnings)
        found += [p for p in (*said, *wrong) if not any(_related(p.path, d) for d in valid.dropped)]
    if found:  # whoever puts the rest right is told of these as well
        raise error([_masked(p, tree.secrets) for p in (*found, *tree.unset)])
    assert config is not None
    config._unset = tuple(tree.unset)
    return config


def read_part(model: type[Part], text: str, file: str) -> Part:
    """Any section from a YAML text of its own, such as a plugin's preset; ``file`` is its name in messages."""
    tree = Tree(environ={}, root=FilePath(), references=False)
    data = tree.value(parse(text, file), ())
    try:
        part = model.model_validate(data)
    except ValidationError as e:
        raise error(invalid.told_once(invalid.problems(e, model, tree.places))) from None
    bind(part, (), tree.places)
    return part


def read_yaml(text: str, file: str) -> tuple[Any, Mapping[Path, Place]]:
    """Plain values of a YAML text, and the place of every path in it. Raises ConfigError."""
    tree = Tree(environ={}, root=FilePath(), references=False)
    return tree.value(parse(text, file), ()), tree.places


class Tree:
    """Turns nodes into plain values, remembering places and resolving references.

    ``missing`` are the paths whose reference leads nowhere, ``unset`` the problems of those that wait until somebody
    opens what they belong to, ``secrets`` what references were replaced by.
    """

    def __init__(self, *, environ: Mapping[str, str], root: FilePath, references: bool = True) -> None:
        self.environ = environ
        self.root = root
        self.references = references
        self.places: dict[Path, Place] = {}
        self.problems: list[Problem] = []
        self.missing: list[Path] = []
        self.unset: list[Problem] = []
        self.secrets: list[str] = []

    def value(self, node: Node, path: Path) -> Any:
        """The plain value of a node; text that came from a reference under ``settings`` is wrapped."""
        self.places.setdefault(path, node.place)
        if isinstance(node.value, dict):
            for key, entry in node.value.items():
                self.places[(*path, key)] = entry.key
            return {key: self.value(entry.node, (*path, key)) for key, entry in node.value.items()}
        if isinstance(node.value, list):
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        if self.references and isinstance(node.value, str) and has_reference(node.value):
            return self.reference(node.value, node.place, path)
        return node.value

    def reference(self, text: str, place: Place, path: Path) -> Any:
        in_settings = len(path) > 3 and path[0] == "connections" and path[2] == "settings"
        is_url = len(path) == 3 and path[0] == "notify" and path[2] == "url"
        try:
            value, found = resolve(text, environ=self.environ, root=self.root)
        except Missing as e:
            problem = Problem(place, f"`{dotted(path)}`: {e.message}", e.hint, path)
            if (in_settings or is_url) and not isinstance(e, Malformed):
                self.unset.append(problem)
            else:
                self.problems.append(problem)
                self.missing.append(path)
            value, found = "", ()
        self.secrets += found
        return SecretStr(value) if in_settings or is_url else Revealed(value)


@dataclass
class Valid:
    """What validation left: the config, what is wrong, and the paths left out because of that.

    ``whole`` is False when named parts are missing, so that what refers to them cannot be judged.
    """

    config: Config | None
    problems: list[Problem]
    dropped: list[Path]
    whole: bool = True


def _validate(data: Any, tree: Tree) -> Valid:
    """Wrong parts are taken out and the rest is validated again, so that later checks can speak of it, too."""
    result = Valid(None, [], list(tree.missing))
    for path in tree.missing:
        if path[0] != "connections":
            _remove(data, path)
    for _ in range(20):
        try:
            result.config = Config.model_validate(data)
            break
        except ValidationError as e:
            told = invalid.problems(e, Config, tree.places, hints=_BELONGS)
        new = [p for p in told if not any(_related(p.path, d) for d in result.dropped)]
        result.problems += new
        gone = [p.path for p in new if _rename(data, p, tree.places) or _remove(data, p.path)]
        if not new:  # something that must be there is wrong: its section goes
            gone = [p.path[:-1] for p in told if len(p.path) > 2 and _remove(data, p.path[:-1])]
            result.whole = False
        if not gone:
            break
        result.dropped += gone
    result.problems = invalid.told_once(result.problems)
    return result


def _rename(data: Any, problem: Problem, places: dict[Path, Place]) -> bool:
    """A misspelt key as it was meant, unless that one is there, too."""
    *above, last = problem.path or ("",)
    meant = problem.hint.removeprefix("Did you mean `").removesuffix("`?")
    if not problem.message.startswith(f"unknown key `{last}`") or meant == problem.hint:
        return False
    for part in above:
        data = data[part]
    if not isinstance(data, dict) or meant in data:
        return False
    data[meant] = data.pop(last)
    old = problem.path
    places.update({(*above, meant, *p[len(old) :]): at for p, at in places.items() if p[: len(old)] == old})
    return True


def _masked(problem: Problem, secrets: list[str]) -> Problem:
    message, hint = problem.message, problem.hint
    for secret in secrets:
        if len(secret) > 3:
            message, hint = message.replace(secret, "(secret)"), hint.replace(secret, "(secret)")
    return problem._replace(message=message, hint=hint)


def _related(path: Path, dropped: Path) -> bool:
    short = min(len(path), len(dropped))
    return short > 0 and path[:short] == dropped[:short]


def _remove(data: Any, path: Path) -> bool:
    """Takes a value out of the plain data; False when it is not there."""
    *above, last = path or ("",)
    for part in above:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return False
    if isinstance(data, dict) and last in data:
        del data[last]
        return True
    if isinstance(data, list) and isinstance(last, int) and last < len(data):
        data[last] = None  # positions of the others must not move
        return True
    return False


def _written(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _written(entry.node) for key, entry in node.value.items()}
    if isinstance(node.value, list):
        return [_written(item) for item in node.value]
    return node.value
