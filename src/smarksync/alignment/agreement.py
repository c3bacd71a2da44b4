"""The document that the two teams sign: definitions, promises, clocks, owners, and what changed between versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from smarksync.config import Config
from smarksync.config.agreement import Agreement

from .document import hours_in_words, per_in_words, promise_in_words, route_in_words, version_of
from .holidays import named_holidays
from .pages import Heading, Items, Part, Sentence, Table


class Version(NamedTuple):
    """One earlier or present version: its word and hash, the day of it, and what it changed, in sentences."""

    name: str | None
    hash: str
    day: str
    changes: Sequence[str]


def parts(config: Config, versions: Sequence[Version], year: int) -> list[Part]:
    """The whole document. ``versions``: newest first; ``year``: whose public holidays are listed."""
    agreement = config.agreement
    assert agreement is not None
    name, digest = version_of(config)
    teams = agreement.between
    return [
        Sentence(f"Between {teams.marketing} and {teams.sales}. Version {name or 'without a name'}, hash {digest}."),
        *_definitions(config),
        *_promises(agreement),
        *_clocks(config, agreement, year),
        *_owners(config),
        *_words(),
        *_versions(versions),
        Heading("Signatures"),
        Table("Who signs for which team", ("For", "Name", "Date", "Signature"),
              [(team, "", "", "") for team in (teams.marketing, teams.sales)]),
    ]  # fmt: skip


def _definitions(config: Config) -> Iterable[Part]:
    from .document import definition_version

    yield Heading("Definitions")
    if not config.definitions:
        yield Sentence("None are written down.")
    for name, one in config.definitions.items():
        rows = [("must be true", one.when.text)]
        rows += [("must have a valid value", field) for field in one.require]
        rows += [("excludes", never.text) for never in one.never]
        yield Table(f"{name}, version {definition_version(one)}", ("clause", "says"), rows)
    if config.scoring:
        points = [
            (s.when.text, f"{s.points:+d}", s.why, f"halves every {s.decay.half_life_days:g} days" if s.decay else "")
            for s in config.scoring
        ]
        yield Table("Points that make the score", ("when", "points", "why", "decay"), points)
    if config.personas:
        people = [
            (p.name, p.when.text if p.when else "", ", ".join(p.titles), p.company_size or "")
            for p in config.personas.values()
        ]
        yield Table("Personas", ("persona", "recognised by", "titles", "company size"), people)


def _promises(agreement: Agreement) -> Iterable[Part]:
    yield Heading("Who promised what")
    values = {name: one.values for name, one in agreement.segments.items()}
    for team, promises in (
        (agreement.between.marketing, agreement.marketing),
        (agreement.between.sales, agreement.sales),
    ):
        rows = [(p.id, promise_in_words(p), per_in_words(p, values), p.calendar or "") for p in promises]
        yield Table(f"{team} promises", ("promise", "what", "judged by", "clock"), rows)
    for name, segment in agreement.segments.items():
        yield Sentence(f"The segment {name} is {segment.of.text}.")


def _clocks(config: Config, agreement: Agreement, year: int) -> Iterable[Part]:
    yield Heading("Clocks")
    for name, calendar in agreement.calendars.items():
        rows = [("working hours", hours_in_words(calendar)), ("time zone", calendar.time_zone or config.time_zone)]
        if calendar.holidays:
            days = ", ".join(f"{day} {said}" for day, said in named_holidays(calendar.holidays, year))
            rows.append((f"public holidays {calendar.holidays}, {year}", days))
        if calendar.closed:
            rows.append(("also closed", ", ".join(str(day) for day in sorted(calendar.closed))))
        yield Table(f"Calendar {name}", ("", ""), rows)
    yield Items([
        "Business time runs in working hours only. A promise is kept at exactly the promised time, not a moment later.",
        "A business day is one working day of the calendar, long or short. Other days are 24 hours each.",
        "An attempt or a decision made while the clock stands still costs no time.",
        f"A promise is at risk from {agreement.at_risk * 100:g} % of its time on.",
        f"Months, quarters and years are those of the time zone {config.time_zone}.",
        *(f"A clock stands still ({reason}) while {expression.text}." for reason, expression in agreement.pause.items()),
    ])  # fmt: skip


def _owners(config: Config) -> Iterable[Part]:
    yield Heading("Owners")
    if config.routing:
        yield Table("Who gets a lead: the first rule that finds an active owner with room", ("when", "to"),
                    [route_in_words(route) for route in config.routing])  # fmt: skip
    else:
        yield Sentence("No routing is written down.")


def _words() -> Iterable[Part]:
    yield Heading("Words")
    yield Items([
        "An attempt is a call, an e-mail, a meeting or a task that a person in sales made and that took place; automated mails do not count.",
        "Offered: the lead stands in the CRM with an owner. Accepted and rejected: sales said yes or no.",
        "Excused: the case ended, or was merged or withdrawn, before the promise was due.",
        "A breach of sales' clocks is charged to the system when more than half of the time went by before the record was "
        "written and had an owner; every other breach to the team that promised.",
    ])  # fmt: skip


def _versions(versions: Sequence[Version]) -> Iterable[Part]:
    yield Heading("Changes between versions")
    if not versions:
        yield Sentence("This is the first version.")
    for version in versions:
        yield Sentence(f"{version.day}: {version.name or 'without a name'}, hash {version.hash}.")
        if version.changes:
            yield Items(version.changes)


def as_data(config: Config, versions: Sequence[Version], body: Mapping[str, Any], today: date) -> dict[str, Any]:
    """The same for programs: what is signed (``terms``), its version, and the versions before it."""
    name, digest = version_of(config)
    return {
        "version": name, "hash": digest, "printed_on": today.isoformat(), "terms": dict(body),
        "versions": [
            {"version": one.name, "hash": one.hash, "day": one.day, "changes": list(one.changes)} for one in versions
        ],
    }  # fmt: skip


__all__ = ["Version", "as_data", "parts"]
