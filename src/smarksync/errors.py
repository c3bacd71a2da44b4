"""Words for failure, grouped by what to do next.

::

    SmarkSyncError            code, message, hint; exit code
    ├── UsageError            2   the command line
    ├── ConfigError           2   file, line, what would be right
    ├── LeaseHeld             75  another run is at it
    ├── LedgerError           2   our own memory cannot be opened or written (full disk, newer schema)
    └── SystemFailure         5   a whole call to a system failed
        ├── Transient         network, 5xx: the client has retried already
        ├── Throttled         the vendor's limit; ``retry_after`` seconds
        ├── AuthFailed        credentials refused
        ├── PermissionDenied  credentials fine, right missing
        ├── Invalid           the vendor refused the request as wrong: a defect of mapping or connector
        ├── Malformed         the answer is not what the vendor documents (HTML, cut JSON)
        └── Unknown           may have been applied: look before sending again

Every error says what happened, where, whose problem it is and what to do. Messages carry no personal
data: name records by reference (``connection:object:id``).
"""

from __future__ import annotations

from typing import Any


class SmarkSyncError(Exception):
    """Base of all errors that users read. ``code`` is stable; ``hint`` is the next step."""

    code = "SMK-000"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", code: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.facts = facts
        if code:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip() if self.hint else self.message


class UsageError(SmarkSyncError):
    """The command line asks for something that does not exist or fit."""

    code = "SMK-USAGE"
    exit_code = 2


class ConfigError(SmarkSyncError):
    """The config is wrong. ``file`` and ``line`` say where; ``problems`` lists all that were found."""

    code = "SMK-CONFIG"
    exit_code = 2

    def __init__(
        self, message: str, *, file: str = "", line: int | None = None, hint: str = "", problems: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.file = file
        self.line = line
        self.problems = problems

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file and self.line else (f"{self.file}: " if self.file else "")
        return where + super().__str__()


class LeaseHeld(SmarkSyncError):
    """Another run holds a lease that this one needs."""

    code = "SMK-LEASE"
    exit_code = 75


class LeaseLost(SmarkSyncError):
    """Our lease was taken over while we worked: nothing more may be committed."""

    code = "SMK-LEASE-LOST"
    exit_code = 75


class LedgerError(SmarkSyncError):
    """Our own memory cannot be opened or written."""

    code = "SMK-LEDGER"
    exit_code = 2


class SystemFailure(SmarkSyncError):
    """A whole call to a connected system failed. ``connection`` is filled in by the engine."""

    code = "SMK-SYSTEM"
    exit_code = 5
    connection: str = ""


class Transient(SystemFailure):
    """Network trouble or a server error, after the client's own retries."""

    code = "SMK-TRANSIENT"


class Throttled(SystemFailure):
    """The vendor's limit was reached; ``retry_after`` is in seconds, None when the vendor does not say.

    ``kept``: what is left of the day is kept for hand-offs, which go on.
    """

    code = "SMK-THROTTLED"
    kept = False

    def __init__(self, message: str, *, retry_after: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class AuthFailed(SystemFailure):
    """The credentials were refused."""

    code = "SMK-AUTH"


class PermissionDenied(SystemFailure):
    """The credentials are fine, a right is missing."""

    code = "SMK-PERMISSION"


class Invalid(SystemFailure):
    """The vendor refused the request as wrong."""

    code = "SMK-INVALID"


class Malformed(SystemFailure):
    """The answer is not what the vendor documents."""

    code = "SMK-MALFORMED"


class Unknown(SystemFailure):
    """The call may have been applied: look before sending again."""

    code = "SMK-UNKNOWN"
