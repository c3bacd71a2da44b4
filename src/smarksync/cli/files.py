"""Files that people ask for: there whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

_WORKING = ".smarksync-"


def write_whole(path: Path, parts: Iterable[str]) -> None:
    """Writes a file, readable by its owner only: it holds people's data. Raises OSError that names ``path``.

    A file that is there keeps its rights, and stays where a link to it points. What is no file (``/dev/stdout``, a pipe) is
    never replaced by one: it is written to as it is.
    """
    try:
        there = _mode(path)
        if there is not None and not stat.S_ISREG(there) and not stat.S_ISDIR(there):
            with open(path, "w", encoding="utf-8") as device:
                device.writelines(parts)
            return
        target = os.path.realpath(path)
        handle, name = tempfile.mkstemp(prefix=_WORKING, dir=os.path.dirname(target))
        try:
            if there is not None:
                os.fchmod(handle, stat.S_IMODE(there))
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, target)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        if error.filename is None or Path(error.filename).name.startswith(_WORKING):
            error.filename = str(path)  # nobody asked for the working file
        raise


def _mode(path: Path) -> int | None:
    """What stands at the path, through links; None = nothing yet."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None
