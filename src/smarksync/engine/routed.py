"""Whom the config gives leads to, against who is there: colleagues and queues that sales does not have get no lead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from smarksync.config import Config
from smarksync.config.problems import Path
from smarksync.config.section import Section
from smarksync.config.values import Owner
from smarksync.errors import SystemFailure
from smarksync.mapping import CompiledMapping, ObjectMapping

from .context import Opened
from .owners import KIND, Colleague
from .raw import plain


def finder(people: Iterable[Colleague]) -> Callable[[Owner], Colleague | None]:
    """Who an owner of the config is among ``people``: a user by the address, a queue by its name in any case."""
    known = list(people)
    by_email = {one.email: one for one in known if one.email and one.kind != "queue"}
    by_queue = {(one.name or "").casefold(): one for one in known if one.kind == "queue"}
    return lambda to: by_queue.get(to.name.casefold()) if to.kind == "queue" else by_email.get(to.name)


def given(config: Config) -> Iterator[tuple[Owner, Section, Path]]:
    """Every user and queue that routing rules and promises name, with its section and the way to it from there."""
    for rule in config.routing:
        for key in ("to", "fallback"):
            if (owner := getattr(rule, key)) is not None and owner.kind != "field":
                yield owner, rule, (key,)
        for number, owner in enumerate(rule.round_robin or ()):
            yield owner, rule, ("round_robin", number)
    for promise in config.agreement.sales if config.agreement else ():
        if promise.reassign is not None and promise.reassign.to is not None:
            yield promise.reassign.to, promise.reassign, ("to",)


def strangers(
    config: Config, opened: Opened, written: Mapping[str, ObjectMapping], compiled: Sequence[CompiledMapping]
) -> list[str]:
    """A sentence for each whom a hand-off to this connection would look for in vain.

    Reads its lists of colleagues when the config names somebody; of one that cannot be compiled other findings tell.
    """
    named = list(given(config))
    if not named or not any(job.kind == "handoff" and job.to == opened.name for job in config.jobs.values()):
        return []
    lists = [one for one in compiled if one.connection == opened.name and one.entity == KIND]
    if len(lists) < sum(mapping.entity == KIND for mapping in written.values()):
        return []
    try:
        find = finder([one for mapping in lists for one in _listed(opened, mapping)])
    except SystemFailure as error:
        return [f"{opened.name} did not say whether it has those whom `routing` names: {error}"]
    said: dict[Owner, str] = {}
    for owner, section, at in named:
        found, kind = find(owner), "queue" if owner.kind == "queue" else "user"
        if owner not in said and (found is None or not found.active):
            why = f"{opened.name} has no {kind}" if found is None else f"not active in {opened.name} is the {kind}"
            hint = f"Add the {kind} there, or name another."
            said[owner] = str(section.problem(f"{why} `{owner.name}`, and no lead goes there.", hint, at=at))
    return list(said.values())


def _listed(opened: Opened, mapping: CompiledMapping) -> Iterator[Colleague]:
    """The rows of one list, as they are now."""
    pages = opened.connector.read(mapping.stream, cursor=None, until=None, fields=mapping.vendor_fields)
    for row in (plain(record) for page in pages for record in page.records):
        shown, _ = mapping.inward_row(row.fields)
        active = shown.get("active") is not False
        yield Colleague("", opened.name, row.id, shown.get("email"), shown.get("name"), shown.get("kind"), active)


__all__ = ["finder", "given", "strangers"]
