"""Public holidays of a country or of a part of it, from the `holidays` package, which is loaded when it is needed."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any


class UnknownHolidays(ValueError):
    """No such country, or no such part of it. ``hint`` says what there is."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@lru_cache(maxsize=512)
def holidays_of(name: str, year: int) -> frozenset[date]:
    """The public holidays of ``DE-BE`` (or ``DE``) in a year, substitute days included. Raises UnknownHolidays."""
    return frozenset(_source(name, year))


@lru_cache(maxsize=512)
def named_holidays(name: str, year: int) -> tuple[tuple[date, str], ...]:
    """The same with their names in English (whatever the machine speaks), in order."""
    return tuple(sorted((day, str(said)) for day, said in _source(name, year).items()))


def _source(name: str, year: int) -> Any:
    import holidays  # a list of all countries would load them all, which takes half a second

    country, _, part = name.partition("-")
    kind = getattr(holidays, country, None) if country.isupper() and len(country) in (2, 3) else None
    if kind is None or getattr(kind, "country", None) is None:  # (ECB is a market)
        raise UnknownHolidays(f"no public holidays are known for {country}.", "Name a country by its ISO code: `DE`.")
    if part and part not in kind.subdivisions:
        parts = ", ".join(f"`{country}-{one}`" for one in kind.subdivisions[:20]) or f"only `{country}`"
        raise UnknownHolidays(f"no public holidays are known for {name}.", f"Known: {parts}.")
    return holidays.country_holidays(country, subdiv=part or None, years=[year], language="en_US")


__all__ = ["UnknownHolidays", "holidays_of", "named_holidays"]
