"""Files that people ask for: there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

_WORKING = ".smarksync-"


def write_whole(path: Path, parts: Iterable[str]) -> None:
    """Writes a file, readable by its owner only: it holds people's data. Raises OSError that names ``path``."""
    try:
        handle, name = tempfile.mkstemp(prefix=_WORKING, dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        if error.filename is None or Path(error.filename).name.startswith(_WORKING):
            error.filename = str(path)  # nobody asked for the working file
        raise
