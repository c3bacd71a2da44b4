"""What a job asks of its systems and they cannot do: said before anything is planned, by `check` and by every run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from smarksync.config import Job, Place
from smarksync.plugin import Can, StreamSpec


def impossible(job: Job, streams: Mapping[str, Sequence[StreamSpec]]) -> list[tuple[Place, str, str]]:
    """(place, what is wrong, what would be right) of creates and delete policies that a system cannot carry out.

    ``streams`` are those of the job's entity, by connection; one that could not be asked is not judged.
    """
    found = []
    for side, when in job.create.items() if job.kind == "sync" else ():
        if when.never or not streams.get(side) or any(Can.CREATE in spec.can for spec in streams[side]):
            continue
        names = ", ".join(f"{side}:{spec.name}" for spec in streams[side])
        found.append(
            (
                job.place("create", side),
                f"`create: {'always' if when.always else when.text}`: {names} takes no new records.",
                f"Write `never` there, or allow the connection {side!r} to write.",
            )
        )
    for side, policy in job.deletes.items():
        if policy not in (Can.ARCHIVE, Can.DELETE) or not streams.get(side):
            continue
        able = [can for can in (Can.ARCHIVE, Can.DELETE) if all(can in spec.can for spec in streams[side])]
        if policy in able:
            continue
        names = ", ".join(f"{side}:{spec.name}" for spec in streams[side])
        words = " or ".join(f"`{word}`" for word in (*able, "unlink", "ignore"))
        found.append(
            (
                job.place("deletes", side),
                f"`deletes: {policy}`: {names} cannot {policy} records.",
                f"Write {words} there.",
            )
        )
    return found
