"""The guards' names, keys and limits (interface.md, "Guards")."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .section import Section
from .values import Share, wrong

Count = Annotated[int, Field(ge=0, le=1_000_000_000)]


class GuardLimit(Section):
    """A guard trips past both ``count`` and ``share``, or past ``cap`` alone. None = no such limit."""

    count: Count | None = None
    share: Share | None = None
    cap: Count | None = None


def _limit(count: int | None = None, share: float | None = None, cap: int | None = None) -> GuardLimit:
    return GuardLimit(count=count, share=share, cap=cap)


#: The limits that hold when the config says nothing.
DEFAULT_GUARDS: dict[str, GuardLimit] = {
    "first_run": _limit(100),
    "creates": _limit(100, 0.20, 5_000),
    "updates": _limit(500, 0.25),
    "deletes": _limit(10, 0.02, 500),
    "blanks": _limit(20, 0.01, 1_000),
    "owner_changes": _limit(100, 0.10),
    "lifecycle_regressions": _limit(20, 0.02),
    "share": _limit(500, 0.30),
    "adoption": _limit(100, 0.10),
    "emptied_side": _limit(20, 0.50),
    "quota": _limit(None, 0.80),
}
GUARD_NAMES = tuple(DEFAULT_GUARDS)
#: Guards that have fewer limits than count, share and cap.
_KEYS = {"first_run": ("count",), "emptied_side": ("count", "share"), "quota": ("share",)}


class Guards(Section):
    """Limits by guard name, and what hand-offs do in a stopped run."""

    first_run: GuardLimit | None = None
    creates: GuardLimit | None = None
    updates: GuardLimit | None = None
    deletes: GuardLimit | None = None
    blanks: GuardLimit | None = None
    owner_changes: GuardLimit | None = None
    lifecycle_regressions: GuardLimit | None = None
    share: GuardLimit | None = None
    adoption: GuardLimit | None = None
    emptied_side: GuardLimit | None = None
    quota: GuardLimit | None = None
    handoffs: Literal["flow", "hold"] | None = None

    @model_validator(mode="after")
    def _keys_have_meaning(self) -> Guards:
        for name, keys in _KEYS.items():
            limit: GuardLimit | None = getattr(self, name)
            extra = sorted(limit.model_fields_set - set(keys)) if limit else []
            if extra:
                raise wrong(
                    f"the guard `{name}` has no `{extra[0]}`.", f"It takes {' and '.join(f'`{k}`' for k in keys)}."
                )
        return self


def limits(*layers: Guards | None) -> dict[str, GuardLimit]:
    """Every guard's limit: the defaults, overlaid key by key by each layer in turn."""
    result = dict(DEFAULT_GUARDS)
    for layer in layers:
        for name in GUARD_NAMES:
            limit: GuardLimit | None = getattr(layer, name) if layer else None
            if limit is not None:
                result[name] = result[name].model_copy(update={k: getattr(limit, k) for k in limit.model_fields_set})
    return result


def handoffs_flow(*layers: Guards | None) -> bool:
    """Whether hand-offs still flow in a run that a guard stopped (default yes); the last layer that says so decides."""
    said = [layer.handoffs for layer in layers if layer and layer.handoffs]
    return not said or said[-1] == "flow"
