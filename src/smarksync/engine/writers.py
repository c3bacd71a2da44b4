"""Two jobs that write one field of one connection, as the mappings of the accounts show it.

What a config says by itself was judged when it was loaded; presets become fields only beside a live schema.
"""

from __future__ import annotations

from collections.abc import Iterable

from smarksync.config import Config, Job, check_writers
from smarksync.config.problems import Problem
from smarksync.mapping import CompiledMapping


def clashes(config: Config, jobs: Iterable[Job], mappings: Iterable[CompiledMapping]) -> list[Problem]:
    """One problem for each two of the jobs. Of a connection without mappings only what the jobs name is compared."""
    writable: dict[str, dict[str, set[str]]] = {}
    for mapping in mappings:
        names = writable.setdefault(mapping.connection, {}).setdefault(mapping.entity, set())
        names.update(name for name, codec in mapping.fields.items() if codec.write)
    return check_writers({job.name: job for job in jobs}, writable, config.schema_)
