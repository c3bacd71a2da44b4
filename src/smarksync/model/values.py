"""The words for "no value", and for a value that cannot be taken.

There are five empties and they are five things: *absent* (not read or not mapped: never compared,
never written), *null* (read, no value), ``""``, ``0``, ``false`` and ``[]`` (values like any other).
"""

from __future__ import annotations

from typing import Any, Final, final


@final
class Absent:
    """The type of :data:`ABSENT`. It has no truth value: code that asks for one has mixed up two empties."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "ABSENT"

    def __bool__(self) -> bool:
        raise TypeError("ABSENT has no truth value: ask `is ABSENT`, or blank()")

    def __reduce__(self) -> str:
        return "ABSENT"

    def __copy__(self) -> Absent:
        return self

    def __deepcopy__(self, memo: Any) -> Absent:
        return self


#: Not read or not mapped. Never stored: in wire form an absent field is a missing key.
ABSENT: Final = Absent()


class ValueProblem(ValueError):
    """A value that a field cannot take. ``code`` is stable; ``message`` is for people and holds no personal data.

    Codes: ``SMK-VALUE-TYPE`` (not a value of this type), ``SMK-VALUE-UNKNOWN`` (no such word or country).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def wrong_type(what: str) -> ValueProblem:
    """A problem of type, said without the value."""
    return ValueProblem("SMK-VALUE-TYPE", what)


def unknown_word(what: str) -> ValueProblem:
    """A problem of an unknown word."""
    return ValueProblem("SMK-VALUE-UNKNOWN", what)


def blank(wire: Any) -> bool:
    """True for null, ``""`` and ``[]``; zero and false are values. Absent is not blank: it is not there."""
    return wire is None or wire == "" or wire == []
