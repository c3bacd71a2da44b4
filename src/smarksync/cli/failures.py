"""From an error to words, and to the exit code that interface.md promises. Users never read a traceback."""

from __future__ import annotations

import errno
import os
import platform
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from smarksync import __version__
from smarksync.errors import ConfigError, SmarkSyncError, SystemFailure
from smarksync.redact import redact

if TYPE_CHECKING:
    from .globals import Globals

INTERRUPTED = 130
#: the commands that leave something to go on with when they are interrupted
_WRITING = {"run", "apply"}
#: what an operating system says when there is no room, or no right, to write
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EBUSY, errno.ENAMETOOLONG,
            errno.ELOOP}  # fmt: skip


def end_on_signals() -> None:
    """SIGTERM ends a run like Ctrl-C does: in order, resumable."""

    def end(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    if hasattr(signal, "SIGTERM"):
        try:
            signal.signal(signal.SIGTERM, end)
        except ValueError:
            pass  # not the main thread: the embedding program owns the signals


def explain(error: BaseException, settings: Globals, args: Sequence[str]) -> int:
    """Says what happened and returns the exit code; under ``--json`` stdout gets one object."""
    code, facts, text = _words(error, settings, args)
    _say(text)
    if settings.json:
        settings.out.object({"exit_code": code, "error": facts})
    return code


def _words(error: BaseException, settings: Globals, args: Sequence[str]) -> tuple[int, dict[str, Any], str]:
    """(exit code, the error as an object, the text for people)."""
    secrets = settings.config.secrets if settings.config is not None else frozenset()
    if isinstance(error, SmarkSyncError):

        def modest(said: str) -> str:
            return redact(said, secrets=secrets, typed=args)

        text = modest(_sentence(error))
        facts: dict[str, Any] = {
            "code": error.code,
            "message": modest(error.message),
            "hint": error.hint,
        }
        if isinstance(error, ConfigError):
            facts["problems"] = [modest(p) for p in error.problems]
            if error.file:
                facts |= {"file": error.file, "line": error.line}
        if isinstance(error, SystemFailure):
            facts["connection"] = error.connection
        return error.exit_code, facts, text
    if isinstance(error, KeyboardInterrupt):
        text = "Interrupted."
        if _WRITING & set(args):
            text += " What was written is remembered; the next run goes on from there."
        return INTERRUPTED, {"code": "SMK-INTERRUPTED", "message": text, "hint": ""}, text
    usage = _usage(error)
    if usage is not None:
        return 2, {"code": "SMK-USAGE", "message": usage[0], "hint": usage[1]}, " ".join(filter(None, usage))
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else 1
        return code, {"code": "SMK-EXIT", "message": "", "hint": ""}, ""
    if isinstance(error, OSError) and error.errno in _NO_ROOM | _REFUSED:
        what = f"{error.filename} could not be used: {error.strerror}." if error.filename else f"{error.strerror}."
        hint = (
            "Free some space and run again: it goes on where it stopped."
            if error.errno in _NO_ROOM
            else "Check the path and its rights."
        )
        return 2, {"code": "SMK-FILE", "message": what, "hint": hint}, f"{what} {hint}"
    report = _crash_report(error, args, secrets)
    where = (
        f"Please report it with the file {report} (personal data and secrets are taken out)."
        if report
        else "Please report it."
    )
    what = f"This is a bug in SmarkSync ({type(error).__name__}); nothing is half-written, and the next run goes on."
    facts = {"code": "SMK-BUG", "message": what, "hint": where, "report": report}
    return 1, facts, f"{what} {where}"


def _sentence(error: SmarkSyncError) -> str:
    if isinstance(error, ConfigError) and len(error.problems) > 1:
        return "\n".join([f"{len(error.problems)} problems in the config:", *(f"  {p}" for p in error.problems)])
    if isinstance(error, SystemFailure) and error.connection:
        text = str(error)  # the words of a connector often begin with its connection
        return text if text.startswith(f"{error.connection}: ") else f"{error.connection}: {text}"
    return str(error)


def _usage(error: BaseException) -> tuple[str, str] | None:
    """(message, hint) when the command line itself was wrong, else None; the parser's classes differ by version."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "NoArgsIsHelpError" in names:
        return str(getattr(error, "message", error)), ""
    if "ClickException" in names:
        ctx = getattr(error, "ctx", None)
        path = getattr(ctx, "command_path", None) or "smarksync"
        said = str(error.format_message())  # type: ignore[attr-defined]
        said = said.replace(": Value error, ", ": ").rstrip(".")
        return said if said.endswith("?") else said + ".", f"`{path} --help` shows what there is."
    if "Abort" in names:
        return "Stopped: an answer was needed.", ""
    return None


def _crash_report(error: BaseException, args: Sequence[str], secrets: frozenset[str]) -> str:
    """Writes what we need to find the defect to a private file; its path, or nothing when even that fails."""
    lines = [
        f"SmarkSync {__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"command: smarksync {' '.join(args)}", "",
        *traceback.format_exception(error),
    ]  # fmt: skip
    try:
        handle, path = tempfile.mkstemp(prefix="smarksync-crash-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(redact("\n".join(lines), secrets=secrets))
    except OSError:
        return ""
    return path


def _say(text: str) -> None:
    if text:
        try:
            print(text, file=sys.stderr, flush=True)
        except OSError:
            pass  # nobody listens; the exit code still tells
