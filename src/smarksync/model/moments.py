"""Instants as integers: microseconds since 1970 in UTC, as the ledger's facts and cases keep them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
DAY = 86_400 * SECOND


def micros(moment: str | datetime) -> int:
    """From an aware datetime, or an instant in wire form (``…Z``)."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return (moment - _EPOCH) // _MICROSECOND


def moment(at: int) -> datetime:
    """Back to an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def wire(at: int) -> str:
    """The instant in wire form: six digits and Z."""
    return moment(at).isoformat(timespec="microseconds")[:-6] + "Z"
