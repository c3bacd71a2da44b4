"""What would keep the jobs from working: credentials, rights, live schemas against mappings, quota.

Every finding says what, where, whose problem it is and what to do. Nothing is written anywhere, except that
``fix`` lets the connectors that can create the fields of ours that an account lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from typing import Any

from smarksync.alignment import reach
from smarksync.config import Config, Job, useless_rules
from smarksync.errors import ConfigError, PermissionDenied, SystemFailure
from smarksync.ledger import schemas, streams
from smarksync.ledger.db import Ledger
from smarksync.mapping import CompiledMapping, ObjectMapping
from smarksync.mapping.lint import NEVER_CUT, nearest
from smarksync.model import ValueProblem
from smarksync.plugin import FieldInfo, Fixes, StreamSpec

from . import abilities, definitions, named, observed, routed, writers
from .context import Opened
from .findings import Checked, Finding, by_config, by_connector, by_system, shorter, with_new_records
from .owners import KIND
from .prepare import Workshop
from .registry import Registry


def check(
    config: Config, registry: Registry, make_session: Callable[[str, Any], Any], ledger: Ledger | None,
    now: Callable[[], datetime], *, only: str | None = None, fix: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """Checks one connection or all, and then what needs all of them. Raises ConfigError when ``only`` names none.

    ``ledger`` None = nothing was ever run: then there is no earlier schema to compare with.
    """
    if only is not None and only not in config.connections:
        known = ", ".join(config.connections)
        raise ConfigError(f"There is no connection {only!r} in the config.", hint=f"Its connections: {known}.")
    checker = _Checker(config, registry, make_session, ledger, now, fix)
    found = [checker.connection(name) for name in config.connections if only in (None, name)]
    general = [Finding("warning", "config", str(problem)) for problem in config.warnings]
    unset = config.unset(channels=config.notify)
    general += [Finding("failure", "config", str(problem), "", "the config", 2) for problem in unset]
    general += checker.jobs(complete=only is None)
    everything = [*general, *(f for one in found for f in one.findings)]
    codes = {f.code for f in everything if f.level == "failure"}
    return {
        "ok": not codes,
        "exit_code": next((code for code in (2, 5) if code in codes), 0),
        "config": str(config.files[0]) if config.files else "",
        "findings": [asdict(f) for f in general],
        "connections": [asdict(one) for one in found],
    }


class _Checker:
    def __init__(
        self, config: Config, registry: Registry, make_session: Callable[[str, Any], Any], ledger: Ledger | None,
        now: Callable[[], datetime], fix: bool,
    ) -> None:  # fmt: skip
        self.config, self.ledger, self.fix = config, ledger, fix
        # the ledger serves runs only: here nothing is opened that would write to it
        self.workshop = Workshop(config, registry, ledger, make_session, now)  # type: ignore[arg-type]
        self.names = named.by_config(config)
        self.mappings: list[CompiledMapping] = []
        self.told: set[str] | None = set()  # types of activities that some connection tells of; None = any
        self.unseen: set[str] = set()  # connections of which too little is known to judge jobs

    # -- one connection --------------------------------------------------------------------------
    def connection(self, name: str) -> Checked:
        one = Checked(name, self.config.connections[name].connector)
        try:
            opened = self.workshop.open(name)
        except ConfigError as error:
            self.unseen.add(name)
            by_config(one, error)
            return one
        except SystemFailure as error:
            self.unseen.add(name)
            by_system(one, error, local=self._local(one.name))
            return one
        try:
            self._opened(one, opened)
        finally:
            with suppress(SystemFailure):
                opened.connector.close()
            if (close := getattr(opened.session, "close", None)) is not None:
                close()
        return one

    def _opened(self, one: Checked, opened: Opened) -> None:
        try:
            if opened.failed is not None:
                raise opened.failed
            report = opened.connector.check()
            by_connector(one, report, self._objects(one.name), local=self._local(one.name))
        except SystemFailure as error:
            self.unseen.add(one.name)
            by_system(one, error, local=self._local(one.name))
            return
        told = {finding.say for finding in one.findings}
        for obj in self._objects(one.name):
            try:
                self._object(one, opened, obj)
            except SystemFailure as error:
                if {str(error), error.message} & told:
                    self.unseen.add(one.name)
                    continue  # the connector has said it already
                if isinstance(error, PermissionDenied) and self.workshop.written[one.name][obj].entity == KIND:
                    hint = "Records keep the owners that they have until it may be read."
                    one.warn("permissions", f"{one.name}:{obj}: {error.message}", hint)
                    continue
                self.unseen.add(one.name)
                by_system(one, error, obj, local=self._local(one.name))
        with suppress(SystemFailure):
            self._activities(opened)
        for said in routed.strangers(self.config, opened, self.workshop.written[one.name], self.mappings):
            one.warn("routing", said)
        left = getattr(getattr(opened.session, "counts", None), "budget_left", None)
        one.budget_left = one.budget_left if left is None else left
        if one.budget_left is not None and one.budget_left <= 0:
            one.fail(
                "quota", "Nothing is left of the quota.", "Wait until it is renewed.", "the account's limit", code=5
            )

    def _activities(self, opened: Opened) -> None:
        """Which activities the connection tells of, as far as it says so; asked for where an expression counts them."""
        if not any("activities" in expression.names for _, expression in self.config.expressions()):
            return
        for obj, mapping in self.workshop.written[opened.name].items():
            if mapping.entity != "activity" or self.told is None:
                continue
            spec = self.workshop.specs[opened.name].get(obj) or StreamSpec(obj, mapping.entity)
            compiled = self.workshop.compile(opened.name, spec, mapping, opened.connector.describe(obj))
            kind = compiled.fields.get("type")
            if kind is None or kind.info.choices is None:
                self.told = None  # it may be anything
                continue
            for choice in kind.info.choices:
                with suppress(ValueProblem):
                    self.told.add(str(kind.inward(choice.value)))

    def _objects(self, connection: str) -> list[str]:
        """The streams that the jobs need; without jobs, everything that is mapped."""
        written = self.workshop.written[connection]
        wanted = {job.entity for job in self.config.jobs.values() if connection in job.connections}
        if any(observed.names_owners(self.config, written, entity) for entity in wanted):
            wanted.add(KIND)
        own = set(self.config.mapping_of(connection).objects)
        return [obj for obj, m in written.items() if obj in own or m.entity in wanted or not self.config.jobs]

    def _object(self, one: Checked, opened: Opened, obj: str) -> None:
        mapping = self.workshop.written[one.name][obj]
        spec = self.workshop.specs[one.name].get(obj) or StreamSpec(obj, mapping.entity)
        live = opened.connector.describe(obj)
        self._drift(one, obj, mapping, live)
        missing = _missing(mapping, spec, live)
        if missing and self.fix:
            one.fixed += definitions.made(opened, obj, mapping, self.config.schema_[mapping.entity], missing)
            live = opened.connector.describe(obj)
            missing = _missing(mapping, spec, live)
        if missing and not opened.spec.closed:
            one.fixable[obj] = missing
        try:
            compiled = self.workshop.compile(one.name, spec, mapping, live)
        except ConfigError as error:
            self.unseen.add(one.name)
            by_config(one, error)
            if missing and opened.spec.closed:
                one.warn("fields", f"{one.name}.{obj}: {', '.join(missing)} cannot be added there.", opened.spec.closed)
            return
        self.mappings.append(compiled)
        one.objects[obj] = len(compiled.fields)
        inactive = {f"{one.name}.{obj}: {i.name} is inactive: {i.reason}" for i in compiled.inactive}
        for warning in compiled.warnings:
            if warning not in inactive and not warning.endswith(NEVER_CUT):
                one.warn("mapping", warning)
        shorter(one, obj, compiled.warnings)
        self._inactive(one, opened, obj, compiled, spec, live)
        known = self.config.schema_[mapping.entity].fields
        for name in mapping.fields:
            if name in known and known[name].ref == KIND and KIND not in self._entities(one.name):
                one.warn("mapping", f"{one.name}.{obj}: {name} stays as it is on every side: {one.name} lists no owners.",
                         "Where it has a list of its users, map it with `entity: owner` and their `email`.")  # fmt: skip

    def _streams(self, job: Job) -> dict[str, list[StreamSpec]]:
        """The streams of the job's entity, by connection, as far as their abilities are known."""
        return {
            c: [
                s
                for obj in observed.objects(self.workshop.written[c], job.entity)
                if (s := self.workshop.specs[c].get(obj))
            ]
            for c in job.connections
        }

    def _local(self, connection: str) -> bool:
        """Whether the connector asks no server: then a failure is no matter of the network."""
        try:
            settings = self.workshop.registry.spec(self.config.connections[connection].connector).settings
        except ConfigError:
            return False
        return "path" in settings.model_fields

    def _entities(self, connection: str) -> set[str]:
        return {mapping.entity for mapping in self.workshop.written[connection].values()}

    def _inactive(
        self, one: Checked, opened: Opened, obj: str, compiled: CompiledMapping, spec: StreamSpec,
        live: Sequence[FieldInfo],
    ) -> None:  # fmt: skip
        """Preset fields that the account lacks: failures when something names them, else warnings."""
        needed = {m.vendor: m for m in named.lacking(self.names, [compiled]) if m.named.connection is not None}
        alike: dict[str, list[str]] = {}
        for gone in compiled.inactive:
            cure = self._cure(one, opened, obj, gone.vendor)
            if gone.vendor in needed:
                lacks = [m.named for m in named.lacking(self.names, [compiled]) if m.vendor == gone.vendor]
                refused = sorted({n.job for n in lacks if n.job and n.connection is not None})
                said = f"{needed[gone.vendor]}" + (f" Refused until then: {', '.join(refused)}." if refused else "")
                one.fail("fields", said, cure, f"whoever manages the fields of {one.name}")
            elif gone.reason.startswith(f"{gone.vendor} is "):  # the same words for each of them: said once
                alike.setdefault(cure + "\0" + gone.reason.removeprefix(f"{gone.vendor} is "), []).append(gone.vendor)
            else:
                one.warn("fields", f"{one.name}.{obj}: {gone.name} is inactive: {gone.reason}.", cure)
        names = {gone.vendor: gone.name for gone in compiled.inactive}
        for key, vendors in alike.items():
            cure, _, why = key.partition("\0")
            if len(vendors) == 1:
                said = f"{one.name}.{obj}: {names[vendors[0]]} is inactive: {vendors[0]} is {why}."
            else:
                said = f"{one.name}.{obj}: {len(vendors)} fields are inactive, each {why}: {', '.join(vendors)}."
            one.warn("fields", said, cure if len(vendors) == 1 else cure.replace("creates it", "creates them"))
        if spec.external_id and spec.external_id not in {info.name for info in live} and "external_id" not in {
            gone.name for gone in compiled.inactive
        }:  # fmt: skip
            one.warn(
                "fields", f"{one.name}.{obj} has no field {spec.external_id} for our id: records are found again by "
                "their match keys only.", self._cure(one, opened, obj, spec.external_id),
            )  # fmt: skip

    def _cure(self, one: Checked, opened: Opened, obj: str, vendor: str) -> str:
        if isinstance(opened.connector, Fixes) and not self.fix:
            return f"`smarksync check {one.name} --fix` creates it where it can."
        mapping = self.workshop.written[one.name][obj]
        entity = self.config.schema_[mapping.entity]
        return opened.spec.closed or "Add it by hand: " + definitions.sentence(vendor, mapping, entity)

    def _drift(self, one: Checked, obj: str, mapping: ObjectMapping, live: Sequence[FieldInfo]) -> None:
        """What changed in the live schema since the last run, as far as the mapping is concerned."""
        if self.ledger is None:
            return
        sid = next((s.sid for s in streams.every(self.ledger) if (s.connection, s.object) == (one.name, obj)), None)
        before = schemas.last(self.ledger, sid) if sid is not None else None
        if before is None:
            return
        mapped = {vendor for m in mapping.fields.values() for vendor in (m.vendor, m.currency) if vendor}
        for said in definitions.changes(before, live, mapped):
            one.warn("drift", f"{one.name}:{obj} changed since the last run: {said}", "Look at its mapping.")

    def _way_to(self, entity: str, field: str) -> str:
        """How an expression comes to see a field that no connection maps."""
        written = self.workshop.written
        specs = {name: self.workshop.registry.spec(self.config.connections[name].connector) for name in written}
        return definitions.way_to(written, {name: spec.closed for name, spec in specs.items()}, entity, field)

    # -- all together ----------------------------------------------------------------------------
    def jobs(self, complete: bool) -> list[Finding]:
        """What can be said once every connection is known."""
        found: list[Finding] = []
        for job in self.config.jobs.values():
            mapped = {
                c: {name for m in self.mappings if m.connection == c and m.entity == job.entity for name in m.fields}
                for c in job.connections
            }
            if any(c in self.unseen or c not in self.workshop.written for c in job.connections) or job.kind != "sync":
                continue
            kept = [m for m in self.mappings if m.entity == job.entity and m.connection in job.connections]
            found += with_new_records(kept)
            lacking = {m.named.field for m in named.lacking(self.names, self.mappings)}
            for place, wrong, right in abilities.impossible(job, self._streams(job)):
                found.append(
                    Finding("failure", "config", f"{place}: job {job.name!r}, {wrong}", right, "the config", 2)
                )
            fields = self.config.schema_[job.entity].fields
            for name in useless_rules(job, mapped):
                if name in fields and fields[name].ref == KIND:
                    continue  # said where the owners are not listed
                if name not in lacking and job.entity in {m.entity for m in self.mappings}:
                    found.append(Finding("failure", "mapping", f"{job.place('fields', name)}: the rule for {name} does nothing: fewer than "
                                         f"two of the job's connections map it.", "Map it on both sides, or leave the rule out.", "the config", 2))  # fmt: skip
        if not complete or self.unseen:
            return found
        for clash in writers.clashes(self.config, self.config.jobs.values(), self.mappings):
            found.append(Finding("failure", "config", f"{clash.place}: {clash.message}", clash.hint, "the config", 2))
        for lack in named.lacking([n for n in self.names if n.connection is None], self.mappings):
            found.append(Finding("failure", "fields", str(lack), f"`smarksync check {lack.connection} --fix` creates it where it can.",
                                 f"whoever manages the fields of {lack.connection}", 2))  # fmt: skip
        for one in named.per_side(self.names):
            found.append(Finding("warning", "config", f"{one.place}: `{one.by}` reads {one.entity}.{one.field}, which each side has for "
                                 "itself and nobody agrees on: it is null there.", "Only `where` of a side sees it."))  # fmt: skip
        told = {("lead", name) for name in named.PER_SIDE}
        for one in named.unmapped(self.names, self.mappings):
            if (one.entity, one.field) not in told and not definitions.set_by_us(self.config, one.entity, one.field):
                found.append(Finding("warning", "config", f"{one.place}: `{one.by}` reads {one.entity}.{one.field}, which no connection "
                                     "maps: it is null there.", self._way_to(one.entity, one.field)))  # fmt: skip
        never = {(n.entity, n.field) for n in named.unmapped(self.names, self.mappings)} - told
        null = frozenset(one for one in never if not definitions.set_by_us(self.config, *one))
        world = reach.Told(null, None if self.told is None else frozenset(self.told))
        found += [Finding("warning", "agreement", str(problem)) for problem in reach.unreachable(self.config, world)]
        return found


def _missing(mapping: ObjectMapping, spec: StreamSpec, live: Iterable[FieldInfo]) -> list[str]:
    """Mapped vendor fields that the account lacks, and the one for our id. One that is merely mistyped is not to be made."""
    there = {info.name for info in live}
    wanted = {vendor: m.own for m in mapping.fields.values() for vendor in (m.vendor, m.currency) if vendor}
    if spec.external_id:
        wanted[spec.external_id] = False
    return [vendor for vendor, own in wanted.items() if vendor not in there and not (own and nearest(vendor, there))]


__all__ = ["check"]
