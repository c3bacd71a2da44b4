"""What the logs add to a row: when it changed, and who changed its subscription."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from smarksync.plugin import Past, Record

from .client import Row, Sight
from .fields import instant, record


def with_logs(row: Row, fields: Sequence[str], logs: Mapping[str, Sequence[Sight]]) -> Record:
    """The row, with the changes of its subscription that led to what it shows now, newest first."""
    sights = logs.get(row["id"], ())
    acts = []
    for sight in sights:
        if sight.subscribed is None:
            continue
        if sight.subscribed != row["subscribed"]:
            break
        acts.append(Past(not sight.subscribed, sight.at, sight.by, own_act=sight.by == "member"))
    return record(row, fields, acts, max((sight.at for sight in sights), default=None))


def by_member(sights: Iterable[Sight]) -> dict[str, list[Sight]]:
    found: dict[str, list[Sight]] = {}
    for sight in sights:
        found.setdefault(sight.member, []).append(sight)
    return found


def subscribed_mark(rows: Iterable[Row]) -> str:
    """One hash over who is subscribed."""
    digest = hashlib.blake2b(digest_size=12)
    for row in rows:
        digest.update(f"{row['id']}{row['subscribed']:d}".encode())
    return digest.hexdigest()


def settled(row: Row, end: datetime) -> bool:
    changed = instant(row.get("updated_at"))
    return changed is None or changed <= end
