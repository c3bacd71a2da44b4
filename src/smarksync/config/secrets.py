"""References to what must not stand in the config: ``${NAME}``, ``${file:PATH}``, ``${keyring:SERVICE/NAME}``.

They may stand anywhere in a text value, also several in one. ``$${`` is a literal ``${``. A reference that leads
nowhere is a problem of its line, and the value itself is never part of a message.
What a system or a channel is opened with may be missing until somebody opens it: most commands only read the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

_REFERENCE = re.compile(r"\$(\$\{)|\$\{([^}]*)\}?")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_MAX_SECRET = 100_000


class Missing(Exception):
    """A reference that leads nowhere here and now: ``message`` and ``hint`` for people."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Malformed(Missing):
    """A reference that leads nowhere on any machine, as it is written."""


def has_reference(text: str) -> bool:
    """Whether the text must pass through :func:`resolve`."""
    return "${" in text


def resolve(text: str, *, environ: Mapping[str, str], root: Path) -> tuple[str, tuple[str, ...]]:
    """The text with its references replaced, and what they were replaced by. Raises :class:`Missing`."""
    found: list[str] = []

    def put(match: re.Match[str]) -> str:
        if match[1]:
            return "${"
        if not match[0].endswith("}"):
            raise Malformed("`${` is not closed.", "Write `${NAME}`, or `$${` for the characters themselves.")
        value = _look_up(match[2].strip(), environ, root)
        found.append(value)
        return value

    return _REFERENCE.sub(put, text), tuple(found)


def _look_up(reference: str, environ: Mapping[str, str], root: Path) -> str:
    kind, colon, rest = reference.partition(":")
    if not colon:
        return _from_environment(reference, environ)
    if kind == "file":
        return _from_file(rest, root)
    if kind == "keyring":
        return _from_keyring(rest)
    raise Malformed(
        f"`${{{reference}}}` is no known reference.", "Write `${NAME}`, `${file:PATH}` or `${keyring:SERVICE/NAME}`."
    )


def _from_environment(name: str, environ: Mapping[str, str]) -> str:
    if not _NAME.fullmatch(name):
        raise Malformed(
            f"`${{{name}}}` is not the name of an environment variable.", "Letters, digits and `_` make one."
        )
    value = environ.get(name)
    if value is None:
        raise Missing(
            f"the environment variable {name} is not set.",
            "Set it where this command runs; cron has an environment of its own.",
        )
    if not value:
        raise Missing(
            f"the environment variable {name} is empty.",
            "Set it where this command runs; cron has an environment of its own.",
        )
    return value


def _from_file(name: str, root: Path) -> str:
    path = root / Path(name).expanduser() if name else root
    try:
        with path.open("rb") as file:
            value = file.read(_MAX_SECRET + 1).decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise Missing(f"the secret file {path} is not UTF-8 text.") from None
    except (OSError, ValueError, RuntimeError) as e:
        raise Missing(f"the secret file {path} cannot be read: {getattr(e, 'strerror', None) or e}.") from None
    if not value or len(value) > _MAX_SECRET:
        raise Missing(f"the secret file {path} is {'too long' if value else 'empty'}.")
    return value


def _from_keyring(rest: str) -> str:
    service, _, name = rest.partition("/")
    if not service or not name:
        raise Malformed(f"`${{keyring:{rest}}}` names no entry.", "Write `${keyring:SERVICE/NAME}`.")
    try:
        import keyring
    except ImportError:
        raise Missing("the key ring needs the extra `keyring`.", "Install `smarksync[keyring]`.") from None
    try:
        value = keyring.get_password(service, name)
    except Exception as e:  # key ring back ends raise whatever their desktop raises
        raise Missing(
            f"the key ring cannot be read ({type(e).__name__}).",
            "A machine without a desktop has none: use `${file:PATH}`.",
        ) from None
    if not value:
        hint = f"Store it: `keyring set {service} {name}`."
        raise Missing(f"the key ring holds no {name} for {service}.", hint)
    return value


def to_redact(values: tuple[str, ...]) -> frozenset[str]:
    """Those resolved values that logs must never show.

    Short values and plain addresses are left out: masking them would make messages unreadable and hide nothing.
    """
    return frozenset(v for v in values if len(v) >= 6 and not _plain_address(v))


def _plain_address(value: str) -> bool:
    try:
        parts = urlsplit(value)
        return bool(parts.scheme and parts.netloc) and "@" not in parts.netloc and not parts.query
    except ValueError:
        return False
