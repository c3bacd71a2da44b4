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
    import holidays  # 0.5 s of its own

    country, _, part = name.partition("-")
    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        raise UnknownHolidays(f"no public holidays are known for {country}.", "Name a country by its ISO code: `DE`.")
    if part and part not in known[country]:
        parts = ", ".join(f"`{country}-{one}`" for one in known[country][:20]) or f"only `{country}`"
        raise UnknownHolidays(f"no public holidays are known for {name}.", f"Known: {parts}.")
    return holidays.country_holidays(country, subdiv=part or None, years=[year], language="en_US")


__all__ = ["UnknownHolidays", "holidays_of", "named_holidays"]
