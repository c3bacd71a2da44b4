"""Where the buyer stands. The stages are ordered, and a buyer may go back."""

from __future__ import annotations

STAGES = (
    "awareness_early",
    "awareness_late",
    "consideration_early",
    "consideration_late",
    "decision_early",
    "decision_late",
)

_POSITION = {stage: position for position, stage in enumerate(STAGES)}


def position(stage: str | None) -> int | None:
    """0 (early awareness) to 5 (late decision); None when not known."""
    return None if stage is None else _POSITION[stage]


def phase(stage: str | None) -> str | None:
    """``awareness``, ``consideration`` or ``decision``; None when not known."""
    return None if stage is None else stage.rpartition("_")[0]


def ready_for_sales(stage: str | None) -> bool:
    """True from late consideration on: what marketing hands over by default (domain.md)."""
    return stage is not None and _POSITION[stage] >= _POSITION["consideration_late"]
