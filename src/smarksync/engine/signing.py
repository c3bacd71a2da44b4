"""The agreement's document with its history: versions are remembered when a run works by them or somebody prints them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from smarksync.alignment import pages
from smarksync.alignment.agreement import Version, as_data, parts
from smarksync.alignment.document import changes, terms_as_data, version_of
from smarksync.alignment.terms import Terms
from smarksync.config import Config
from smarksync.errors import UsageError
from smarksync.ledger import agreements
from smarksync.ledger.agreements import Kept
from smarksync.ledger.db import Ledger
from smarksync.model.moments import micros, moment


def remember(config: Config, ledger: Ledger, now: datetime) -> bool:
    """Keeps the present version; True when it is new. A config without an agreement has none."""
    if config.agreement is None:
        return False
    name, digest = version_of(config)
    return agreements.keep(ledger, Kept(digest, name, micros(now), terms_as_data(config)))


def versions(config: Config, ledger: Ledger | None, now: datetime) -> list[Version]:
    """All versions, newest first, each with what it changed; the present one is first even if it was there before."""
    name, digest = version_of(config)
    kept = agreements.every(ledger) if ledger is not None else []
    present = Kept(digest, name, micros(now), terms_as_data(config))
    past = [one for one in kept if one.hash != digest]
    first = next((one.at for one in kept if one.hash == digest), present.at)
    if any(one.at > first for one in past):  # an earlier version came back
        first = present.at
    line = [*past, present._replace(at=first)]
    zone = ZoneInfo(config.time_zone)
    told = [
        Version(one.version, one.hash, str(moment(one.at).astimezone(zone).date()), changes(before.body, one.body) if before else [])
        for before, one in zip([None, *line], line, strict=False)
    ]  # fmt: skip
    return told[::-1]


def document(config: Config, ledger: Ledger | None, now: datetime, form: str) -> str | dict[str, Any]:
    """The document as ``md`` or ``html`` text, or as ``json`` data. Raises UsageError without an agreement."""
    if Terms.of(config) is None:
        raise UsageError(
            "The config has no agreement.",
            hint="Add a section `agreement:`, or include one: `include: [agreement.yaml]`.",
        )
    told = versions(config, ledger, now)
    today = now.astimezone(ZoneInfo(config.time_zone)).date()
    if form == "json":
        return as_data(config, told, terms_as_data(config), today)
    assert config.agreement is not None
    teams = config.agreement.between
    title = f"Working agreement of {teams.marketing} and {teams.sales}"
    write = pages.as_html if form == "html" else pages.as_markdown
    return write(title, parts(config, told if len(told) > 1 else (), today.year))


__all__ = ["document", "remember", "versions"]
