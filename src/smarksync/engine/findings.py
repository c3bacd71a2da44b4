"""What a check finds: sentences with their level, whose problem they are and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from smarksync.errors import AuthFailed, ConfigError, PermissionDenied, SystemFailure, Throttled
from smarksync.mapping import CompiledMapping
from smarksync.mapping.lint import NEVER_CUT
from smarksync.plan.consent import CHANNELS
from smarksync.plan.side import NAME_PARTS
from smarksync.plugin import CheckReport

#: what a failure of a whole call is about, and whose problem it is
_ABOUT = (
    (AuthFailed, "credentials", "the credentials in the config, or whoever manages access to {name}"),
    (PermissionDenied, "permissions", "whoever manages rights in {name}"),
    (Throttled, "quota", "the account's limit; wait, or run less often"),
    (SystemFailure, "reach", "the network, the address in the config, or {name} itself"),
)
_ACCESS = "whoever manages access to {name}"
_LOCAL = "the settings of {name} in the config, or the files that they name"


@dataclass(slots=True)
class Finding:
    """One thing found. ``level``: failure, warning or note; ``code`` 2 = config, 5 = the system, 0 = no failure."""

    level: str
    about: str
    say: str
    do: str = ""
    whose: str = ""
    code: int = 0


@dataclass(slots=True)
class Checked:
    """One connection as found. ``fixed`` says what was created; ``fixable`` the fields that ``--fix`` would ask for."""

    name: str
    connector: str
    account: str = ""
    budget_left: int | None = None
    objects: dict[str, int] = field(default_factory=dict)  # object → mapped fields in use
    findings: list[Finding] = field(default_factory=list)
    fixable: dict[str, list[str]] = field(default_factory=dict)
    fixed: list[str] = field(default_factory=list)

    def fail(self, about: str, say: str, do: str = "", whose: str = "", code: int = 2) -> None:
        """A failure; ``code`` is the exit code that it asks for."""
        self.findings.append(Finding("failure", about, say, do, whose, code))

    def warn(self, about: str, say: str, do: str = "") -> None:
        """A warning."""
        self.findings.append(Finding("warning", about, say, do))


def by_connector(one: Checked, report: CheckReport, objects: Sequence[str], *, local: bool) -> None:
    """What the connector says itself. Of an object that it cannot read: a failure among ``objects``, those that the config
    maps, and a warning elsewhere, because no run reads it."""
    one.account, one.budget_left = report.account, report.budget_left
    about, whose = ("files", _LOCAL) if local else ("permissions", _ACCESS)
    for problem in (*report.problems, *(said for obj, said in report.unreadable.items() if obj in objects)):
        one.fail(about, problem, "", whose.format(name=one.name), code=5)
    for warning in report.warnings:
        one.warn("found there", warning)
    for said in (said for obj, said in report.unreadable.items() if obj not in objects):
        one.warn("found there", said, "Nothing maps it: runs do without it.")
    if not report.ok and not report.problems:
        one.fail("reach", "The connector says that it cannot work.", code=5)


def shorter(one: Checked, obj: str, warnings: Sequence[str]) -> None:
    """Fields of the vendor that are shorter than ours, in one line: good to know, and nothing that anybody could mend."""
    told = [
        w.removesuffix(f": {NEVER_CUT}").split(f"{one.name}.{obj}: ", 1)[-1] for w in warnings if w.endswith(NEVER_CUT)
    ]
    if told:
        one.findings.append(Finding("note", "mapping", f"{one.name}.{obj}: {'; '.join(told)}: {NEVER_CUT}."))


def with_new_records(mappings: Sequence[CompiledMapping]) -> list[Finding]:
    """Fields that only a new record takes, where somebody could wait for a later change from another connection in vain.

    ``mappings`` are those that one job keeps in agreement; one note for each object.
    """
    found = []
    for one in mappings:
        place = f"{one.connection}.{one.stream}"
        elsewhere = {
            part for m in mappings if m.connection != one.connection for name in m.fields for part in _parts(name)
        }
        told = [
            f.name
            for f in one.fields.values()
            if f.write and f.create_only and not elsewhere.isdisjoint(_parts(f.name))
        ]
        if told:
            said = f"{one.connection} takes {', '.join(told)} with a new record only: a later change elsewhere is not written there."
            found.append(Finding("note", "mapping", f"{place}: {said}"))
        if flags := [name for name in told if name in CHANNELS.values()]:
            said = f"an opt-out that is said elsewhere never reaches a record that is there ({', '.join(flags)})."
            do = f"Map a field that {one.connection} lets us change, or let nobody be written to from there."
            found.append(Finding("warning", "mapping", f"{place}: {said}", do))
    return found


def _parts(name: str) -> tuple[str, ...]:
    return {"full_name": NAME_PARTS, "external_id": ()}.get(name, (name,))


def by_config(one: Checked, error: ConfigError) -> None:
    """Each problem of a config error as a failure of its own; the last carries the hint."""
    for problem in error.problems or (str(error),):
        one.fail("config", problem, error.hint if error.problems else "", "the config")


def by_system(one: Checked, error: SystemFailure, obj: str | None = None, *, local: bool = False) -> None:
    about, whose = next((about, whose) for kind, about, whose in _ABOUT if isinstance(error, kind))
    if local and about == "reach":
        whose = _LOCAL
    place = f"{one.name}:{obj}" if obj else one.name
    message = error.message.removeprefix(f"{one.name}: ")  # the client names the connection by itself
    one.fail(about, f"{place}: {message}", error.hint, whose.format(name=one.name), code=5)


__all__ = ["Checked", "Finding", "by_config", "by_connector", "by_system", "shorter"]
