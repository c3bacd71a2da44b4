"""How we speak: one structured line an event, to stderr, redacted at the exit.

``get`` gives a logger at once and imports structlog only when the first line is written, because most
commands never write one and the import would cost them a tenth of a second.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

from smarksync.redact import redact, redact_value

LEVELS = ("debug", "info", "warning", "error", "critical")
FORMATS = ("console", "json")

_Event = MutableMapping[str, Any]
_setup: dict[str, Any] = {"format": "console", "level": "info", "stream": None, "color": False}
_ready = False


def configure(
    format: str = "console", level: str = "info", *, stream: TextIO | None = None, color: bool = False
) -> None:
    """Sets the form (``console`` or ``json``) and the lowest level of lines. ``stream`` None = stderr as it is at each line.

    Raises ValueError for a word that is neither; may be called again.
    """
    global _ready
    if format not in FORMATS:
        raise ValueError(f"log format `{format}`: use {' or '.join(FORMATS)}")
    if level not in LEVELS:
        raise ValueError(f"log level `{level}`: use {', '.join(LEVELS)}")
    _setup.update(format=format, level=level, stream=stream, color=color)
    _ready = False


class _Stderr:
    """Whatever stderr is when a line is written: it may have been put elsewhere, or closed, since the first one."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


_STDERR: Any = _Stderr()


class Logger:
    """A logger with facts bound to it. ``name=value`` facts are redacted by name and by what they look like."""

    __slots__ = ("_facts",)

    def __init__(self, facts: dict[str, Any]) -> None:
        self._facts = facts

    def bind(self, **facts: Any) -> Logger:
        """A logger that says these facts on every line, too."""
        return Logger({**self._facts, **facts})

    def debug(self, event: str, **facts: Any) -> None:
        """A line for those who look closely."""
        self._say("debug", event, facts)

    def info(self, event: str, **facts: Any) -> None:
        """A line on what was done."""
        self._say("info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """A line on what somebody should look at."""
        self._say("warning", event, facts)

    def error(self, event: str, **facts: Any) -> None:
        """A line on what failed; ``exc_info=True`` adds the traceback."""
        self._say("error", event, facts)

    def _say(self, level: str, event: str, facts: dict[str, Any]) -> None:
        if LEVELS.index(level) < LEVELS.index(_setup["level"]):
            return
        if not _ready:
            _start()
        import structlog

        getattr(structlog.get_logger(), level)(event, **{**self._facts, **facts})


def get(**facts: Any) -> Logger:
    """A logger that says ``facts`` on every line."""
    return Logger(facts)


def _start() -> None:
    """Sets structlog up as :func:`configure` was told."""
    global _ready
    import structlog

    render: Callable[..., Any]
    if _setup["format"] == "json":
        render = _json
    else:
        render = structlog.dev.ConsoleRenderer(
            colors=_setup["color"], exception_formatter=structlog.dev.plain_traceback
        )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _modest,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_setup["level"]),
        logger_factory=structlog.PrintLoggerFactory(file=_setup["stream"] or _STDERR),
        cache_logger_on_first_use=False,
    )
    _ready = True


def _modest(_logger: Any, _level: str, event: _Event) -> _Event:
    for name, value in event.items():
        if name not in ("timestamp", "level"):
            event[name] = redact(value) if isinstance(value, str) and name == "event" else redact_value(value, name)
    return event


def _json(_logger: Any, _level: str, event: _Event) -> str:
    import orjson

    return orjson.dumps(event, default=str).decode()


def at(moment: str) -> str:
    """A stored instant for people, to the minute: ``2026-11-22 07:05 UTC``."""
    return f"{moment[:16].replace('T', ' ')} UTC"
